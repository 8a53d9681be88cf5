"""Two things at the same moment: a Space made and deleted at once, a Space made while its tenant goes."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube.client import Client
from cotenant.kube.resource import SPACES
from cotenant.kube.transport import Transport
from installation import KINDS, Cluster
from vocabulary import (
    Team,
    eventually,
    expect_condition,
    expect_ready,
    expect_settled,
    given_space,
    given_tenant,
    gone,
    space_of,
    subjects,
)

pytestmark = pytest.mark.cluster
HOLD = "example.com/hold"


def unaccounted(cluster: Cluster, team: Team) -> set[str]:
    """Namespaces of the tenant that are no home, stay, and that no Space stands for."""
    found = cluster.list("Namespace", labels=f"cotenant.dev/tenant={team.name}")
    spaces = cluster.names("Space", team.home)
    return {
        one["metadata"]["name"]
        for one in found
        if "deletionTimestamp" not in one["metadata"]
        and one["metadata"]["labels"].get("cotenant.dev/space", "") not in {"", *spaces}
    }


def test_spaces_deleted_a_moment_after_they_were_made_leave_no_namespace_behind(cluster):
    team = given_tenant(cluster, "hasty", limit=500)

    async def hasty(client: Client, number: int) -> None:
        name = f"s{number}"
        await client.create(SPACES, space_of(team, name))
        await asyncio.sleep(0.001 * (number % 40))
        await client.delete(SPACES, name, team.home)

    async def all_at_once() -> None:
        client = Client(await Transport.from_kubeconfig(cluster.plane.kubeconfig))
        for first in range(0, 240, 8):
            await asyncio.gather(*(hasty(client, number) for number in range(first, first + 8)))
        await client.close()

    asyncio.run(all_at_once())
    expect_settled(cluster)
    eventually(lambda: not unaccounted(cluster, team), within=10)
    # What was held in time goes the usual way: it waits for an administrator.
    for one in cluster.list("Space", team.home):
        assert one["metadata"]["deletionTimestamp"]


def test_a_space_made_while_its_tenant_is_being_deleted_gets_nothing(cluster):
    team = given_tenant(cluster, "going", spaces=["dev"])
    expect_ready(team, "dev")
    cluster.patch("Tenant", team.name, {"metadata": {"finalizers": [HOLD, "cotenant.dev/tenant"]}})
    cluster.delete("Tenant", team.name)
    given_space(team, "late", ready=False)

    message = expect_condition(lambda: team.space("late"), "Creating", "is being deleted")
    assert message == f"tenant {team.name} is being deleted"
    assert cluster.get("Namespace", team.namespace("late")) is None
    eventually(lambda: subjects(cluster, team.home) == {} and subjects(cluster, team.namespace("dev")) == {})

    # The Tenant may stay for others' sake after we let it go: that changes nothing.
    eventually(lambda: team.tenant()["metadata"]["finalizers"] == [HOLD])
    given_space(team, "later", ready=False)
    expect_condition(lambda: team.space("later"), "Creating", "is being deleted")
    cluster.patch("Tenant", team.name, {"metadata": {"finalizers": []}})
    eventually(gone(cluster, "Tenant", team.name))
    expect_condition(lambda: team.space("late"), "TenantNotFound")
    assert cluster.get("Namespace", team.namespace("late")) is None
    assert cluster.get("Namespace", team.namespace("later")) is None

    given_tenant(cluster, "", named=team.name)
    expect_ready(team, "dev", "late", "later", within=20)


def test_a_space_made_while_its_tenant_and_all_its_namespaces_go_goes_too(cluster):
    team = given_tenant(cluster, "leaving", spaces=["dev"], deletionPolicy="Delete")
    expect_ready(team, "dev")
    cluster.annotate("Tenant", team.name, confirm_delete=team.name)
    cluster.patch("Tenant", team.name, {"metadata": {"finalizers": [HOLD, "cotenant.dev/tenant"]}})
    cluster.delete("Tenant", team.name)
    path = KINDS["Space"].path(team.home)
    status, _ = cluster.plane.wire().json("POST", path, space_of(team, "late"))
    assert status in (201, 403), "made, or refused because the home goes already"

    eventually(lambda: all(one["metadata"].get("deletionTimestamp") for one in cluster.list("Space", team.home)))
    assert cluster.get("Namespace", team.namespace("late")) is None
    cluster.patch("Tenant", team.name, {"metadata": {"finalizers": ["cotenant.dev/tenant"]}})
