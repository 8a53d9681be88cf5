"""Walkthrough 2, as far as it is about quota: one limit for all spaces of an account, by cotenant's own API."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from plane.cli.test_commands import cotenant
from vocabulary import (
    Team,
    deployment,
    eventually,
    expect_created,
    expect_denied,
    expect_ready,
    given_tenant,
    in_force,
    pod,
)

pytestmark = pytest.mark.cluster
HARD = {"pods": 2, "limits.cpu": "4"}
"""node-quota.yml of the walkthrough."""
ONE = {"limits": {"cpu": "1"}}


def quota_of(name: str) -> str:
    """The walkthrough's AccountQuota: here it is a part of the Tenant, which its administrator applies again."""
    members = [{"role": "owner", "user": "dev"}]
    spec = {"members": members, "pods": {"security": "baseline"}, "quota": {"hard": HARD}}
    spec |= {"spaces": {"declared": ["node", "second"], "limit": 5}}
    metadata = {"name": name}
    return json.dumps({"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": metadata, "spec": spec})


@pytest.fixture
def account(cluster) -> Team:
    """node-account under a name of its own for each test, with the spaces node and second, and the quota."""
    team = given_tenant(cluster, "node-account", spaces=["node", "second"], members=[{"role": "owner", "user": "dev"}])
    expect_ready(team, "node", "second")
    assert cluster.admin.apply(quota_of(team.name)).ok
    eventually(lambda: cluster.there("TenantLedger", "pods", team.home)["spec"]["limit"] == 2)
    for space in ("node", "second"):
        eventually(lambda at=space: HARD.keys() <= in_force(cluster, team.namespace(at)).keys())
    team.owner = cluster.user("dev")
    return team


def pods(team: Team) -> int:
    return sum(len(team.cluster.names("Pod", team.namespace(space))) for space in ("node", "second"))


def run(team: Team, name: str, space: str, cpu: str = "1", replicas: int = 1) -> None:
    """Pods that the account has room for, of a Deployment: what it asks for is brought to where it is."""
    manifest = deployment(name, team.namespace(space), replicas=replicas, resources={"limits": {"cpu": cpu}})
    before = pods(team)
    expect_created(team.owner.apply(manifest))
    eventually(lambda: pods(team) == before + replicas, within=20)


def test_s2_26_an_administrator_sets_the_quota_of_an_account(cluster):
    team = given_tenant(cluster, "node-account", spaces=["node", "second"])
    expect_ready(team, "node", "second")

    answer = cluster.admin.apply(quota_of(team.name))

    assert f"tenant.cotenant.dev/{team.name} configured" in answer.out, answer
    eventually(lambda: cluster.there("TenantLedger", "limits.cpu", team.home)["spec"]["limit"] == 4000)
    # A second one by hand is refused by the API server's own schema where it makes no sense.
    wrong = quota_of(team.name).replace('"limits.cpu"', '"limit.cpu"')
    expect_denied(cluster.admin.apply(wrong), by="validation", saying="such as requests.cpu, limits.memory, pods")


def test_s2_27_the_sum_over_all_spaces_is_limited(cluster, account):
    run(account, "web", "node", replicas=2)

    def given() -> str:
        return cluster.there("ResourceQuota", "cotenant", account.namespace("node"))["status"]["hard"]["pods"]

    eventually(lambda: given() == "2")

    expect_denied(
        account.owner.apply(pod("three", account.namespace("node"), resources=ONE)),
        by="quota",
        saying='pods "three" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=2, limited: pods=2',
    )
    # In the other space too, which uses nothing itself.
    expect_denied(
        account.owner.apply(pod("three", account.namespace("second"), resources=ONE)),
        by="quota",
        saying='pods "three" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=0, limited: pods=0',
    )
    assert pods(account) == 2


def test_s2_27_limits_cpu_is_limited_in_total(account):
    run(account, "large", "node", "3")
    for space in ("node", "second"):
        expect_denied(
            account.owner.apply(pod("more", account.namespace(space), resources={"limits": {"cpu": "2"}})),
            by="quota",
            saying="exceeded quota: cotenant, requested: limits.cpu=2",
        )
    run(account, "small", "second")


def test_s2_27_a_pod_without_limits_is_refused_by_name(account):
    expect_denied(
        account.owner.apply(pod("bare", account.namespace("node"))),
        by="quota",
        saying='pods "bare" is forbidden: failed quota: cotenant: must specify limits.cpu for: c',
    )


def test_s2_27_creating_in_two_spaces_at_once_does_not_overshoot(account):
    def create(number: int) -> bool:
        space = ("node", "second")[number % 2]
        return account.owner.apply(pod(f"p{number}", account.namespace(space), resources=ONE)).ok

    with ThreadPoolExecutor(8) as crowd:
        made = sum(crowd.map(create, range(16)))
    assert made in (1, 2)
    assert pods(account) == made


def test_s2_28_a_member_cannot_set_the_quota(cluster, account):
    expect_denied(
        cluster.admin.kubectl("apply", "-f", "-", "--as=dev", stdin=quota_of(account.name)),
        by="RBAC",
        saying=f'tenants.cotenant.dev "{account.name}" is forbidden: User "dev" cannot get resource "tenants" in API group '
        '"cotenant.dev" at the cluster scope',
    )
    for what, where in (("resourcequota/cotenant", account.namespace("node")), ("tenantledger/pods", account.home)):
        answer = account.owner.kubectl("patch", what, "--type=merge", "-p", '{"spec":{}}', "-n", where)
        expect_denied(answer, saying="is forbidden: ")
    # As printed, with a dash that is no hyphen.
    said = cotenant(cluster.admin, "get", "tenants", "\u2013-as=dev")
    assert said.code == 2 and "that dash is no hyphen; write --as=dev" in said.err


def listed(cluster, account: Team, name: str) -> dict[str, str]:
    """Limit and use of a resource, as kubectl prints the ledgers of all accounts."""
    head, *rows = [line.split() for line in cluster.admin.kubectl("get", "tenantledgers", "-A").out.splitlines()]
    (row,) = [dict(zip(head, one, strict=True)) for one in rows if one[:2] == [account.home, name]]
    return {column: row[column] for column in ("LIMIT", "USED")}


def test_s2_29_an_administrator_lists_the_quotas_with_account_hard_and_used(cluster, account):
    run(account, "one", "node")
    run(account, "two", "second")

    said = cotenant(cluster.admin, "top")

    assert said.code == 0, said
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in said.out.splitlines()}
    assert rows["TENANT", "RESOURCE"] == ["USED", "HARD", "ALLOCATED", "HEADROOM", "LIMIT"]
    used, *_, limit = rows[account.name, "pods"]
    assert (used, limit) == ("2", "2")
    assert rows[account.name, "limits.cpu"][0] == "2" and rows[account.name, "limits.cpu"][-1] == "4"
    for name, limit in (("pods", "2"), ("limits.cpu", "4")):
        eventually(lambda name=name, limit=limit: listed(cluster, account, name) == {"LIMIT": limit, "USED": "2"})
