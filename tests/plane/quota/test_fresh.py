"""A space that is just being made: no pod in it before its quota, whoever asks, on whichever API server."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Self

import pytest

from cotenant.kube.resource import (
    NAMESPACES,
    PODS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SPACE_POLICIES,
    Resource,
)
from cotenant.local import LocalControlPlane
from cotenant.local.wire import Wire
from installation import Cluster
from plane.quota.churn import OPERATOR, POD, connect
from soak.verdict import Change
from soak.witness import Witness
from vocabulary import BUSY, eventually, given_tenant, space_of

pytestmark = pytest.mark.cluster
OPENED, LANES, ROOM = 200, 5, 2
TENANT, OWNER = "fresh", "fresh-owner"
PEOPLE: dict[str, dict[str, str]] = {"admin": {}, "visitor": {}, "owner": {"Impersonate-User": OWNER}}
OURS = {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": TENANT, "cotenant.dev/space": "s"}
RULES = {
    "tenant": TENANT,
    "space": "s",
    "network": {"isolation": "tenant", "internet": True},
    **{key: {} for key in ("pods", "ingress", "storage", "serviceAccounts")},
    "services": {"types": ["ClusterIP"]},
    "enforcement": "enforce",
}
RBAC = "rbac.authorization.k8s.io"
RIGHTS = {
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cotenant:owner"},
    "subjects": [{"apiGroup": RBAC, "kind": "User", "name": OWNER}],
}


@pytest.fixture
def apart(tmp_path):
    """A plane of its own, without an operator: two hundred namespaces would stand in the way of what comes later."""
    with LocalControlPlane(apiservers=2, nodes=0) as plane:
        found = Cluster(plane, tmp_path)
        found.install()
        make(plane.wire(), NAMESPACES, "shut", {}, None)
        make(plane.wire(), SPACE_POLICIES, "policy", {"spec": RULES}, "shut")
        for wire in map(plane.wire, range(len(plane.urls))):
            eventually(lambda wire=wire: shut(wire, "shut"))
        yield found


def make(wire: Wire, kind: Resource, name: str, body: dict, namespace: str | None) -> None:
    """As the operator makes it."""
    about = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "labels": OURS}}
    status, answer = wire.json("POST", kind.path(namespace), about | body, **OPERATOR)
    # The default account may be there already.
    assert status == 201 or (status == 409 and kind is SERVICE_ACCOUNTS), answer


def shut(wire: Wire, namespace: str) -> bool:
    """Whether an API server has heard of the policy: it asks for the quota of a namespace that has none."""
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    status, answer = wire.json("POST", f"{SERVICES.path(namespace)}?dryRun=All", service)
    return status == 422 and "cotenant-quota-first" in answer["message"]


class Door:
    """Who stands before a namespace and asks for a pod until there is one, or there is a quota and it is used up."""

    def __init__(self, namespace: str, wires: dict[str, Wire]) -> None:
        self.namespace, self.answers, self.stuck = namespace, Counter[str](), Counter[str]()
        self.threads = [threading.Thread(target=self.ask, args=(who, wire)) for who, wire in wires.items()]

    def __enter__(self) -> Self:
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.threads:
            one.join()
        assert not self.stuck, self.stuck

    def ask(self, who: str, wire: Wire) -> None:
        path, body = PODS.path(self.namespace), POD | {"metadata": {"generateName": who}}
        deadline = time.monotonic() + 20 * BUSY
        while True:
            status, answer = wire.json("POST", path, body, **PEOPLE[who])
            self.answers[f"{who} {status}"] += 1
            text = answer.get("message", "")
            if status == 201 or "exceeded quota" in text:
                return
            if time.monotonic() > deadline:
                self.stuck[f"{who} in {self.namespace}: {text}"] += 1
                return
            time.sleep(0.01)


def opened(plane, numbers: range) -> Counter[str]:
    """As the operator opens a namespace, in the worst order: with everything that a pod needs, and the quota last."""
    answers: Counter[str] = Counter()
    wires = {who: connect(plane, turn) for turn, who in enumerate(("admin", "owner"), numbers.start)}
    with closing(connect(plane)) as wire, closing(wires["admin"]), closing(wires["owner"]):
        for number in numbers:
            namespace = f"{TENANT}-{number}"
            make(wire, NAMESPACES, namespace, {}, None)
            make(wire, SERVICE_ACCOUNTS, "default", {}, namespace)
            make(wire, ROLE_BINDINGS, "cotenant-owner", RIGHTS, namespace)
            make(wire, SPACE_POLICIES, "policy", {"spec": RULES}, namespace)
            with Door(namespace, wires) as door:
                make(wire, RESOURCE_QUOTAS, "cotenant", {"spec": {"hard": {"pods": str(ROOM)}}}, namespace)
            answers += door.answers
    return answers


def early(changes: list[Change]) -> Iterator[str]:
    """Pods at whose revision their namespace had no quota in force, or one that had not counted them."""
    quotas: dict[str, dict[str, dict[str, str]]] = {}
    pods: dict[str, set[str]] = defaultdict(set)
    for change in sorted(changes, key=lambda one: one.revision):
        if change.kind == "quota":
            quotas[change.name] = (change.found or {}).get("status", {})
        elif change.kind == "pod":
            namespace, _, name = change.name.partition("/")
            if name not in pods[namespace]:
                pods[namespace].add(name)
                there = quotas.get(namespace, {})
                if "pods" not in there.get("hard", {}) or int(there["used"]["pods"]) < len(pods[namespace]):
                    yield f"revision {change.revision}: {change.name}: {there or 'no quota in force'}"


def seen(witness: Witness, kind: str) -> int:
    """How many of a kind."""
    return len({one.name for one in list(witness.changes) if one.kind == kind})


def test_in_two_hundred_fresh_namespaces_no_pod_is_made_before_its_quota(apart, record_property) -> None:
    """By the order of etcd, over two API servers."""
    witness = Witness(apart.plane, TENANT, {}, real=True)
    share = OPENED // LANES
    with ThreadPoolExecutor(LANES) as pool:
        lanes = [pool.submit(opened, apart.plane, range(lane * share, (lane + 1) * share)) for lane in range(LANES)]
        answers = sum((lane.result() for lane in lanes), Counter())
    record_property("answers", str(dict(sorted(answers.items()))))
    eventually(lambda: seen(witness, "quota") == OPENED and seen(witness, "pod") == OPENED * ROOM)
    assert not witness.verdict().violations
    assert list(early(witness.changes)) == []
    # They did race: the door was found shut again and again, the more often the slower the machine is.
    assert answers.total() - OPENED * ROOM >= OPENED // 4, answers


def test_what_the_operator_opens_is_shut_until_then_too(cluster, record_property) -> None:
    team = given_tenant(cluster, "fresh", limit=8, quota={"hard": {"pods": "80"}})
    witness = Witness(cluster.plane, team.name, {"pods": "80"}, real=True)
    answers: Counter[str] = Counter()
    with closing(connect(cluster.plane, 0)) as one, closing(connect(cluster.plane, 1)) as other:
        for number in range(8):
            name = f"s{number}"
            with Door(team.namespace(name), {"admin": one, "visitor": other}) as door:
                cluster.apply(space_of(team, name))
            answers += door.answers
    record_property("answers", str(dict(sorted(answers.items()))))
    verdict = witness.verdict()
    assert not verdict.violations, verdict.broken
    assert list(early(witness.changes)) == []
