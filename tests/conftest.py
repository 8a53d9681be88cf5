"""One control plane with cotenant and a running operator for every test that says `cluster`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest
from hypothesis import settings

from installation import Cluster
from workers import TOGETHER, together

# A busy machine is no reason to fail: what is slow is measured by the benches.
settings.register_profile("cotenant", settings.default, deadline=None)
settings.load_profile("cotenant")

# Shells ignore Ctrl-C in what they run in the background, and everything started from there would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Half as much garbage collection in the programs of a plane, for 150 MB more of each API server: its start and an
# installation take 10.8 CPU seconds instead of 14.7.
os.environ.setdefault("GOGC", "200")

_CLUSTER = pytest.StashKey[Cluster]()
_LOG_START = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def installation(control_plane_ha, tmp_path_factory, pytestconfig):
    """A plane of its own with two API servers: other tests want theirs without an operator."""
    found = Cluster(control_plane_ha, tmp_path_factory.mktemp("operator"))
    found.install()
    found.operator.start()
    pytestconfig.stash[_CLUSTER] = found
    yield found
    found.operator.stop()


@pytest.fixture
def cluster(installation):
    """The installation with its operator running, whatever the test before did to it."""
    if not installation.operator.running:
        installation.operator.kill()
        installation.operator.start()
    return installation


@pytest.fixture(scope="session")
def account(control_plane_eks, tmp_path_factory):
    """The plane that people enter by IAM, with an operator that may do what `cotenant iam policy` prints."""
    from cloud import Cloud

    found = Cloud(control_plane_eks, tmp_path_factory.mktemp("cloud"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def administrator(account):
    """Who entered by IAM and prepares things: signed in once."""
    shell = account.shell("administrator")
    assert shell.login().ok
    shell.keep_token()
    return shell


@pytest.fixture
def mapped(account):
    """With an aws-auth that a managed node group made, and no revision of it; gone afterwards."""
    from cloud import AwsAuth

    made = AwsAuth(account.cluster)
    made.clear()
    made.of_nodes()
    yield made
    made.clear()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: together(item.nodeid) not in TOGETHER)


def pytest_collection_finish():
    """Thousands of tests live until the end: no collection of garbage needs to look at them, nor wait for it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByPlane(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    return ByPlane(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """The loop that a test runs in is the current one, where looptime looks for it.

    asyncio.run(), and every loop of one function, leaves no current loop; time would be real in the tests after it.
    """
    for runner in pyfuncitem.funcargs.values():
        if isinstance(runner, asyncio.Runner):
            asyncio.set_event_loop(runner.get_loop())
    return (yield)


def pytest_runtest_setup(item):
    found = item.config.stash.get(_CLUSTER, None)
    if found is not None and found.operator.log.exists():
        item.stash[_LOG_START] = found.operator.log.stat().st_size


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the operator said meanwhile."""
    report = yield
    found = item.config.stash.get(_CLUSTER, None)
    if report.failed and found is not None and _LOG_START in item.stash:
        report.sections.append(("operator", found.operator.tail(item.stash[_LOG_START])))
    return report
