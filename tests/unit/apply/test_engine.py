from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.builtin import Manifest
from cotenant.api.keys import TENANT
from cotenant.apply.engine import Engine
from cotenant.kube.errors import ApiError, Conflict, Forbidden, Invalid, Unavailable
from cotenant.model.finding import Outcome, Ref
from cotenant.model.plan import Action, Plan, Step, labels, manifest, ref_of
from unit.cluster import Cluster

RBAC = "rbac.authorization.k8s.io/v1"


def of(kind: str, name: str, api: str = "v1", **content: Any) -> Manifest:
    return manifest(api, kind, name, "" if kind == "Namespace" else "red-dev", labels=labels("red", "dev"), **content)


def binding(name: str = "cotenant-owner", role: str = "cotenant:owner") -> Manifest:
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return of("RoleBinding", name, RBAC, roleRef=ref, subjects=[])


NAMESPACE = of("Namespace", "red-dev")
POLICY = of(
    "NetworkPolicy",
    "cotenant-default-deny",
    "networking.k8s.io/v1",
    spec={"podSelector": {}, "policyTypes": ["Ingress"]},
)
LIMITS = of("LimitRange", "cotenant", spec={"limits": [{"type": "Container", "default": {"cpu": "500m"}}]})
BINDING = binding()


class Play:
    """An engine on a cluster, and what it remembered."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.remembered: list[Ref] = []
        client: Any = self.cluster
        self.engine = Engine(client, lambda ref, _: self.remembered.append(ref))

    async def run(self, *steps: tuple[Action, Manifest], prune: tuple[Ref, ...] = (), uid: str = "") -> Outcome:
        plan = Plan(tuple(Step(one, action, "because", uid) for action, one in steps), prune)
        return await self.engine.run(plan)


@pytest.fixture
def play() -> Play:
    return Play()


def verbs(outcome: Outcome) -> list[str]:
    return [one.verb for one in outcome.done]


async def test_steps_are_done_in_order_and_remembered(play: Play) -> None:
    outcome = await play.run(("create", NAMESPACE), ("create", POLICY), ("create", BINDING))
    assert verbs(outcome) == ["created", "created", "created"]
    assert [call[1] for call in play.cluster.calls] == ["Namespace", "NetworkPolicy", "RoleBinding"]
    assert play.remembered == [ref_of(NAMESPACE), ref_of(POLICY), ref_of(BINDING)]


async def test_what_is_kept_costs_no_request(play: Play) -> None:
    outcome = await play.run(("keep", NAMESPACE), ("keep", POLICY))
    assert verbs(outcome) == ["unchanged", "unchanged"]
    assert play.cluster.calls == []


@pytest.mark.parametrize(
    ("error", "verb", "detail"),
    [
        (Forbidden(403, "Forbidden", "admission webhook said no"), "denied", "webhook: admission webhook said no"),
        (Invalid(422, "Invalid", "is invalid"), "denied", "validation: is invalid"),
        (Conflict(409, "Conflict", "modified"), "conflict", "modified"),
        (Unavailable(503, "ServiceUnavailable", "later"), "failed", "later"),
        (ApiError(0, "Unreachable", ""), "failed", "Unreachable"),
    ],
)
async def test_nobody_gets_rights_after_a_closing_step_failed(
    play: Play, error: ApiError, verb: str, detail: str
) -> None:
    play.cluster.refuse("create", "NetworkPolicy", error=error)
    outcome = await play.run(("create", NAMESPACE), ("create", POLICY), ("create", LIMITS), ("create", BINDING))
    assert verbs(outcome) == ["created", verb]
    assert outcome.trouble[0].detail == detail
    assert play.cluster.names("RoleBinding", "red-dev") == []


OLD_POLICY = ref_of(POLICY | {"metadata": POLICY["metadata"] | {"name": "cotenant-allow-all"}})
OLD_BINDING = ref_of(binding("cotenant-editor"))


def with_old(play: Play) -> None:
    play.cluster.put("NetworkPolicy", "cotenant-allow-all", "red-dev")
    play.cluster.put("RoleBinding", "cotenant-editor", "red-dev")


async def test_what_is_not_wanted_goes_after_what_is_wanted_came(play: Play) -> None:
    with_old(play)
    outcome = await play.run(("create", POLICY), prune=(OLD_BINDING, OLD_POLICY))
    assert verbs(outcome) == ["created", "deleted", "deleted"]
    assert play.cluster.writes()[0] == "create NetworkPolicy cotenant-default-deny"


async def test_after_a_failure_only_rights_go(play: Play) -> None:
    with_old(play)
    play.cluster.refuse("create", "NetworkPolicy")
    outcome = await play.run(("create", POLICY), prune=(OLD_BINDING, OLD_POLICY))
    assert verbs(outcome) == ["denied", "deleted"]
    assert play.cluster.names("NetworkPolicy", "red-dev") == ["cotenant-allow-all"]
    assert play.cluster.names("RoleBinding", "red-dev") == []


async def test_what_is_gone_already_was_pruned(play: Play) -> None:
    assert verbs(await play.run(prune=(OLD_BINDING,))) == ["unchanged"]


async def test_a_refused_deletion_is_trouble_and_the_others_go(play: Play) -> None:
    with_old(play)
    play.cluster.refuse("delete", "NetworkPolicy")
    outcome = await play.run(prune=(OLD_POLICY, OLD_BINDING))
    assert verbs(outcome) == ["denied", "deleted"]
    assert outcome.trouble[0].ref == OLD_POLICY


async def test_a_namespace_is_posted_so_that_nobodys_is_taken_over(play: Play) -> None:
    play.cluster.put("Namespace", "red-dev")
    outcome = await play.run(("create", NAMESPACE), ("create", BINDING))
    assert verbs(outcome) == ["conflict"]
    assert "labels" not in play.cluster.there("Namespace", "red-dev")["metadata"]
    assert play.remembered == []


async def test_an_object_of_ours_that_the_store_did_not_know_is_replaced(play: Play) -> None:
    play.cluster.put("LimitRange", "cotenant", "red-dev", spec={"limits": [{"type": "Pod"}]})
    assert verbs(await play.run(("create", LIMITS))) == ["replaced"]
    assert play.cluster.there("LimitRange", "cotenant", "red-dev")["spec"] == LIMITS["spec"]


async def test_an_update_is_bound_to_the_uid_that_was_seen(play: Play) -> None:
    play.cluster.put("Namespace", "red-dev", about={"uid": "another"})
    assert verbs(await play.run(("update", NAMESPACE), uid="uid-red-dev")) == ["conflict"]
    play.cluster.vanish("Namespace", "red-dev")
    assert verbs(await play.run(("update", NAMESPACE), uid="uid-red-dev")) == ["conflict"]
    assert play.cluster.names("Namespace") == []


async def test_an_update_is_one_look_and_one_replacement(play: Play) -> None:
    play.cluster.put("NetworkPolicy", "cotenant-default-deny", "red-dev", spec={"podSelector": {}, "policyTypes": []})
    assert verbs(await play.run(("update", POLICY))) == ["replaced"]
    assert [call[0] for call in play.cluster.calls] == ["get", "replace"]


def narrowed(play: Play, **about: Any) -> None:
    """Somebody made the default deny select no pod at all."""
    spec = {"podSelector": {"matchLabels": {"app": "none"}}, "policyTypes": ["Ingress"]}
    play.cluster.put("NetworkPolicy", "cotenant-default-deny", "red-dev", about=about, spec=spec)


async def test_fields_that_others_added_are_replaced_away(play: Play) -> None:
    narrowed(play)
    assert verbs(await play.run(("update", POLICY))) == ["replaced"]
    assert play.cluster.there("NetworkPolicy", "cotenant-default-deny", "red-dev")["spec"] == POLICY["spec"]


async def test_a_replacement_keeps_the_metadata_of_others(play: Play) -> None:
    theirs = {
        "labels": {"argocd": "x", "cotenant.dev/other": "y", TENANT: "blue"},
        "annotations": {"note": "z"},
        "finalizers": ["example.com/hold"],
        "ownerReferences": [{"kind": "X"}],
    }
    narrowed(play, **theirs)
    await play.run(("update", POLICY))
    found = play.cluster.there("NetworkPolicy", "cotenant-default-deny", "red-dev")["metadata"]
    assert found["labels"] == {"argocd": "x", **labels("red", "dev")}
    assert {key: found[key] for key in ("annotations", "finalizers", "ownerReferences")} == {
        key: theirs[key] for key in ("annotations", "finalizers", "ownerReferences")
    }


async def test_a_label_of_our_group_that_is_not_ours_goes(play: Play) -> None:
    narrowed(play, labels={"cotenant.dev/other": "y"})
    assert verbs(await play.run(("update", POLICY))) == ["replaced"]
    found = play.cluster.there("NetworkPolicy", "cotenant-default-deny", "red-dev")["metadata"]
    assert found["labels"] == labels("red", "dev")


async def test_a_replacement_never_overwrites_what_came_in_between(play: Play) -> None:
    narrowed(play)

    def meanwhile(verb: str, kind: str, name: str) -> None:
        if verb == "replace":
            play.cluster.change(kind, name, "red-dev", metadata={"annotations": {"a": "b"}})

    play.cluster.before = meanwhile
    assert verbs(await play.run(("update", POLICY))) == ["conflict"]


async def test_a_binding_to_another_role_is_made_anew_since_nobody_can_change_it(play: Play) -> None:
    play.cluster.put("RoleBinding", "cotenant-owner", "red-dev", roleRef={"name": "cluster-admin"})
    assert verbs(await play.run(("update", BINDING))) == ["replaced"]
    assert play.cluster.there("RoleBinding", "cotenant-owner", "red-dev")["roleRef"]["name"] == "cotenant:owner"
    assert play.remembered == [ref_of(BINDING)]


async def test_a_binding_that_is_refused_for_another_reason_stays(play: Play) -> None:
    play.cluster.put("RoleBinding", "cotenant-owner", "red-dev", roleRef=BINDING["roleRef"])
    play.cluster.refuse("replace", "RoleBinding", error=Invalid(422, "Invalid", "subjects[0].name: Required value"))
    assert verbs(await play.run(("update", BINDING))) == ["denied"]
    assert play.cluster.names("RoleBinding", "red-dev") == ["cotenant-owner"]


SPACE = manifest("cotenant.dev/v1alpha1", "Space", "dev", "red-dev", labels=labels("red", "dev"))


async def test_a_space_is_posted_and_one_made_meanwhile_is_not_taken_over(play: Play) -> None:
    assert verbs(await play.run(("create", SPACE | {"spec": {}}))) == ["created"]
    assert verbs(await play.run(("create", SPACE | {"spec": {}}))) == ["conflict"]
    assert play.cluster.writes() == ["create Space dev", "create Space dev"]


async def test_of_a_space_that_is_there_only_our_labels_change(play: Play) -> None:
    theirs = {
        "labels": {"cotenant.dev/declared": "true", "team": "x"},
        "finalizers": ["a/b"],
        "annotations": {"n": "1"},
    }
    play.cluster.put("Space", "dev", "red-dev", about=theirs, spec={"templates": ["a"]}, status={"phase": "Ready"})
    assert verbs(await play.run(("update", SPACE), uid="uid-dev")) == ["replaced"]
    found = play.cluster.there("Space", "dev", "red-dev")
    assert found["metadata"]["labels"] == labels("red", "dev") | {"team": "x"}
    assert found["metadata"]["finalizers"] == ["a/b"]
    assert found["metadata"]["annotations"] == {"n": "1"}
    assert found["spec"] == {"templates": ["a"]}
    assert found["status"] == {"phase": "Ready"}


async def test_another_space_of_that_name_is_not_marked(play: Play) -> None:
    play.cluster.put("Space", "dev", "red-dev", about={"uid": "another"}, spec={})
    assert verbs(await play.run(("update", SPACE), uid="uid-dev")) == ["conflict"]
    assert play.cluster.writes() == []


async def test_an_invalid_namespace_is_a_refusal(play: Play) -> None:
    play.cluster.put("Namespace", "red-dev")
    play.cluster.refuse("apply", "Namespace", error=Invalid(422, "Invalid", "metadata.labels: Invalid value"))
    assert verbs(await play.run(("update", NAMESPACE), uid="uid-red-dev")) == ["denied"]
