"""One limit for all spaces of a tenant, on the real API server with two of them, and kubectl."""

from __future__ import annotations

import json

import pytest

from cotenant.api.builtin import Manifest
from cotenant.api.keys import CHECKED
from installation import Answer
from plane.quota.test_meter import told
from vocabulary import (
    Team,
    condition,
    deployment,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_space,
    given_tenant,
    never,
    pod,
)

pytestmark = pytest.mark.cluster
LEDGER = "/apis/cotenant.dev/v1alpha1/namespaces/{}/tenantledgers/pods"


def hard(team: Team, space: str, key: str = "pods") -> int:
    return int(team.cluster.there("ResourceQuota", "cotenant", team.namespace(space))["spec"]["hard"][key])


def ledger(team: Team, name: str = "pods") -> dict:
    return team.cluster.there("TenantLedger", name, team.home)


def given(team: Team, part: str = "spec") -> dict[str, int]:
    """Namespace -> pods that its quota gives, all of one moment: between two reads some may move."""
    found = team.cluster.list("ResourceQuota", labels=f"cotenant.dev/tenant={team.name}")
    hard = {one["metadata"]["namespace"]: one.get(part, {}).get("hard", {}) for one in found}
    return {name: int(amounts["pods"]) for name, amounts in hard.items() if "pods" in amounts and name != team.home}


def settled(team: Team, limit: int, *namespaces: str) -> bool:
    """All of the limit is in the ledger, and what it allows is in force in just these namespaces."""
    spec = ledger(team)["spec"]
    allowed = {one["space"]: one["allocation"] for one in spec["entries"] if "drain" not in one}
    return (
        spec["limit"] == limit
        and sorted(allowed) == sorted(namespaces)
        and sum(allowed.values()) <= limit
        and allowed == given(team) == given(team, "status")
    )


def pods(team: Team, *spaces: str) -> int:
    return sum(len(team.cluster.names("Pod", team.namespace(space))) for space in spaces)


def service(name: str, namespace: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}


def test_pods_of_all_spaces_together_stay_within_the_limit_and_reach_it(cluster):
    team = given_tenant(cluster, "pool", spaces=["a", "b", "c"], quota={"hard": {"pods": 6}})
    expect_ready(team, "a", "b", "c")

    for number in range(6):
        # A bare pod meets what was moved a moment ago at the latest when it is tried again.
        eventually(lambda name=f"p{number}": team.owner.apply(pod(name, team.namespace("a"))).ok, within=20, every=0.2)

    assert pods(team, "a") == 6
    for space in ("a", "b", "c"):
        expect_denied(team.owner.apply(pod("more", team.namespace(space))), by="quota")
    assert sum(given(team).values()) <= 6


def test_a_deployment_that_needs_what_others_hold_gets_it(cluster):
    team = given_tenant(cluster, "moved", spaces=["a", "b"], quota={"hard": {"pods": 20}})
    expect_ready(team, "a", "b")

    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=19)))

    eventually(lambda: pods(team, "a") == 19, within=20)
    assert sum(given(team).values()) <= 20
    # And back, without anybody deciding about it.
    assert team.owner.kubectl("delete", "deployment", "web", "-n", team.namespace("a")).ok
    expect_created(team.owner.apply(deployment("web", team.namespace("b"), replicas=19)))
    eventually(lambda: pods(team, "b") == 19, within=30)
    # Whose limit was lowered on the way has no mark of it any more: its charges cost nothing more for ever.
    eventually(lambda: not team.cluster.list("ResourceQuota", labels=f"cotenant.dev/tenant={team.name},{CHECKED}"))


def test_all_keys_of_a_deployment_move_together(cluster):
    team = given_tenant(
        cluster,
        "wide",
        spaces=["a", "b"],
        quota={"hard": {"pods": 20, "requests.cpu": "4", "limits.memory": "8Gi", "count/pods": 30}},
        limits=[
            {"type": "Container", "default": {"cpu": "500m", "memory": "512Mi"}, "defaultRequest": {"cpu": "250m"}}
        ],
    )
    expect_ready(team, "a", "b")
    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=15)))
    eventually(lambda: pods(team, "a") == 15, within=20)
    assert ledger(team, "limits.memory")["spec"]["limit"] == 8 * 2**30


def test_members_read_what_is_left_and_write_none_of_it(cluster):
    team = given_tenant(cluster, "seen", spaces=["a"], quota={"hard": {"requests.memory": "8Gi", "pods": 4}})
    expect_ready(team, "a")
    small = pod("p", team.namespace("a"), resources={"requests": {"memory": "1Gi"}})
    expect_created(lambda: team.owner.apply(small))

    def shown() -> bool:
        lines = team.owner.kubectl("get", "cotl", "-n", team.home).out.splitlines()
        row = next(line.split() for line in lines if line.startswith("requests.memory"))
        return row[1:6] == ["requests.memory", "8Gi", "1Gi", "8Gi", "0"]

    eventually(shown, within=15)
    answer = team.owner.kubectl("patch", "cotl", "pods", "--type=merge", "-p", '{"spec":{"limit":9}}', "-n", team.home)
    expect_denied(answer, by="RBAC")
    answer = cluster.admin.kubectl(
        "patch", "cotl", "pods", "--type=merge", "-p", '{"spec":{"limit":9}}', "-n", team.home
    )
    expect_denied(answer, saying="COTENANT-GUARD-4: TenantLedgers are written by cotenant alone")


def test_members_read_what_each_space_uses_holds_and_has_left(cluster):
    team = given_tenant(cluster, "each", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(team, "a", "b")
    expect_created(lambda: team.owner.apply(pod("p", team.namespace("a"))))

    def told() -> list[str]:
        answer = team.owner.kubectl("get", "tenantledgers", "pods", "-o", "jsonpath={.status.spaces}", "-n", team.home)
        return answer.out.splitlines()[1:]

    def held() -> dict[str, int]:
        return {one["space"]: one["allocation"] for one in ledger(team)["spec"]["entries"]}

    def are(**used: int) -> bool:
        """What is told of each is what it uses, and what the ledger gives it."""
        uses = {team.namespace(space): amount for space, amount in used.items()}
        return told() == [f"{space} {uses[space]} {amount} {amount - uses[space]}" for space, amount in held().items()]

    eventually(lambda: are(a=1, b=0), within=15)
    # All spaces together use as much as before.
    assert team.owner.kubectl("delete", "pod", "p", "-n", team.namespace("a"), "--now").ok
    expect_created(lambda: team.owner.apply(pod("p", team.namespace("b"))))
    eventually(lambda: are(a=0, b=1), within=15)

    wide = team.owner.kubectl("get", "cotl", "pods", "-n", team.home, "-o", "wide").out.splitlines()
    a, b = team.namespace("a"), team.namespace("b")
    assert wide[0].split()[-1] == "SPACES"
    assert wide[1].endswith(f"{b} 1/{held()[b]}, {a} 0/{held()[a]}")
    # Nothing changes, nothing is told.
    version = ledger(team)["metadata"]["resourceVersion"]
    never(lambda: ledger(team)["metadata"]["resourceVersion"] != version, during=7)


def test_more_than_the_limit_cannot_be_allocated_by_anybody(cluster):
    team = given_tenant(cluster, "sum", spaces=["a"], quota={"hard": {"pods": 4}})
    expect_ready(team, "a")
    more = {"space": "other", "allocation": 1}
    status, answer = cluster.replace(
        LEDGER.format(team.home), lambda it: it["spec"]["entries"].append(more), by_operator=True
    )
    assert status == 422 and "more than the limit" in answer["message"]


def test_a_ledger_that_is_lost_comes_back(cluster):
    team = given_tenant(cluster, "lost", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(team, "a", "b")
    spaces = sorted(team.namespace(space) for space in ("a", "b"))
    eventually(lambda: settled(team, 8, *spaces))
    before = ledger(team)
    assert cluster.as_operator("DELETE", LEDGER.format(team.home))[0] == 200

    def back() -> bool:
        found = ledger(team)
        return found["metadata"]["uid"] != before["metadata"]["uid"] and settled(team, 8, *spaces)

    eventually(back)


def test_the_share_of_a_deleted_space_comes_back_when_its_namespace_is_gone(cluster):
    team = given_tenant(cluster, "freed", quota={"hard": {"pods": 6}})
    given_space(team, "a")
    space = given_space(team, "b", deletionPolicy="Delete")
    expect_created(lambda: team.owner.apply(pod("p", space)))
    cluster.annotate("Space", "b", team.home, confirm_delete="b")
    assert team.owner.kubectl("delete", "cosp", "b", "-n", team.home, "--wait=false").ok

    eventually(lambda: cluster.get("Namespace", space) is None, within=30)
    eventually(lambda: [one["space"] for one in ledger(team)["spec"]["entries"]] == [team.namespace("a")])


def test_a_namespace_that_outlives_its_space_leaves_to_the_others_what_it_does_not_use(cluster):
    team = given_tenant(cluster, "left", spaces=["a"], quota={"hard": {"services": 2}})
    expect_ready(team, "a")
    kept = given_space(team, "b")
    expect_created(team.owner.apply(service("one", team.namespace("a"))))
    assert hard(team, "b", "services") == 1

    assert team.owner.kubectl("delete", "cosp", "b", "-n", team.home, "--wait=false").ok
    eventually(lambda: team.owner.apply(service("two", team.namespace("a"))).ok, within=30)

    assert (hard(team, "a", "services"), hard(team, "b", "services")) == (2, 0)
    labels = ("cotenant.dev/tenant-", "cotenant.dev/space-")
    assert cluster.admin.kubectl("label", "namespace", kept, *labels).ok
    eventually(lambda: [one["space"] for one in ledger(team, "services")["spec"]["entries"]] == [team.namespace("a")])


def test_where_services_are_made_there_is_room_for_the_next_one_as_long_as_the_tenant_has_any(cluster):
    team = given_tenant(cluster, "silent", spaces=["a", "b", "c", "d"], quota={"hard": {"services": 4}})
    expect_ready(team, "a", "b", "c", "d")
    expect_created(team.owner.apply(service("s1", team.namespace("a"))))
    eventually(lambda: hard(team, "a", "services") == 2)
    # Longer than a space counts as being at work where little is left: nobody hears of a Service that was refused.
    never(lambda: hard(team, "a", "services") != 2, during=4)
    for number in (2, 3, 4):
        made = service(f"s{number}", team.namespace("a"))
        eventually(lambda made=made: team.owner.apply(made).ok, within=30)
    expect_denied(team.owner.apply(service("s5", team.namespace("b"))), by="quota")


def test_a_limit_lowered_below_use_gives_nothing_more_and_takes_nothing(cluster):
    team = given_tenant(cluster, "lower", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(team, "a", "b")
    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=4)))
    eventually(lambda: pods(team, "a") == 4)

    team.change(quota={"hard": {"pods": 2}})

    expect_condition(team.tenant, "Converging", "pods: 4 used, limit 2", of="QuotaSynced")
    eventually(lambda: given(team, "status") == {team.namespace("a"): 2, team.namespace("b"): 0})
    for space in ("a", "b"):
        expect_denied(lambda here=space: team.owner.apply(pod("more", team.namespace(here))), by="quota")
    never(lambda: pods(team, "a", "b") != 4, during=1)
    assert team.owner.kubectl("scale", "deployment", "web", "--replicas=1", "-n", team.namespace("a")).ok
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)
    eventually(lambda: ledger(team)["spec"]["limit"] == 2)


def test_below_a_lowered_limit_nothing_comes_in_the_place_of_what_goes(cluster):
    team = given_tenant(cluster, "press", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(team, "a", "b")
    for space in ("a", "b"):
        expect_created(team.owner.apply(deployment("web", team.namespace(space), replicas=3)))
    eventually(lambda: pods(team, "a") == pods(team, "b") == 3)

    team.change(quota={"hard": {"pods": 4}})
    # As low as if all that is too much went from this space alone.
    eventually(lambda: given(team, "spec") == {team.namespace("a"): 1, team.namespace("b"): 1})

    for gone in (1, 2):
        victim = min(team.cluster.names("Pod", team.namespace("a")))
        assert team.owner.kubectl("delete", "pod", victim, "-n", team.namespace("a"), "--wait=false").ok
        eventually(lambda one=victim: one not in team.cluster.names("Pod", team.namespace("a")))
        never(lambda left=6 - gone: pods(team, "a", "b") > left, during=2)
    # Four are left, as many as there may be: from now on each is replaced.
    eventually(lambda: given(team, "spec") == {team.namespace("a"): 1, team.namespace("b"): 3}, within=20)
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)
    assert pods(team, "a", "b") == 4


def test_a_key_that_is_limited_below_what_is_used_admits_nothing_before_enough_has_gone(cluster):
    team = given_tenant(cluster, "added", spaces=["u", "w"], quota={"hard": {"configmaps": 50}})
    expect_ready(team, "u", "w")
    for space, number in (("u", 4), ("w", 2)):
        for serial in range(number):
            expect_created(team.owner.apply(pod(f"p{serial}", team.namespace(space))))
    team.change(quota={"hard": {"configmaps": 50, "pods": 2}})
    expect_condition(team.tenant, "Converging", "pods: 6 used, limit 2", of="QuotaSynced", within=30)
    for serial in range(2):
        assert team.owner.kubectl("delete", "pod", f"p{serial}", "-n", team.namespace("w"), "--now").ok
    eventually(lambda: pods(team, "w") == 0)
    never(lambda: team.owner.apply(pod("more", team.namespace("w"))).ok, during=3)
    assert pods(team, "u") == 4


def test_without_an_operator_everything_holds_and_nothing_grows(cluster):
    team = given_tenant(cluster, "alone", spaces=["a", "b"], quota={"hard": {"pods": 8}})
    expect_ready(team, "a", "b")
    eventually(lambda: settled(team, 8, team.namespace("a"), team.namespace("b")))
    cluster.operator.kill()
    for space in ("a", "b"):
        amount = hard(team, space)
        for number in range(amount):
            expect_created(lambda at=space, n=number: team.owner.apply(pod(f"p{n}", team.namespace(at))))
        expect_denied(team.owner.apply(pod("more", team.namespace(space))), by="quota")
    assert pods(team, "a", "b") <= 8


@pytest.mark.parametrize("kind", ["Job", "StatefulSet"])
def test_a_job_and_a_statefulset_get_what_they_want_without_a_hand(cluster, kind):
    team = given_tenant(cluster, "ahead", spaces=["a", "b", "c"], quota={"hard": {"pods": 30}})
    expect_ready(team, "a", "b", "c")
    expect_created(team.owner.apply(maker(kind, "many", team.namespace("a"), 28)))
    eventually(lambda: pods(team, "a") == 28, within=60)
    assert sum(given(team).values()) <= 30


@pytest.mark.parametrize("kinds", [("Job", "StatefulSet"), ("DaemonSet", "ReplicationController")], ids="-".join)
def test_a_job_and_a_statefulset_that_are_refused_get_what_comes_free_first(cluster, kinds):
    team = given_tenant(cluster, "refused", spaces=["a", "b", "c"], quota={"hard": {"pods": 6}})
    expect_ready(team, "a", "b", "c")
    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=6)))
    eventually(lambda: pods(team, "a") == 6, within=60)
    before = told(cluster, "cotenant_quota_refusals_total")
    for space, kind in zip(("b", "c"), kinds, strict=True):
        expect_created(team.owner.apply(maker(kind, "late", team.namespace(space), 2)))
    for space in ("b", "c"):
        eventually(lambda at=space: "exceeded quota" in events(team, at), within=60)
    # A DaemonSet wants one on each node that the plane has just now.
    wanted = tuple(eventually(lambda at=at: wants(team, *at), within=60) for at in zip(("b", "c"), kinds, strict=True))
    eventually(lambda: told(cluster, "cotenant_quota_refusals_total") >= before + 2, within=60)

    assert team.owner.kubectl(
        "scale", "deployment", "web", f"--replicas={6 - sum(wanted)}", "-n", team.namespace("a")
    ).ok

    # Kept for them, however long their controllers wait until they try again: the Deployment's space does not get it back.
    eventually(lambda: (hard(team, "b"), hard(team, "c")) == wanted, within=60)
    eventually(lambda: (pods(team, "b"), pods(team, "c")) == wanted, within=120)


def test_what_comes_free_is_shared_out_by_weight(cluster):
    team = given_tenant(cluster, "weigh", spaces=["a", "b", "c"], quota={"hard": {"pods": 12}})
    expect_ready(team, "a", "b", "c")

    def weigh(weight: int) -> Answer:
        change = json.dumps({"spec": {"quota": {"weight": weight}}})
        return team.owner.kubectl("patch", "cosp", "a", "-n", team.home, "--type=merge", "-p", change)

    assert "should be greater than or equal to 1" in weigh(0).text
    assert weigh(3).ok
    expect_created(team.owner.apply(deployment("web", team.namespace("c"), replicas=12)))
    eventually(lambda: pods(team, "c") == 12, within=60)
    for space in ("a", "b"):
        expect_created(team.owner.apply(deployment("web", team.namespace(space), replicas=20)))
    eventually(lambda: all("exceeded quota" in events(team, space) for space in ("a", "b")), within=60)
    assert pods(team, "a", "b") == 0

    assert team.owner.kubectl("delete", "deployment", "web", "-n", team.namespace("c")).ok

    eventually(lambda: (hard(team, "a"), hard(team, "b")) == (9, 3), within=60)


def events(team: Team, space: str) -> str:
    """What Events say about refused pods in a space."""
    return team.owner.kubectl("get", "events", "-n", team.namespace(space), "--field-selector=reason=FailedCreate").out


def wants(team: Team, space: str, kind: str) -> int:
    """How many pods the workload `late` is to have."""
    found = team.cluster.there(kind, "late", team.namespace(space))
    return 2 if kind != "DaemonSet" else found["status"]["desiredNumberScheduled"]


def maker(kind: str, name: str, namespace: str, pods: int) -> dict:
    """Something of this kind that makes so many pods at the same time; a DaemonSet makes one a node."""
    found = deployment(name, namespace)
    spec = found["spec"]
    if kind == "Job":
        # No node has that: where a pod of a Job runs, it is over at once.
        waiting = {"restartPolicy": "Never", "nodeSelector": {"example.com/none": "here"}}
        template = spec["template"] | {"spec": spec["template"]["spec"] | waiting}
        return found | {"apiVersion": "batch/v1", "kind": kind, "spec": {"parallelism": pods, "template": template}}
    if kind == "DaemonSet":
        return found | {"kind": kind, "spec": {"selector": spec["selector"], "template": spec["template"]}}
    if kind == "ReplicationController":
        plain = {"replicas": pods, "selector": spec["selector"]["matchLabels"], "template": spec["template"]}
        return found | {"apiVersion": "v1", "kind": kind, "spec": plain}
    ordered = {"replicas": pods, "serviceName": name, "podManagementPolicy": "Parallel"}
    return found | {"kind": kind, "spec": spec | ordered}
