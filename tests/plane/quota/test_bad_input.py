"""What people and accidents put where quotas are decided: refused, or mended and told."""

from __future__ import annotations

import json

import pytest

from cotenant.model.checked import labelled
from cotenant.model.quantity import parse
from vocabulary import (
    Team,
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_namespace,
    given_space,
    given_tenant,
    pod,
)

pytestmark = pytest.mark.cluster
QUOTAS = "/api/v1/namespaces/{}/resourcequotas/cotenant"
LEDGERS = "/apis/cotenant.dev/v1alpha1/namespaces/{}/tenantledgers/pods"


def hard(team: Team, space: str) -> dict[str, str]:
    return team.cluster.there("ResourceQuota", "cotenant", team.namespace(space))["spec"]["hard"]


def sound(team: Team, limit: int, *spaces: str) -> bool:
    """What the quotas give is what the ledger allows, and that is within the limit."""
    ledger = team.cluster.there("TenantLedger", "pods", team.home)["spec"]
    allowed = {one["space"]: one["allocation"] for one in ledger["entries"] if "drain" not in one}
    given = {team.namespace(one): int(parse(hard(team, one)["pods"])) for one in spaces}
    return ledger["limit"] == limit and allowed == given and sum(allowed.values()) <= limit


@pytest.fixture
def team(cluster) -> Team:
    """Two spaces that share eight pods, at rest."""
    one = given_tenant(cluster, "hands", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(one, "a", "b")
    eventually(lambda: sound(one, 8, "a", "b"))
    return one


@pytest.mark.parametrize(
    ("quota", "field", "saying"),
    [
        ({"hard": {"a b/c": 1}}, "spec.quota.hard", "such as requests.cpu"),
        ({"hard": {"count/": 1}}, "spec.quota.hard", "such as requests.cpu"),
        ({"hard": {"a/b/c": 1}}, "spec.quota.hard", "such as requests.cpu"),
        ({"hard": {"request.cpu": 1}}, "spec.quota.hard", "such as requests.cpu"),
        ({"hard": {"pods": 3, "podz": 3, "requests.cpu": 1}}, "spec.quota.hard", " podz: every key must be a resource"),
        ({"hard": {'a"b': 1}}, "spec.quota.hard", ' a"b: every key must be a resource'),
        ({"hard": {"pods": "1m", "services": 2}}, "spec.quota.hard", " pods: what is counted"),
        ({"hard": {"requests.cpu": "1n", "pods": 1}}, "spec.quota.hard", " requests.cpu: less than is counted"),
        ({"hard": {"requests.memory": "1e-3"}}, "spec.quota.hard", "write 0 where nothing is meant to run"),
        ({"space": {"min": {"limits.memory": "0.5"}}}, "spec.quota.space.min", " limits.memory: less than is counted"),
        ({"hard": {"pods": -1}}, "spec.quota.hard", "must be a quantity that is not negative"),
        ({"hard": {"requests.memory": "-1Gi"}}, "spec.quota.hard", "must be a quantity that is not negative"),
        ({"hard": {"requests.memory": "1e"}}, "spec.quota.hard", "must be a quantity"),
        ({"space": {"min": {"pods": 3}, "max": {"pods": 2}}}, "spec.quota.space.min", "must not exceed max"),
        ({"scopes": ["NotTerminating"]}, "spec.quota.scopes", "spec.pods.priorityClasses"),
        (
            {"scopeSelector": {"matchExpressions": [{"operator": "Exists", "scopeName": "PriorityClass"}]}},
            "spec.quota.scopeSelector",
            "spec.pods.priorityClasses",
        ),
        ({"space": {"scopes": ["Terminating"]}}, "spec.quota.space.scopes", "spec.pods.priorityClasses of the Tenant"),
        ({"space": {"scopeSelector": {}}}, "spec.quota.space.scopeSelector", "spec.pods.priorityClasses of the Tenant"),
    ],
    ids=json.dumps,
)
def test_what_cannot_be_meant_is_refused_with_field_and_fix(cluster, quota, field, saying):
    for kind in ("Tenant", "TenantProfile"):
        manifest = {"apiVersion": "cotenant.dev/v1alpha1", "kind": kind, "metadata": {"name": "wrong"}}
        answer = cluster.admin.apply(manifest | {"spec": {"quota": quota}})
        expect_denied(answer, by="validation", saying=field)
        assert saying in answer.err


@pytest.mark.parametrize("field", ["scopes", "scopeSelector"])
def test_scopes_of_a_space_are_refused_with_where_to_say_it(cluster, field):
    metadata = {"name": "wrong", "namespace": "default"}
    quota = {"scopes": ["Terminating"], "scopeSelector": {}}
    space = {"kind": "Space", "metadata": metadata, "spec": {"quota": {field: quota[field]}}}
    answer = cluster.admin.apply(space | {"apiVersion": "cotenant.dev/v1alpha1"})
    expect_denied(answer, by="validation", saying=f"spec.quota.{field}")
    assert "spec.pods.priorityClasses of the Tenant" in answer.err


def test_a_key_that_kubernetes_does_not_know_is_told_and_stops_nothing_else(cluster):
    team = given_tenant(cluster, "unicorn", spaces=["a"], quota={"hard": {"count/unicorns.example.com": 3, "pods": 1}})
    expect_ready(team, "a")
    expect_condition(
        team.tenant, "KeyNotCounted", "Kubernetes does not count count/unicorns.example.com", of="QuotaSynced"
    )
    expect_created(lambda: team.owner.apply(pod("one", team.namespace("a"))))
    expect_denied(team.owner.apply(pod("two", team.namespace("a"))), by="quota", saying="exceeded quota")


def test_amounts_beyond_every_number_are_as_much_as_there_is(cluster):
    team = given_tenant(
        cluster,
        "absurd",
        spaces=["a", "b"],
        quota={
            # More than 2^63-1 thousandths: for the API server no integer.
            "hard": {
                "pods": "99999999999E",
                "requests.memory": "8000000Ei",
                "count/jobs.batch": "9E",
                "services": "562500T",
            },
            "space": {"max": {"secrets": "9Pi"}},
        },
        limits=[{"type": "Container", "defaultRequest": {"memory": "64Mi"}}],
    )
    expect_ready(team, "a", "b")
    for space in ("a", "b"):
        eventually(lambda here=space: team.owner.apply(pod("one", team.namespace(here))).ok)
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"))


def test_floors_that_add_up_to_more_than_the_limit_are_told(cluster):
    team = given_tenant(
        cluster, "floors", spaces=["a", "b"], quota={"hard": {"pods": 5}, "space": {"min": {"pods": 3}}}
    )
    expect_condition(
        team.tenant,
        "FloorsExceedLimit",
        "the min of 2 spaces adds up to pods 6, the tenant has 5; lower min or raise quota.hard",
        of="QuotaSynced",
    )
    # Nothing is exceeded for it.
    quotas = cluster.list("ResourceQuota", labels=f"cotenant.dev/tenant={team.name}")
    assert sum(int(one["spec"]["hard"].get("pods", 0)) for one in quotas) <= 5


def test_a_floor_above_its_ceiling_is_told_with_what_is_kept(cluster):
    team = given_tenant(cluster, "high", quota={"hard": {"pods": 5}, "space": {"max": {"pods": 2}}})
    given_space(team, "greedy", quota={"min": {"pods": 4}})
    expect_condition(
        team.tenant,
        "FloorAboveCeiling",
        "space greedy: its quota.min pods 4 is above its ceiling 2, so it keeps 2",
        of="QuotaSynced",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 80},
        {"limit": 80, "entries": []},
        {"entries": []},
        {"limit": 3, "entries": []},
        {"source": "somebody"},
        {"rebuilding": True},
    ],
    ids=json.dumps,
)
def test_a_ledger_that_was_written_by_hand_is_put_right(cluster, team, change):
    path = LEDGERS.format(team.home)
    status, answer = cluster.replace(path, lambda it: it["spec"].update(change))
    assert status == 403 and "COTENANT-GUARD-4: TenantLedgers are written by cotenant alone" in answer["message"]

    status, answer = cluster.replace(path, lambda it: it["spec"].update(change), by_operator=True)
    assert status == 200, answer

    eventually(lambda: sound(team, 8, "a", "b"), within=20)
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)


@pytest.mark.parametrize(
    "change",
    [{"pods": "1000"}, {"pods": "0"}, {"pods": "8", "secrets": "1"}, {"services.nodeports": "50"}],
    ids=json.dumps,
)
def test_a_quota_that_was_written_by_hand_is_put_right(cluster, team, change):
    space = team.namespace("a")
    before, path = hard(team, "a"), QUOTAS.format(space)
    patch = json.dumps({"spec": {"hard": change}})
    answer = cluster.admin.kubectl("patch", "resourcequota", "cotenant", "--type=merge", "-p", patch, "-n", space)
    expect_denied(answer, by="policy", saying="COTENANT-QUOTA-4: ResourceQuota cotenant is written by cotenant alone")

    def by_hand(it: dict) -> None:
        it["spec"]["hard"].update(change)
        it["metadata"]["labels"] = labelled(it["metadata"]["labels"], it["spec"]["hard"], it["status"]["hard"])

    status, answer = cluster.replace(path, by_hand, by_operator=True)
    assert status == 200, answer

    eventually(lambda: sound(team, 8, "a", "b"), within=20)
    eventually(
        lambda: hard(team, "a").keys() == before.keys() and hard(team, "a")["services.nodeports"] == "0", within=20
    )
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)


def test_a_key_that_was_taken_off_a_quota_by_hand_comes_back(cluster, team):
    path = QUOTAS.format(team.namespace("a"))
    status, answer = cluster.replace(path, lambda it: it["spec"]["hard"].pop("pods"), by_operator=True)
    assert status == 200, answer
    eventually(lambda: sound(team, 8, "a", "b"), within=20)


def test_a_quota_that_is_gone_comes_back_and_meanwhile_nothing_runs(cluster, team):
    assert cluster.as_operator("DELETE", QUOTAS.format(team.namespace("a")))[0] == 200
    eventually(lambda: sound(team, 8, "a", "b"), within=20)
    eventually(lambda: team.owner.apply(pod("one", team.namespace("a"))).ok)


def test_a_second_quota_is_refused_to_everybody(cluster, team):
    theirs = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "theirs", "namespace": team.namespace("a")},
    }
    answer = cluster.admin.apply(theirs | {"spec": {"hard": {"pods": "1"}}})
    expect_denied(answer, by="policy", saying="COTENANT-QUOTA-3: namespace ")
    assert "ask for quota in the Tenant" in answer.err
    expect_denied(team.owner.apply(theirs | {"spec": {"hard": {"pods": "1"}}}), by="RBAC")


def test_a_quota_that_was_there_before_its_namespace_was_adopted_is_told(cluster):
    team = given_tenant(cluster, "moved", quota={"hard": {"pods": 8}})
    namespace = given_namespace(cluster, "legacy", adopt=f"{team.name}/old")
    theirs = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "theirs", "namespace": namespace}}
    cluster.apply(theirs | {"spec": {"hard": {"pods": "1"}}})
    given_space(team, "old", namespace=namespace)
    said = expect_condition(team.tenant, "ForeignQuota", namespace, of="QuotaSynced")
    assert "theirs" in said and f"kubectl delete resourcequota theirs -n {namespace}" in said

    assert cluster.admin.kubectl("delete", "resourcequota", "theirs", "-n", namespace).ok
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[1] != "ForeignQuota", within=20)
