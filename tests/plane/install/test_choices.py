"""`cotenant install` over an installation that runs: what it keeps, what it shows first, what it refuses, what it waits for."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time

import pytest

from cotenant.cli.install import install
from cotenant.cli.installation.predecessor import running
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden
from cotenant.kube.transport import Transport
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues
from cotenant.runtime.rights import Right, RightsMissing, require

pytestmark = pytest.mark.cluster
START = [sys.executable, "-c", "from cotenant.cli import main; main()", "install"]
IMAGE = "registry.example.com/cotenant:1"


@pytest.fixture
async def again(control_plane, admin, installed):
    """Runs the command beside an installation; afterwards everything is as plain as before."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = control_plane.environment(control_plane.kubeconfig)
        return subprocess.run([*START, *arguments], env=environment, capture_output=True, text=True, timeout=300)

    yield run
    await install(admin, InstallValues(), wait=False)


async def bound(admin) -> set[str]:
    """The ClusterRoles that the operator may bind."""
    role = await admin.get(resource.CLUSTER_ROLES, "cotenant-operator")
    return {name for rule in role["rules"] if "bind" in rule["verbs"] for name in rule["resourceNames"]}


async def checksum(admin) -> str:
    found = await admin.get(resource.DEPLOYMENTS, "cotenant", "cotenant-system")
    return found["spec"]["template"]["metadata"]["annotations"]["cotenant.dev/settings-sha256"]


async def answered(call) -> str:
    """ "" where the request is granted, else what RBAC says."""
    try:
        await call
    except Forbidden as refusal:
        return refusal.message
    return ""


async def soon(fact) -> None:
    """An authorizer hears of a change of roles a moment later."""
    async with asyncio.timeout(120):
        while not await fact():
            await asyncio.sleep(0.05)


async def test_strict_accounting_goes_with_its_rights_stays_away_without_a_flag_and_comes_back(admin, operator, again):
    async def sees_pods() -> bool:
        return not await answered(operator.list(resource.PODS, limit=1))

    await soon(sees_pods)
    for kind in (resource.SERVICES, resource.PERSISTENT_VOLUME_CLAIMS):
        assert not await answered(operator.list(kind, limit=1))
    for kind in (resource.SECRETS, resource.CONFIG_MAPS, resource.NODES):
        assert "cannot list" in await answered(operator.list(kind, limit=1))
    for verb in (operator.delete(resource.PODS, "x", "default"), operator.merge(resource.PODS, "x", {}, "default")):
        assert "cannot" in await answered(verb)
    beat = {"metadata": {"name": "cotenant-heartbeat", "namespace": "cotenant-system"}}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"} | beat
    assert not await answered(operator.create(resource.LEASES, lease))
    assert not await answered(
        operator.merge(resource.LEASES, "cotenant-heartbeat", {"spec": {"holderIdentity": "x"}}, "cotenant-system")
    )

    done = again("--no-wait", "--no-operator", "--no-strict-accounting")
    assert "strict accounting: on -> off" in done.stderr
    assert "nothing that exists is deleted, but the rights of strict accounting" in done.stderr
    assert "strict accounting: 4 objects removed" in done.stderr

    async def is_blind() -> bool:
        return not await sees_pods()

    await soon(is_blind)
    # An API server that has once lost its binding would never read the Lease again.
    await admin.get(resource.VALIDATING_POLICY_BINDINGS, "cotenant-strict")
    assert "0 changed" in again("--no-wait", "--no-operator").stderr.splitlines()[-1]
    assert not await sees_pods()
    assert again("--no-wait", "--no-operator", "--strict-accounting").returncode == 0
    await soon(sees_pods)


async def test_what_an_installation_chose_stays_until_a_flag_says_otherwise(admin, again):
    flags = ("--roles", "surveyor", "--replicas", "3", "--metrics-from", "prometheus", "--image", IMAGE)
    assert again("--no-wait", *flags).returncode == 0

    done = again("--no-wait")
    assert "0 changed" in done.stderr.splitlines()[-1]
    assert "cotenant:surveyor" in await bound(admin)
    found = await running(admin)
    assert (found.image, found.replicas, found.metrics_from) == (IMAGE, 3, "prometheus")
    assert again("--no-wait", "--roles", "").returncode == 0
    assert "cotenant:surveyor" not in await bound(admin)


async def test_what_somebody_tuned_in_the_settings_stays(admin, again):
    path = (resource.CONFIG_MAPS, "cotenant-settings", "cotenant-system")
    content = json.loads((await admin.get(*path))["data"]["settings.json"])
    tuned = {"data": {"settings.json": json.dumps(content | {"workers": 3})}}
    await admin.merge(path[0], path[1], tuned, path[2])

    assert again("--no-wait", "--roles", "surveyor").returncode == 0
    assert json.loads((await admin.get(*path))["data"]["settings.json"])["workers"] == 3


async def test_settings_that_cannot_be_read_are_not_written_over(admin, again):
    broken = {"data": {"settings.json": "{"}}
    await admin.merge(resource.CONFIG_MAPS, "cotenant-settings", broken, "cotenant-system")

    done = again("--no-wait")
    assert done.returncode == 2
    assert "mend them: kubectl edit configmap cotenant-settings -n cotenant-system" in done.stderr


async def test_the_cluster_the_effect_and_the_number_come_before_the_first_write(admin, again):
    before = await checksum(admin)
    lines = again("--no-wait", "--roles", "surveyor", "--image", IMAGE).stderr.splitlines()

    first = next(number for number, line in enumerate(lines) if line.startswith("namespace and identity"))
    shown = "\n".join(lines[:first])
    assert "127.0.0.1" in shown
    assert "roles: owner, editor, viewer -> owner, editor, viewer, surveyor" in shown
    assert "objects: 0 new, 5 changed (ValidatingAdmissionPolicy cotenant-leash, " in shown
    assert "Deployment cotenant)" in shown
    assert "ClusterRole cotenant:surveyor does not exist" in shown
    assert await checksum(admin) != before  # or the pods would go on with the settings of before


async def test_a_role_that_members_have_does_not_go_without_a_word(admin, again):
    assert again("--no-wait", "--roles", "surveyor").returncode == 0
    tenant = {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "surveyed"},
        "spec": {"members": [{"role": "surveyor", "user": "sue"}]},
    }
    await admin.create(resource.TENANTS, tenant)
    try:
        done = again("--no-wait", "--roles", "")
        assert done.returncode == 2
        assert "role surveyor is held by members of surveyed" in done.stderr
        assert "cotenant:surveyor" in await bound(admin)
    finally:
        await admin.delete(resource.TENANTS, "surveyed")


async def test_without_an_image_nothing_is_done_and_the_ways_on_are_named(admin, again):
    await admin.delete(resource.DEPLOYMENTS, "cotenant", "cotenant-system")

    done = again()
    assert done.returncode == 2
    assert "Nothing was done" in done.stderr
    assert "--image REGISTRY/cotenant:" in done.stderr
    assert "--no-operator" in done.stderr
    assert "namespace and identity" not in done.stderr


async def test_an_operator_outside_the_cluster_has_to_be_restarted_and_install_says_so(admin, again):
    done = again("--no-wait", "--no-operator", "--roles", "surveyor")
    assert "kubectl rollout restart -n cotenant-system deploy/cotenant" in done.stderr

    await admin.delete(resource.DEPLOYMENTS, "cotenant", "cotenant-system")
    assert "restart `cotenant operator`" in again("--no-wait", "--no-operator", "--roles", "").stderr
    assert "restart" not in again("--no-wait", "--no-operator").stderr


async def nodes(admin, *, unschedulable: bool) -> None:
    for node in (await admin.list(resource.NODES)).items:
        await admin.merge(resource.NODES, node["metadata"]["name"], {"spec": {"unschedulable": unschedulable}})


async def test_waiting_ends_with_the_reason_where_the_operator_does_not_come_up(admin, again):
    await nodes(admin, unschedulable=True)
    try:
        done = again("--image", IMAGE, "--timeout", "10s")
    finally:
        await nodes(admin, unschedulable=False)

    assert done.returncode == 2
    assert "replicas of the operator are ready: no node takes the pod: 0/1 nodes are available" in done.stderr
    done = again()
    assert done.returncode == 0, done.stderr
    assert "operator: 2 of 2 replicas ready" in done.stderr


async def test_ctrl_c_while_waiting_says_what_stays(control_plane, admin, again):
    await nodes(admin, unschedulable=True)
    environment = control_plane.environment(control_plane.kubeconfig)
    try:
        with subprocess.Popen(
            [*START, "--image", "registry.example.com/cotenant:2"], env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            deadline = time.monotonic() + 300
            while "replicas ready" not in process.stderr.readline():
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
    finally:
        await nodes(admin, unschedulable=False)

    assert process.returncode == 130
    assert "interrupted: what was applied stays" in said
    assert "Traceback" not in said


async def test_an_identity_without_rights_is_told_all_that_is_missing(control_plane, installed):
    path = control_plane.service_account("default", "nobody", create=True)
    client = Client(await Transport.from_kubeconfig(path))
    rights = [Right("list", resource.TENANTS), Right("update", resource.LEASES, "cotenant-system", "cotenant")]
    try:
        with pytest.raises(RightsMissing) as missing:
            await require(client, rights, patience=0)
    finally:
        await client.close()

    assert "list tenants.cotenant.dev; update leases.coordination.k8s.io/cotenant in cotenant-system" in str(
        missing.value
    )


async def test_the_operators_own_identity_has_every_right_that_it_asks_for(operator):
    from cotenant.app import needed
    from cotenant.controllers.wiring import reflectors
    from cotenant.controllers.world import World
    from cotenant.runtime.metrics import Metrics
    from cotenant.settings import Settings

    watched = [one.resource for one in reflectors(operator, World(), Metrics())]
    rights = needed(Settings(platform=Platform()), watched)

    assert len(rights) > 20
    await require(operator, rights, patience=0)
