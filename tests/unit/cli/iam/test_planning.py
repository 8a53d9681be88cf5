"""`iam plan` and `iam apply`, without the API server: what they make of tenants, an EKS endpoint and aws-auth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cotenant.cli import Failure
from cotenant.cli.iam.planning import Answer, carry_out, chosen, forecast
from cotenant.cli.iam.stores import Stores, claimed
from cotenant.local.eks import Cluster, Endpoint
from cotenant.model.iam.awsauth import NAME, NAMESPACE, read
from cotenant.model.platform import Platform
from unit.aws.conftest import Rig
from unit.cluster import Cluster as Kubernetes

ITEM = "- rolearn: {}\n  username: x\n  groups: [{}]\n"


class Desk:
    """Somebody who runs the commands on a cluster with tenants."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.cluster = rig, Kubernetes()

    def tenant(self, name: str, *roles: str) -> None:
        members = [{"role": "owner", "iamRole": one} for one in roles]
        self.cluster.put("Tenant", name, spec={"members": members})

    def aws_auth(self, text: str) -> None:
        self.cluster.put("ConfigMap", NAME, NAMESPACE, data={"mapRoles": text})

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Whom aws-auth maps to what, by name of the role."""
        found = read(self.cluster.there("ConfigMap", NAME, NAMESPACE)["data"]).identities()
        return {key.rpartition("/")[2]: one.groups for key, one in found.items()}

    async def ask(self, work: Any, store: str, *tenants: str, adding: bool = True) -> Answer:
        client: Any = self.cluster
        there = self.cluster.objects.get(("ConfigMap", NAMESPACE, NAME))
        found = Stores(client, Platform(), mode="API_AND_CONFIG_MAP", aws_auth=there, adding=adding)
        found.desk = self.rig.another()
        answer: Answer = await work(found, store, await claimed(client, Platform(), tenants), frozenset(tenants))
        return answer


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with Endpoint(Cluster(mode="API_AND_CONFIG_MAP")) as aws:
        for key, value in aws.env().items():
            monkeypatch.setenv(key, value)
        rig = Rig(aws)
        yield Desk(rig)
        rig.calls.close()


def told(found: Answer) -> list[tuple[str, str]]:
    """(action, name) of the lines that are not as they are."""
    return [(one.action, one.principal.rpartition("/")[2]) for one in found.lines if one.action != "keep"]


async def test_an_entry_that_two_tenants_share_keeps_both_groups_when_one_is_named(desk: Desk) -> None:
    shared, other = desk.rig.role("Shared"), desk.rig.role("Other")
    desk.tenant("back", shared)
    desk.tenant("front", shared, other)
    assert told(await desk.ask(forecast, "entries", "back")) == [("create", "Shared")]
    assert told(await desk.ask(carry_out, "entries", "back")) == [("create", "Shared")]
    assert desk.rig.entry(shared)["kubernetesGroups"] == ["cotenant:back:owner", "cotenant:front:owner"]
    assert desk.rig.entries() == [shared]


async def test_an_item_that_two_tenants_share_keeps_both_groups_when_one_is_named(desk: Desk) -> None:
    shared, other = desk.rig.role("Shared"), desk.rig.role("Other")
    desk.tenant("back", shared)
    desk.tenant("front", shared, other)
    desk.aws_auth("")
    await desk.ask(carry_out, "aws-auth", "front")
    before = desk.groups()
    assert before["shared"] == ("cotenant:back:owner", "cotenant:front:owner")
    assert told(await desk.ask(forecast, "aws-auth", "back")) == []
    await desk.ask(carry_out, "aws-auth", "back")
    assert desk.groups() == before


async def test_a_tenant_that_is_not_there_is_named(desk: Desk) -> None:
    desk.tenant("back")
    with pytest.raises(Failure, match="there is no tenant frnot"):
        await desk.ask(forecast, "entries", "frnot")


async def test_with_a_tenant_named_nothing_is_removed_and_only_its_own_is_reported(desk: Desk) -> None:
    role = desk.rig.role("Dev")
    desk.tenant("back", role)
    desk.tenant("front", "arn:aws:iam::111122223333:role/Nobody")
    await desk.ask(carry_out, "entries", "back")
    desk.tenant("back")
    for work in (forecast, carry_out):
        assert told(await desk.ask(work, "entries", "back")) == [("conflict", "Dev")]
        assert [one for one, _ in told(await desk.ask(work, "entries", "front"))] == ["conflict"]
    assert desk.rig.entries() == [role]
    assert told(await desk.ask(forecast, "entries")) == [("delete", "Dev"), ("conflict", "nobody")]


async def test_a_plan_names_who_has_a_group_in_either_store_that_no_tenant_gives(desk: Desk) -> None:
    desk.tenant("back")
    theirs = desk.rig.role("Theirs")
    desk.rig.eks.create_access_entry(
        clusterName="cotenant-dev", principalArn=theirs, kubernetesGroups=["cotenant:back:owner"]
    )
    desk.aws_auth(ITEM.format("arn:aws:iam::111122223333:role/Old", "cotenant:back:viewer"))
    for work in (forecast, carry_out):
        found = await desk.ask(work, "entries")
        assert sorted(told(found)) == [("conflict", "Old"), ("conflict", "Theirs")]
    assert "cotenant iam apply --store aws-auth" in "".join(one.why for one in found.lines)
    assert told(await desk.ask(forecast, "aws-auth")) == [("remove", "Old")]
    assert told(await desk.ask(carry_out, "aws-auth")) == [("remove", "Old")]
    assert told(await desk.ask(carry_out, "aws-auth")) == []


async def test_an_apply_that_reaches_nothing_says_so_though_there_is_no_member(desk: Desk) -> None:
    desk.rig.aws.fail("ListAccessEntries", "AccessDeniedException", times=9, message="nope")
    found = await desk.ask(carry_out, "entries")
    assert "eks:ListAccessEntries" in found.refused[0]


def test_where_eks_was_asked_and_refused_its_word_comes_first_and_nobody_is_sent_to_aws_auth() -> None:
    client: Any = None
    asked = Stores(client, Platform(), eks_name="nope", unread=["EKS: No cluster found for name: nope."])
    with pytest.raises(Failure) as refused:
        chosen(asked, "")
    assert str(refused.value).startswith("EKS: No cluster found for name: nope.")
    assert "aws-auth" not in str(refused.value)
    with pytest.raises(Failure, match="--eks-cluster"):
        chosen(Stores(client, Platform()), "")


async def test_the_remedy_for_an_item_of_nobody_adds_nobody_else_to_aws_auth(desk: Desk) -> None:
    desk.tenant("back", "arn:aws:iam::111122223333:role/Dev", "arn:aws:iam::111122223333:role/Member")
    items = ("Old", "cotenant:back:viewer"), ("Dev", "cotenant:back:owner, cotenant:front:owner")
    desk.aws_auth("".join(ITEM.format(f"arn:aws:iam::111122223333:role/{name}", groups) for name, groups in items))
    assert told(await desk.ask(forecast, "aws-auth", adding=False)) == [("change", "Dev"), ("remove", "Old")]
    await desk.ask(carry_out, "aws-auth", adding=False)
    assert desk.groups() == {"dev": ("cotenant:back:owner",)}


@pytest.mark.parametrize("store", ["entries", "aws-auth"])
async def test_a_username_that_can_be_another_tenants_user_is_told_and_taken_back_in_either_store(
    desk: Desk, store: str
) -> None:
    role = desk.rig.role("Dev")
    member = {"role": "viewer", "iamRole": role, "username": "blue:{{SessionName}}"}
    desk.aws_auth("")
    desk.cluster.put("Tenant", "red", spec={"members": [member]})
    before = await desk.ask(carry_out, store)
    assert [one.after for one in before.lines] == ["blue:{{SessionName}} in cotenant:red:viewer"]
    desk.cluster.put("Tenant", "blue", spec={"members": [{"role": "owner", "user": "blue:ann"}]})
    for _ in range(2):
        desk.rig.clock.now += 60
        after = await desk.ask(carry_out, store, "red")
        assert ("conflict", "Dev") in told(after)
    if store == "entries":
        assert "assumed-role/Dev/" in desk.rig.entry(role)["username"]
    else:
        [one] = read(desk.cluster.there("ConfigMap", NAME, NAMESPACE)["data"]).identities().values()
        assert "assumed-role/Dev/" in one.username
