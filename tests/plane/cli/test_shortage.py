"""`cotenant top` and `cotenant why pod` against real quotas, by an administrator and by members."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from installation import Answer, Person
from plane.cli.test_commands import cotenant, expect
from vocabulary import (
    Team,
    deployment,
    eventually,
    expect_created,
    expect_ready,
    given_space,
    given_tenant,
    pod,
)

pytestmark = pytest.mark.cluster
# No node has that: where a pod of a Job runs, it is over at once.
UNPLACED = {"restartPolicy": "Never", "nodeSelector": {"example.com/none": "here"}}
WAITING = {"StatefulSet": {}, "DaemonSet": {}, "ReplicationController": {}, "Job": UNPLACED, "CronJob": UNPLACED}
HALF = [{"type": "Container", "defaultRequest": {"cpu": "500m"}}]


def rows(said: Answer) -> dict[tuple[str, str], list[str]]:
    """The figures of a table by (tenant or space, resource)."""
    assert said.code in (0, 1), str(said)
    return {(one[0], one[1]): one[2:] for line in said.out.splitlines() if len(one := line.split()) > 2}


def why(person: Person, what: str, namespace: str, code: int = 0) -> dict[str, Any]:
    """The answer as a document, with verdicts by resource."""
    found: dict[str, Any] = json.loads(
        expect(cotenant(person, "why", "pod", what, "-n", namespace, "-o", "json"), code)
    )
    return found | {"verdicts": {one["resource"]: one["verdict"] for one in found["resources"]}}


def maker(api: str, kind: str, name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """Something that makes pods of one container."""
    found = deployment(name, namespace)
    template = found["spec"]["template"] | {"spec": pod("p", namespace)["spec"] | WAITING[kind]}
    whole = {"selector": found["spec"]["selector"], "template": template} | spec
    return found | {"apiVersion": api, "kind": kind, "spec": whole}


def given_pods(team: Team, space: str, replicas: int, name: str = "web") -> None:
    """A Deployment, all of whose pods exist."""
    namespace = team.namespace(space)
    expect_created(team.owner.apply(deployment(name, namespace, replicas=replicas)))
    eventually(lambda: len(team.cluster.names("Pod", namespace)) >= replicas, within=20)


def test_top_tells_a_member_who_uses_what_and_what_is_left(cluster):
    team = given_tenant(
        cluster, "top", spaces=["a", "b"], quota={"hard": {"pods": 10, "requests.cpu": "4"}}, limits=HALF
    )
    other = given_tenant(cluster, "next", spaces=["a"], quota={"hard": {"pods": 3}})
    expect_ready(team, "a", "b")
    given_pods(team, "a", 6)

    found = rows(cotenant(team.owner, "top", team.name))

    # What is left over is nobody's: used + headroom of all = limit.
    used, _, allocated, headroom, limit = found[team.name, "pods"]
    assert (used, limit, int(allocated) + int(headroom)) == ("6", "10", 10)
    assert found["a", "pods"][0] == "6" and found["b", "pods"][0] == "0"
    assert found["a", "requests.cpu"][0] == "3"
    assert int(found["a", "pods"][1]) - 6 == int(found["a", "pods"][3])
    inside = cotenant(team.owner, "top", "-n", team.namespace("b"))
    assert set(rows(inside)) >= {(team.name, "pods"), ("b", "pods")} and ("a", "pods") not in rows(inside)
    assert other.name not in inside.text
    expect(cotenant(team.owner, "top", other.name), 2, f"tenant {other} is not there, or not yours")
    # As an administrator sees it, in all tenants, and as a document.
    everybody = rows(cotenant(cluster.admin, "top"))
    assert everybody[team.name, "pods"][0] == "6" and everybody[other.name, "pods"][4] == "3"
    document = json.loads(expect(cotenant(cluster.admin, "top", team.name, "-o", "json")))
    assert (document["kind"], document["items"][0]["tenant"]) == ("TopList", team.name)
    pods = next(one for one in document["items"][0]["resources"] if one["resource"] == "pods")
    assert [one["used"] for one in pods["spaces"]] == ["6", "0"]


def test_top_says_that_nothing_is_limited_and_that_a_ledger_is_lost(cluster):
    free = given_tenant(cluster, "free", spaces=["a"])
    expect(cotenant(free.owner, "top", free.name), 0, f"note: tenant {free} has no quota")
    expect(cotenant(cluster.admin, "top", "nope"), 2, "tenant nope does not exist")

    team = given_tenant(cluster, "lost", spaces=["a"], quota={"hard": {"pods": 5}})
    expect_ready(team, "a")
    # Members read their quota in the home, where the operator writes it after all else.
    eventually(lambda: rows(cotenant(team.owner, "top", team.name))[team.name, "pods"])
    cluster.operator.kill()
    path = f"/apis/cotenant.dev/v1alpha1/namespaces/{team.home}/tenantledgers/pods"
    assert cluster.as_operator("DELETE", path)[0] == 200
    said = cotenant(team.owner, "top", team.name)
    expect(said, 0, "the ledger of pods is missing: spaces keep what they have, nothing grows")
    figures = rows(said)[team.name, "pods"]
    assert (figures[0], *figures[2:]) == ("0", "-", "-", "5")


def test_why_counts_what_is_in_the_way_and_whom_to_ask(cluster):
    team = given_tenant(
        cluster, "short", spaces=["a", "b"], quota={"hard": {"pods": 10, "requests.cpu": "4"}}, limits=HALF
    )
    expect_ready(team, "a", "b")
    given_pods(team, "a", 6)
    namespace = team.namespace("a")
    expect(
        cotenant(team.owner, "why", "pod", "deploy/web", "-n", namespace),
        0,
        "Deployment web wants 6 pods, has 6.",
        "Update: a rolling update needs 2 pods more for a while (maxSurge): it fits",
    )

    assert team.owner.kubectl("scale", "deployment", "web", "--replicas=12", "-n", namespace).ok
    eventually(lambda: len(cluster.names("Pod", namespace)) == 8)

    eventually(
        lambda: why(team.owner, "deploy/web", namespace, 1)["verdicts"] == {"pods": "limit", "requests.cpu": "limit"}
    )
    expect(
        cotenant(team.owner, "why", "pod", "deploy/web", "-n", namespace),
        1,
        "Deployment web wants 12 pods, has 8.",
        "(rs/web-",
        "is forbidden: exceeded quota: cotenant, requested: ",
        "requests.cpu: the tenant uses 4 of 4: a 4",
        "ask an administrator for spec.quota.hard requests.cpu: 6 or more",
        "is short of pods, requests.cpu",
    )


def test_why_tells_ceilings_from_floors_from_what_is_only_elsewhere(cluster):
    team = given_tenant(cluster, "walls", spaces=["a", "b"], quota={"hard": {"pods": 20}})
    tight = given_space(team, "tight", quota={"max": {"pods": 2}})
    given_space(team, "greedy", quota={"min": {"pods": 15}})
    expect_ready(team, "a", "b", "tight", "greedy")
    eventually(lambda: int(rows(cotenant(team.owner, "top", team.name))["greedy", "pods"][2]) == 15)

    def ask(namespace: str, replicas: int, code: int) -> dict[str, Any]:
        manifest = json.dumps(deployment("web", namespace, replicas=replicas))
        said = cotenant(team.owner, "why", "pod", "-f", "-", "-n", namespace, "-o", "json", stdin=manifest)
        found: dict[str, Any] = json.loads(expect(said, code))
        return found

    ceiling = ask(tight, 3, 1)
    assert ceiling["reasons"] == ["pods: this space may have 2 at most and uses 0"]
    assert f"kubectl edit cosp tight -n {team.home}" in ceiling["advice"][0]
    assert ask(team.namespace("a"), 4, 0)["resources"][0]["verdict"] in ("fits", "moves")
    floors = ask(team.namespace("a"), 9, 1)
    assert floors["reasons"] == ["pods: what is left is kept for other spaces by their min: greedy 15"]
    assert ask(team.namespace("a"), 30, 1)["resources"][0]["verdict"] == "limit"


def test_why_sends_to_whoever_else_refused(cluster):
    team = given_tenant(
        cluster,
        "else",
        spaces=["a"],
        quota={"hard": {"pods": 5}},
        pods={"security": "restricted"},
        limits=[{"type": "Container", "max": {"cpu": "1"}}],
    )
    expect_ready(team, "a")
    namespace = team.namespace("a")
    expect_created(team.owner.apply(deployment("root", namespace)))
    eventually(lambda: why(team.owner, "deploy/root", namespace, 1)["verdict"] == "refused")
    found = why(team.owner, "deploy/root", namespace, 1)
    assert found["reasons"][0].startswith("Pod Security refuses it, not the quota")

    team.change(pods={"security": "baseline"})
    large = deployment("large", namespace, resources={"requests": {"cpu": "2"}, "limits": {"cpu": "2"}})
    expect_created(team.owner.apply(large))
    eventually(lambda: "LimitRange" in " ".join(why(team.owner, "deploy/large", namespace, 1)["reasons"]))


def test_why_sends_a_pod_that_was_admitted_to_the_scheduler(cluster):
    team = given_tenant(cluster, "there", spaces=["a"], quota={"hard": {"pods": 5}})
    expect_ready(team, "a")
    namespace = team.namespace("a")
    expect_created(lambda: team.owner.apply(pod("one", namespace)))
    expect(
        cotenant(team.owner, "why", "pod", "one", "-n", namespace),
        0,
        "Pod one was admitted",
        "no quota holds it up",
        f"kubectl describe pod one -n {namespace}",
    )
    expect(
        cotenant(team.owner, "why", "pod", "gone", "-n", namespace), 2, "a pod that was refused leaves nothing behind"
    )
    expect(cotenant(team.owner, "why", "pod", "svc/web", "-n", namespace), 2, "name a pod, or one of deploy/NAME")
    expect(cotenant(team.owner, "why", "pod", "one", "-n", team.home), 2, f"is the home of tenant {team}")


def test_why_names_containers_that_say_nothing_under_a_compute_quota(cluster):
    team = given_tenant(cluster, "mute", spaces=["a"], quota={"hard": {"limits.cpu": "4"}})
    expect_ready(team, "a")
    namespace = team.namespace("a")
    expect_created(team.owner.apply(deployment("web", namespace)))
    found = why(team.owner, "deploy/web", namespace, 1)
    assert found["verdict"] == "unspecified"
    assert found["reasons"] == ["the quota wants every container to say limits.cpu, and no LimitRange fills it in"]


def test_top_says_when_no_operator_runs_to_administrators_and_to_members(cluster, monkeypatch):
    team = given_tenant(cluster, "silent", spaces=["a", "b"], quota={"hard": {"pods": 5}})
    expect_ready(team, "a", "b")
    eventually(lambda: "no sign of an operator" not in cotenant(cluster.admin, "top", team.name).err)
    monkeypatch.setattr("cotenant.judge.accounts.STALE", 3.0)
    cluster.operator.kill()
    expect_created(lambda: team.owner.apply(pod("one", team.namespace("a"))))
    for who in (cluster.admin, team.owner):
        eventually(lambda person=who: "no sign of an operator for" in cotenant(person, "top", team.name).err, every=0.5)
    # What is used is told by what Kubernetes counts, not by the ledger that nobody writes.
    assert rows(cotenant(team.owner, "top", team.name))[team.name, "pods"][0] == "1"
    # The tenant has four left, not all of them here: nobody is told that they come.
    large = json.dumps(deployment("large", team.namespace("a"), replicas=4))
    for who in (cluster.admin, team.owner):
        said = cotenant(who, "why", "pod", "-f", "-", "-n", team.namespace("a"), stdin=large)
        expect(said, 1, "no operator has moved anything for", "nothing is moved until an operator is back")


def test_why_is_asked_about_everything_that_makes_pods(cluster):
    team = given_tenant(cluster, "makers", spaces=["a", "b"], quota={"hard": {"pods": 3, "requests.storage": "5Gi"}})
    expect_ready(team, "a", "b")
    given_pods(team, "a", 2)
    namespace = team.namespace("a")
    stateful = maker("apps/v1", "StatefulSet", "db", namespace, replicas=2, serviceName="db")
    storage = {"resources": {"requests": {"storage": "4Gi"}}}
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": "tin"} | storage
    stateful["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
    batch = maker("batch/v1", "Job", "batch", namespace, parallelism=3)
    del batch["spec"]["selector"]
    nightly = maker("batch/v1", "CronJob", "nightly", namespace, schedule="0 3 * * *")
    nightly["spec"] = {"schedule": "0 3 * * *", "jobTemplate": {"spec": batch["spec"]}}
    for one in (stateful, batch, nightly):
        expect_created(team.owner.apply(one))
    eventually(lambda: len(cluster.names("Pod", namespace)) == 3, within=60)
    expect_created(team.owner.apply(maker("apps/v1", "DaemonSet", "each", namespace)))
    old = maker("v1", "ReplicationController", "old", namespace, replicas=2, selector={"app": "old"})
    expect_created(team.owner.apply(old))

    for what, words in (
        ("job/batch", "Job batch wants 3 pods, has "),
        ("jobs.batch/batch", "Job batch wants 3 pods, has "),
        ("sts/db", "StatefulSet db wants 2 pods, has "),
        ("cj/nightly", "CronJob nightly wants 3 pods with its next run, has 0."),
        ("ds/each", "DaemonSet each wants "),
        ("rc/old", "ReplicationController old wants 2 pods, has 0."),
    ):
        eventually(lambda what=what: why(team.owner, what, namespace, 1)["verdicts"]["pods"] == "limit")
        expect(cotenant(team.owner, "why", "pod", what, "-n", namespace), 1, words, "pods: the tenant uses 3 of 3: a 3")
    # Not said by any condition: what the controllers of both say in Events alone.
    told = [cotenant(team.owner, "why", "pod", one, "-n", namespace).out for one in ("job/batch", "sts/db")]
    assert any("Last refusal" in one and ': pods "' in one for one in told), told
    expect(cotenant(team.owner, "why", "pod", "ds/none", "-n", namespace), 2, "DaemonSet none is not in namespace")
    assert why(team.owner, "sts/db", namespace, 1)["verdicts"]["requests.storage"] in ("fits", "moves", "limit")
    expect(
        cotenant(team.owner, "why", "pod", "sts/db", "-n", namespace),
        1,
        "Update: a rolling update ends 1 pod at a time before it starts new ones: it needs nothing more",
    )


def test_why_says_what_unsticks_an_update_that_would_stand_still(cluster):
    team = given_tenant(cluster, "stuck", spaces=["a"], quota={"hard": {"pods": 2}})
    expect_ready(team, "a")
    namespace = team.namespace("a")
    wanted = deployment("web", namespace, replicas=2)
    wanted["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    expect_created(team.owner.apply(wanted))
    eventually(lambda: len(cluster.names("Pod", namespace)) == 2)
    eventually(lambda: why(team.owner, "deploy/web", namespace, 1)["rollingUpdate"]["stuck"])
    said = cotenant(team.owner, "why", "pod", "deploy/web", "-n", namespace)
    expect(said, 1, "Deployment web wants 2 pods, has 2.", "it stands still, for maxUnavailable is 0")
    # The command that it names is one that works, and does what it says.
    command = shlex.split(said.out.rpartition("kubectl ")[2])
    assert team.owner.kubectl(*command).ok
    assert why(team.owner, "deploy/web", namespace)["rollingUpdate"]["stuck"] is False
