"""A group of a tenant that no tenant gives is named wherever identities and rights are shown."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli import Failure
from cotenant.cli.iam.listing import rows
from cotenant.cli.iam.resolution import Resolved, astray, everybody, named, resolve
from cotenant.cli.iam.stores import Stores
from cotenant.cli.question import Asked, question
from cotenant.cli.verify import unlisted
from cotenant.cli.who_can import answers
from cotenant.cli.why_access import lines
from cotenant.kube.errors import Forbidden
from cotenant.model.iam.awsauth import NAME, NAMESPACE
from cotenant.model.iam.strays import NOBODY
from cotenant.model.iam.ways import ways
from cotenant.model.platform import Platform
from unit.cli.test_why_access import flags
from unit.cluster import Cluster as Kubernetes
from unit.model.iam.test_ways import BOUND, SECRETS

ROLE = "arn:aws:iam::111122223333:role/"
ITEM = "- {{rolearn: '{}{}', username: '{}', groups: ['cotenant:red:owner']}}\n"
GRANT = BOUND._replace(subjects=(("Group", "cotenant:red:owner"),))


@pytest.fixture
def cluster() -> Kubernetes:
    found = Kubernetes()
    found.put("Tenant", "red", spec={"members": [{"role": "owner", "iamRole": f"{ROLE}Dev"}]})
    return found


def stores(cluster: Any) -> Stores:
    data = {"mapRoles": ITEM.format(ROLE, "Dev", "dev") + ITEM.format(ROLE, "Old", "old")}
    item = cluster.objects.get(("ConfigMap", NAMESPACE, NAME)) or cluster.put("ConfigMap", NAME, NAMESPACE, data=data)
    return Stores(cluster, Platform(), mode="CONFIG_MAP", aws_auth=item)


async def test_the_list_faults_it_with_the_command_that_takes_it_away(cluster: Kubernetes) -> None:
    found = {one.principal: one for one in await rows(stores(cluster), policies=False)}
    assert not found[f"{ROLE}Dev"].fault
    assert found[f"{ROLE}Old"].fault
    assert found[f"{ROLE}Old"].note == f"{NOBODY} for cotenant:red:owner: cotenant iam apply --store aws-auth --prune"


async def test_a_right_that_comes_by_it_has_no_tenant_for_its_origin(cluster: Kubernetes) -> None:
    people = await everybody(stores(cluster), policies=False)
    said = {one.subject: one.origin for one in answers(SECRETS, ["red-dev"], [GRANT], people)}
    group = {"Group cotenant:red:owner": "tenant spec"}
    assert said == group | {f"{ROLE}Dev": "tenant spec", f"{ROLE}Old": NOBODY}


async def test_who_has_it_is_allowed_and_not_as_a_member(cluster: Kubernetes) -> None:
    async def told(name: str) -> str:
        who = await resolve(stores(cluster), f"{ROLE}{name}")
        found = tuple(ways(SECRETS, who.username, who.groups, [], [GRANT], "", who.astray))
        return "\n".join(lines(Asked(SECRETS, who, tuple(who.groups), found, (GRANT,)), "red"))

    assert (await told("Dev")).startswith("ALLOWED: ")
    old = await told("Old")
    assert old.startswith("ALLOWED, and not as a member of tenant red: ")
    assert f"in red-dev ({NOBODY})" in old


async def test_a_proof_has_it_for_the_tenant(cluster: Kubernetes) -> None:
    people = await everybody(stores(cluster), policies=False)
    found = [one for who in people for one in unlisted(who)]
    assert [(tenant, one.principal, one.groups) for tenant, one in found] == [
        ("red", f"{ROLE}Old", ("cotenant:red:owner",))
    ]


async def test_nobody_is_accused_where_tenants_cannot_be_read(cluster: Kubernetes) -> None:
    cluster.refuse("list", "Tenant", error=Forbidden(403, "Forbidden", "no"))
    there = stores(cluster)
    who = Resolved(f"{ROLE}Old", "old", ["cotenant:red:owner"], "aws-auth mapRoles[1]", "cotenant")
    assert await astray(there, [who.identity]) == []
    assert there.unread[0].startswith("tenants, whom they list")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("Backend", "is no ARN of an IAM principal"),
        ("arn:aws:iam::12345678901:role/x", "12 digits"),
        ("arn:aws:sts::12345678901:assumed-role/x/me", "12 digits"),
    ],
)
def test_a_question_about_nobody_is_refused_with_the_reason(bad: str, reason: str) -> None:
    with pytest.raises(Failure, match=reason):
        named(bad)
    with pytest.raises(Failure, match=reason):
        question(flags(principal=bad))


def test_a_session_may_be_asked_about() -> None:
    assert named("arn:aws:sts::111122223333:assumed-role/Dev/me")
