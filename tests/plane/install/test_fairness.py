"""One tenant's storm, and whom it holds up: the level that a request is in, and the line that it waits in. Counted."""

from __future__ import annotations

import asyncio
import http.client
import re
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from cotenant.cli.install import install
from cotenant.cli.installation.predecessor import running
from cotenant.cli.uninstall import uninstall
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues, fairness

pytestmark = pytest.mark.cluster
RBAC = "rbac.authorization.k8s.io"
ROBOTS = 20
"""ServiceAccounts of the tenant that storms: natively each would have a line of its own."""
LARGE = {f"k{number}": "x" * 4000 for number in range(100)}
STORM = """
import http.client, ssl, sys, threading
host, port, ca, path, *tokens = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
def one(token):
    while True:
        try:
            line = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
            while True:
                line.request("GET", path, headers={"Authorization": "Bearer " + token})
                line.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass
for token in tokens * 3:
    threading.Thread(target=one, args=[token]).start()
"""


@pytest.fixture(scope="module")
async def fair(narrow) -> AsyncIterator[Client]:
    admin = Client(await Transport.from_kubeconfig(narrow.kubeconfig))
    await install(admin, InstallValues(fairness=True), with_operator=False, wait=False)
    for name in ("storm", "calm"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await admin.create(resource.NAMESPACES, namespace)
        await admin.create(resource.ROLE_BINDINGS, {
            "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "all", "namespace": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "eve"},
                         {"apiGroup": RBAC, "kind": "Group", "name": f"system:serviceaccounts:{name}"}]})  # fmt: skip
        settings = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "x", "namespace": name},
            "data": LARGE,
        }
        await admin.create(resource.CONFIG_MAPS, settings)
    yield admin
    await admin.close()


def schemas(plane) -> dict[str, float]:
    """FlowSchema -> requests that were worked on, since the API server began."""
    text = plane.wire().request("GET", "/metrics")[1].decode()
    found: dict[str, float] = {}
    line = r'apiserver_flowcontrol_dispatched_requests_total\{flow_schema="([^"]+)",priority_level="[^"]+"\} (\S+)'
    for name, count in re.findall(line, text):
        found[name] = found.get(name, 0) + float(count)
    return found


async def schemas_of(plane, kubeconfig, namespace: str) -> set[str]:
    """The FlowSchemas through which as many requests went as somebody made just now."""
    client = Client(await Transport.from_kubeconfig(kubeconfig))
    before = schemas(plane)
    for _ in range(60):
        await client.raw("GET", f"/api/v1/namespaces/{namespace}/configmaps/nothing")
    after = schemas(plane)
    await client.close()
    return {name for name in after if after[name] - before.get(name, 0) >= 60}


async def test_members_and_their_robots_are_in_the_level_and_nobody_who_runs_the_cluster_is(narrow, fair):
    somebody = {
        "cotenant-people": narrow.user("eve"),
        "cotenant-accounts": narrow.service_account("storm", "default"),
        "cotenant-operator": narrow.service_account("cotenant-system", "cotenant"),
        "exempt": narrow.kubeconfig,
        "kube-system-service-accounts": narrow.service_account("kube-system", "default"),
    }
    for name, kubeconfig in somebody.items():
        # Kubernetes' own controllers never rest, and an API server hears of a new schema a moment later.
        async with asyncio.timeout(120):
            while name not in (busy := await schemas_of(narrow, kubeconfig, "storm")):
                await asyncio.sleep(0.5)
        assert not {one for one in busy - {name} if one.startswith("cotenant-")}, busy
    levels = {one["metadata"]["name"]: one for one in (await fair.list(resource.FLOW_SCHEMAS)).items}
    assert all(
        one.get("status", {}).get("conditions", [{}])[0].get("status") != "True"  # Dangling
        for name, one in levels.items()
        if name.startswith("cotenant-")
    )


async def test_one_robot_of_a_calm_tenant_gets_more_answers_than_one_of_sixty_that_storm(narrow, fair):
    """Up to three times: what a machine does beside it takes turns from either."""
    told = []
    for _ in range(3):
        shares = await share_of_the_calm(narrow)
        await install(fair, InstallValues(fairness=False), with_operator=False, wait=False)
        without = await share_of_the_calm(narrow)
        await install(fair, InstallValues(fairness=True), with_operator=False, wait=False)
        told.append(f"answers to the calm for one of an average client: {shares:.1f} with, {without:.1f} without")
        if shares > without and shares > 1.5:
            return
    raise AssertionError(told)


async def share_of_the_calm(plane) -> float:
    """How many answers a calm client gets in ten seconds for one that a client of the storm gets on average."""
    tokens = [plane.service_account_token("storm", f"robot-{n}", create=True) for n in range(ROBOTS)]
    mine = plane.service_account_token("calm", "robot", create=True)
    parts = urlsplit(plane.urls[0])
    ca = str(plane.ca_file)
    given = [str(parts.hostname), str(parts.port), ca, "/api/v1/namespaces/storm/configmaps?resourceVersion=", *tokens]
    storm = subprocess.Popen([sys.executable, "-c", STORM, *given])
    try:
        time.sleep(3)
        before = schemas(plane)
        answers = answered(parts, ca, mine, 10)
        after = schemas(plane)
    finally:
        storm.kill()
        storm.wait()
    name = (
        "cotenant-accounts"
        if after.get("cotenant-accounts", 0) > before.get("cotenant-accounts", 0)
        else "service-accounts"
    )
    others = (after[name] - before.get(name, 0) - answers) / (ROBOTS * 3)
    return answers / max(others, 0.01)


def answered(parts, ca: str, token: str, seconds: float) -> int:
    """How many answers one client gets that asks again as soon as it has one."""
    line = http.client.HTTPSConnection(
        parts.hostname, parts.port, context=ssl.create_default_context(cafile=ca), timeout=60
    )
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        line.request("GET", "/api/v1/namespaces/calm/configmaps/x", headers={"Authorization": f"Bearer {token}"})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        count += 1
    line.close()
    return count


async def test_the_choice_stays_can_be_taken_back_and_goes_with_an_uninstall(fair):
    found = await running(fair)
    assert found is not None
    assert found.fairness
    wanted = {one["metadata"]["name"] for one in fairness(InstallValues(fairness=True))}
    assert await there(fair) == wanted
    await install(fair, InstallValues(fairness=False), with_operator=False, wait=False)
    assert await there(fair) == set()
    await install(fair, InstallValues(fairness=True), with_operator=False, wait=False)
    await uninstall(fair, Platform())
    assert await there(fair) == set()


async def there(admin: Client) -> set[str]:
    return {
        one["metadata"]["name"]
        for kind in (resource.PRIORITY_LEVELS, resource.FLOW_SCHEMAS)
        for one in (await admin.list(kind)).items
        if one["metadata"]["name"].startswith("cotenant-")
    }
