"""pytest plugin: a real Kubernetes control plane as a session fixture.

    def test_a_pod_runs(control_plane, as_user): ...

`--control-plane=auto` starts one if its programs can be found or built, else skips; `require` fails instead of
skipping (for CI); `skip` never starts one; `existing` uses the plane of `cotenant dev up`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from cotenant.local.audit import Mark, Request
    from cotenant.local.eks.cluster import Cluster
    from cotenant.local.handle import Handle

_MODES = ("auto", "existing", "skip", "require")


class AsUser(Protocol):
    """Makes the kubeconfig of a user by client certificate."""

    def __call__(self, name: str, groups: Sequence[str] = (), *, namespace: str = "default") -> Path: ...


class AuditLog:
    """Counts requests: `mark = audit.mark(); …; audit.since(mark, user="alice", writes=True)`."""

    def __init__(self, plane: Handle) -> None:
        self._plane = plane

    def mark(self) -> Mark:
        """This moment in the audit log."""
        return self._plane.audit_mark()

    def since(
        self, mark: Mark, *, user: str | None = None, agent: str | None = None, writes: bool = False
    ) -> list[Request]:
        """Requests since a mark, in order; of a user, of user agents that begin so, or only those that write."""
        return self._plane.audit_since(mark, user=user, agent=agent, writes=writes)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cotenant", "local Kubernetes control plane")
    group.addoption(
        "--control-plane",
        choices=_MODES,
        default="auto",
        help="auto: start one, skip if that cannot be; require: fail instead; existing: that of `cotenant dev up`; skip",
    )
    group.addoption(
        "--control-plane-emulate",
        metavar="1.33…1.36",
        default=None,
        help="the Kubernetes version that the control plane emulates",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: needs the local control plane")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--control-plane") != "skip":
        return
    for item in items:
        if item.get_closest_marker("cluster") is not None:
            item.add_marker(pytest.mark.skip(reason="--control-plane=skip"))


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Iterator[Handle]:
    """One control plane for the whole run. Give each test its own namespaces; do not wait for their deletion."""
    yield from _plane(pytestconfig, apiservers=1)


@pytest.fixture(scope="session")
def control_plane_ha(pytestconfig: pytest.Config) -> Iterator[Handle]:
    """A second control plane, with two API servers on one etcd: for races between admissions."""
    yield from _plane(pytestconfig, apiservers=2)


@pytest.fixture(scope="session")
def control_plane_eks(pytestconfig: pytest.Config) -> Iterator[Handle]:
    """A control plane of its own with AWS' side, for sign-in by IAM: cluster `cotenant-dev`, see `.aws`. Needs cotenant[eks]."""
    from cotenant.local.eks import Cluster

    yield from _plane(pytestconfig, apiservers=1, eks=Cluster())


@pytest.fixture(scope="session")
def admin_kubeconfig(control_plane: Handle) -> Path:
    """Kubeconfig of a member of system:masters."""
    return control_plane.kubeconfig


@pytest.fixture(scope="session")
def as_user(control_plane: Handle) -> AsUser:
    """Makes kubeconfigs of users with a client certificate: `as_user("ann", ["devs"])`."""
    return control_plane.user


@pytest.fixture(scope="session")
def audit(control_plane: Handle) -> AuditLog:
    """Requests that the API server has answered: `mark = audit.mark()`, then `audit.since(mark, user="ann")`."""
    return AuditLog(control_plane)


def _plane(config: pytest.Config, *, apiservers: int, eks: Cluster | None = None) -> Iterator[Handle]:
    from cotenant.local import BinariesMissing, LocalControlPlane

    mode = config.getoption("--control-plane")
    if mode == "skip":
        pytest.skip("--control-plane=skip")
    if mode == "existing":
        with closing(_existing(apiservers, eks)) as found:
            yield found
        return
    emulated = config.getoption("--control-plane-emulate")
    plane = LocalControlPlane(progress=_aloud(config), apiservers=apiservers, emulated_version=emulated, eks=eks)
    try:
        plane.start()
    except BinariesMissing as missing:
        if mode == "require":
            raise
        pytest.skip(str(missing))
    try:
        yield plane
    finally:
        plane.stop()


def _aloud(config: pytest.Config) -> Callable[[str], None]:
    """A first build takes minutes: its progress must not hide in pytest's capture."""

    def say(line: str) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"\n{line}")
            sys.stderr.flush()

    return say


def _existing(apiservers: int, eks: Cluster | None) -> Handle:
    from cotenant.local.handle import Handle
    from cotenant.local.places import dev_directory

    plane = Handle.attach(dev_directory())
    if eks is not None and not plane.signs_in:
        pytest.skip("the plane of `cotenant dev up` was started without --eks")
    if len(plane.urls) < apiservers:
        pytest.skip(f"the plane of `cotenant dev up` has {len(plane.urls)} API servers, {apiservers} are needed")
    return plane
