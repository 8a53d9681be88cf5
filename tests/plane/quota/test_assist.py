"""The assist on the real API servers: a bare pod waits for its quota, and nothing depends on whether anybody helps."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cotenant.kube.resource import resource_of
from cotenant.render.install import InstallValues, assist
from installation import PLATFORM, Cluster, Operator, free_port
from vocabulary import BUSY, Team, deployment, eventually, expect_ready, expect_settled, given_tenant, never, pod

pytestmark = pytest.mark.cluster
HOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cotenant-assist"
FULL = {"requests": {"cpu": "20"}}
SCARCE = {"metadata": {"labels": {"cotenant.dev/scarce": "true"}}}
SMALL = {"requests": {"cpu": "100m"}}


def hook(cluster: Cluster) -> dict:
    return dict(cluster.plane.wire().expect("GET", HOOK))


@contextmanager
def asking(cluster: Cluster, port: int) -> Iterator[None]:
    """The API servers ask whoever listens on that port."""
    values = InstallValues(platform=PLATFORM, assist=True, assist_url=f"https://127.0.0.1:{port}/assist")
    manifests = assist(values)
    for one in manifests:
        cluster.apply(one, manager="cotenant-install")
    try:
        yield
    finally:
        for one in reversed(manifests):
            path = resource_of(one).path(one["metadata"].get("namespace"), one["metadata"]["name"])
            cluster.plane.wire().json("DELETE", path)


def trusted(cluster: Cluster) -> bool:
    return bool(hook(cluster)["webhooks"][0]["clientConfig"].get("caBundle"))


@pytest.fixture
def assisted(cluster):
    """The installation with the assist, served by the operator that leads."""
    yield from with_assist(cluster)


def with_assist(cluster: Cluster, **environment: str) -> Iterator[Cluster]:
    port = free_port()
    operator = cluster.operator
    with asking(cluster, port):
        operator.stop()
        operator.flags, operator.environment = ("--assist", f"127.0.0.1:{port}"), environment
        operator.start()
        try:
            eventually(lambda: trusted(cluster))
            yield cluster
        finally:
            operator.kill()
            operator.flags, operator.environment = (), {}


def created(team: Team, space: str, resources: dict, name: str = "", *, dry_run: bool = False) -> tuple[int, str]:
    """Status and message of the create of a bare pod, over one connection."""
    namespace = team.namespace(space)
    path = f"/api/v1/namespaces/{namespace}/pods" + ("?dryRun=All" if dry_run else "")
    body = pod(name or f"p-{secrets.token_hex(4)}", namespace, resources=resources)
    status, answer = team.cluster.plane.wire().json("POST", path, body)
    return status, answer.get("message", "")


def quota(team: Team, space: str, key: str = "requests.cpu") -> tuple[str, str]:
    found = team.cluster.there("ResourceQuota", "cotenant", team.namespace(space))
    return found["spec"]["hard"][key], found["status"]["used"][key]


def labelled(team: Team, *spaces: str) -> bool:
    found = [team.cluster.there("Namespace", team.namespace(space))["metadata"]["labels"] for space in spaces]
    return all(one.get("cotenant.dev/scarce") == "true" for one in found)


def calls(cluster: Cluster, before: list, name: str = "request_total") -> int:
    """Calls of webhooks since, on all API servers."""
    now = [cluster.plane.metrics(server) for server in range(len(cluster.plane.urls))]
    metric = f"apiserver_admission_webhook_{name}"
    return int(sum(one.delta(old).sum(metric) for one, old in zip(now, before, strict=True)))


def so_far(cluster: Cluster) -> list:
    return [cluster.plane.metrics(server) for server in range(len(cluster.plane.urls))]


def failures(cluster: Cluster) -> int:
    """Calls of webhooks that failed, by the API servers' logs; not those that took too long, on a busy machine."""
    servers = [one for one in cluster.plane.components if one.startswith("kube-apiserver")]
    lines = [
        line for one in servers for line in cluster.plane._layout.log(one).read_text(errors="replace").splitlines()
    ]
    return sum("failing open" in one and "deadline exceeded" not in one for one in lines)


def given_one_that_holds_all(cluster: Cluster) -> Team:
    """20 CPUs, all of them held by a, where nothing runs any more."""
    usual = {"type": "Container", "defaultRequest": {"cpu": "1"}}
    team = given_tenant(cluster, "scarce", spaces=["a", "b"], quota={"hard": {"requests.cpu": "20"}}, limits=[usual])
    expect_ready(team, "a", "b")
    cluster.apply(deployment("big", team.namespace("a"), resources=FULL))
    eventually(lambda: quota(team, "a") == ("20", "20"), within=20)
    assert quota(team, "b") == ("0", "0")
    return team


def frees_all(team: Team) -> None:
    """What a holds is not used any more."""
    path = f"/apis/apps/v1/namespaces/{team.namespace('a')}/deployments/big?propagationPolicy=Background"
    team.cluster.plane.wire().expect("DELETE", path)
    eventually(lambda: quota(team, "a")[1] == "0", within=20)


def test_a_bare_pod_in_a_space_that_holds_nothing_is_never_refused_while_others_hold_room(assisted):
    team = given_one_that_holds_all(assisted)
    eventually(lambda: labelled(team, "a", "b"))
    frees_all(team)
    before, answers = so_far(assisted), Counter[int]()
    while answers[201] < 200 and answers.total() < 220:
        answers[created(team, "b", SMALL)[0]] += 1
    assert calls(assisted, before) == answers.total()
    # Who waits longer than the API server's one second, on a busy machine, is refused: never for another reason.
    assert answers[201] == 200
    assert answers.total() - 200 <= calls(assisted, before, "fail_open_count")
    # It was needed, and it is over with the room: the next one is refused at once, and rightly.
    assert 'cotenant_assist_total{outcome="moved"}' in assisted.operator.http("/metrics")[1]
    times = []
    for _ in range(5):
        began = time.monotonic()
        status, message = created(team, "b", SMALL)
        times.append(time.monotonic() - began)
        assert (status, "exceeded quota" in message or "COTENANT-QUOTA-1" in message) == (403, True)
    assert min(times) < 0.9, times


def test_with_the_operator_killed_pods_are_created_as_without_the_assist(assisted):
    team = given_tenant(assisted, "dead", spaces=["a", "b"], quota={"hard": {"pods": 12}})
    expect_ready(team, "a", "b")
    eventually(lambda: labelled(team, "a", "b"))
    assisted.operator.kill()
    before, broken = so_far(assisted), failures(assisted)
    held = int(quota(team, "a", "pods")[0])
    assert held > 0
    assert [created(team, "a", {})[0] for _ in range(held + 1)] == [201] * held + [403]
    assert calls(assisted, before, "fail_open_count") == held + 1
    assert failures(assisted) == broken + held + 1


def test_while_there_is_plenty_nobody_is_asked(assisted):
    team = given_tenant(assisted, "plenty", spaces=["a", "b"], quota={"hard": {"pods": 200, "requests.cpu": "100"}})
    expect_ready(team, "a", "b")
    before = so_far(assisted)
    assert {created(team, "a", SMALL)[0] for _ in range(20)} == {201}
    assert calls(assisted, before) == 0
    assert not labelled(team, "a")


def test_nobody_is_asked_about_pods_of_workloads_whose_quota_is_there_before_them(assisted):
    team = given_tenant(assisted, "owned", spaces=["a", "b"], quota={"hard": {"pods": 12}})
    expect_ready(team, "a", "b")
    eventually(lambda: labelled(team, "a", "b"))
    before = so_far(assisted)
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": team.namespace("a")},
        "spec": {
            "replicas": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod("x", "x")["spec"]},
        },
    }
    assisted.apply(body)
    eventually(lambda: len(assisted.names("Pod", team.namespace("a"))) == 10, within=20)
    assert calls(assisted, before) == 0


def test_a_dry_run_moves_nothing(assisted):
    team = given_tenant(assisted, "dry", spaces=["a", "b"], quota={"hard": {"pods": 30, "requests.cpu": "20"}})
    expect_ready(team, "a", "b")
    eventually(lambda: labelled(team, "a", "b"))
    before, large, held = so_far(assisted), {"requests": {"cpu": "12"}}, quota(team, "b")
    assert {created(team, "b", large, dry_run=True)[0] for _ in range(10)} == {403}
    assert calls(assisted, before) == 0
    never(lambda: quota(team, "b") != held, during=0.5)
    assert created(team, "b", large)[0] == 201


def test_the_label_costs_nothing_while_nothing_changes(assisted):
    team = given_tenant(assisted, "label", spaces=["a", "b"], quota={"hard": {"pods": 12}})
    expect_ready(team, "a", "b")
    eventually(lambda: labelled(team, "a", "b"))
    expect_settled(assisted, during=6)  # the last figures of the ledger come after five
    team.change(quota={"hard": {"pods": 400}})
    never(lambda: not labelled(team, "a", "b"), during=1)


def test_a_replica_that_does_not_lead_helps_as_well(cluster, tmp_path):
    team = given_one_that_holds_all(cluster)
    port = free_port()
    standby = Operator(cluster.plane, tmp_path)
    standby.flags = ("--assist", f"127.0.0.1:{port}")
    cluster.patch("Namespace", team.namespace("b"), SCARCE)
    with asking(cluster, port):
        standby.start()
        try:
            eventually(lambda: trusted(cluster))
            # The leader has no assist: it takes the label off.
            eventually(lambda: not labelled(team, "b"))
            cluster.operator.kill()
            cluster.patch("Namespace", team.namespace("b"), SCARCE)
            frees_all(team)
            # Natively all are refused. Who waits longer than the API server's one second, on a busy machine, is refused too.
            rounds = []
            while len(rounds) < 3 and (not rounds or rounds[-1] < 15):
                rounds.append(sum(created(team, "b", SMALL)[0] == 201 for _ in range(20)))
            assert rounds[-1] >= 15, rounds
        finally:
            standby.kill()


@pytest.fixture
def brief(cluster):
    """With certificates that last 12 seconds: made anew after 8, served a second later."""
    yield from with_assist(cluster, COTENANT_ASSIST_LIFETIME="12")


def test_certificates_are_changed_under_load_without_a_call_that_fails(brief):
    team = given_tenant(brief, "rotate", spaces=["a", "b"], quota={"hard": {"pods": 2}})
    expect_ready(team, "a", "b")
    eventually(lambda: labelled(team, "a", "b"))
    eventually(lambda: sum(created(team, space, {})[0] == 201 for space in "ab") == 0, within=20)

    def expiry() -> str:
        lines = brief.operator.http("/metrics")[1].splitlines()
        return next(one for one in lines if one.startswith("cotenant_webhook_cert_expiry_timestamp_seconds "))

    before, broken, seen, bundles, asked = so_far(brief), failures(brief), set[str](), set[str](), 0
    deadline = time.monotonic() + 45 * BUSY
    while time.monotonic() < deadline and len(seen) < 3:
        # Nothing is left: each is asked about, and refused.
        for _ in range(20):
            assert created(team, "a", {})[0] == 403
            asked += 1
        seen.add(expiry())
        bundles.add(hook(brief)["webhooks"][0]["clientConfig"]["caBundle"])
    assert len(seen) == 3
    assert len(bundles) >= 4  # each time both are trusted for a while
    assert calls(brief, before) == asked
    assert failures(brief) == broken
    assert "PRIVATE KEY" not in brief.operator.log.read_text()
