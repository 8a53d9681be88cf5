from __future__ import annotations

import pytest

from cotenant.judge.isolation.alike import REMEMBERED, Refusals
from cotenant.judge.isolation.claims import Action
from cotenant.judge.isolation.parties import Identity, anybody
from cotenant.kube import resource
from unit.judge.isolation.samples import BLUE, RED


def binding(name: str, *subjects: dict, namespace: str = "") -> dict:
    return {"metadata": {"name": name, "namespace": namespace}, "subjects": list(subjects)}


def group(name: str) -> dict:
    return {"kind": "Group", "name": name}


EVERYBODY = binding("basic", group("system:authenticated"))
KEYS = binding("keys", group("system:serviceaccounts"))
SECRETS = Action("get", resource.SECRETS, namespace="green-dev")
POD = anybody("red-dev")


def refused(who: Identity, *local: dict, cluster: tuple = (EVERYBODY, KEYS)) -> Refusals:
    found = Refusals(cluster, local)
    found.add(who, SECRETS)
    return found


def test_who_holds_the_same_bindings_is_refused_the_same():
    found = refused(RED)
    assert found.covers(BLUE, SECRETS)
    assert found.spared == 1


def test_a_refusal_to_who_holds_more_is_one_to_who_holds_less_and_not_the_other_way_round():
    assert refused(POD).covers(RED, SECRETS)
    assert not refused(RED).covers(POD, SECRETS)


@pytest.mark.parametrize(
    "one",
    [
        binding("b", {"kind": "User", "name": "bob"}, namespace="green-dev"),
        binding("b", {"kind": "User", "name": "bob"}),
    ],
)
def test_a_binding_of_ones_own_there_or_everywhere_must_be_asked_for(one):
    cluster = (EVERYBODY,) if one["metadata"]["namespace"] else (EVERYBODY, one)
    local = (one,) if one["metadata"]["namespace"] else ()
    assert not refused(RED, *local, cluster=cluster).covers(BLUE, SECRETS)


def test_a_binding_elsewhere_does_not_matter():
    assert refused(RED, binding("b", {"kind": "User", "name": "bob"}, namespace="blue-dev")).covers(BLUE, SECRETS)


def test_a_service_account_is_known_by_its_name_its_namespace_and_its_groups():
    one = binding("b", {"kind": "ServiceAccount", "name": "default", "namespace": "red-dev"}, namespace="green-dev")
    assert not refused(anybody("blue-dev"), one).covers(POD, SECRETS)
    of_a_space = binding("b", group("system:serviceaccounts:red-dev"), namespace="green-dev")
    assert not refused(anybody("blue-dev"), of_a_space).covers(POD, SECRETS)
    assert refused(anybody("blue-dev")).covers(POD, SECRETS)


def test_another_action_or_place_must_be_asked_for():
    found = refused(RED)
    assert not found.covers(BLUE, Action("list", resource.SECRETS, namespace="green-dev"))
    assert not found.covers(BLUE, Action("get", resource.SECRETS, namespace="blue-dev"))


@pytest.mark.parametrize("name", ["system:masters", "system:nodes"])
def test_nothing_is_concluded_for_groups_that_have_rights_without_a_binding(name):
    assert not refused(RED).covers(Identity("x", (name,), "group x", ()), SECRETS)


def test_who_got_a_binding_since_is_outdated_and_who_lost_one_or_holds_it_elsewhere_is_not():
    bound = binding("b", {"kind": "User", "name": "bob"}, namespace="green-dev")
    before, after = refused(RED), refused(RED, bound)
    assert before.covers(BLUE, SECRETS)
    assert before.outdated(after) == {BLUE}
    assert after.covers(RED, SECRETS)
    assert after.outdated(before) == set()


def test_a_binding_made_anew_under_its_name_is_another():
    def bound(uid: str) -> dict:
        made = binding("b", {"kind": "User", "name": "bob"}, namespace="green-dev")
        return made | {"metadata": made["metadata"] | {"uid": uid}}

    before = refused(BLUE, bound("1"))
    assert before.outdated(refused(BLUE, bound("1"))) == set()
    assert before.outdated(refused(BLUE, bound("2"))) == {BLUE}


def test_memory_is_bounded():
    found = refused(RED)
    for number in range(REMEMBERED):
        found.add(RED, Action("get", resource.SECRETS, namespace=f"n{number}"))
    assert not found.covers(BLUE, SECRETS)
