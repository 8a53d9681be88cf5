from __future__ import annotations

from typing import Any

from cotenant.api.keys import ADOPT, DECLARED, DELETED, SPACE_FINALIZER
from cotenant.api.space import Space
from cotenant.model.finding import Ref
from cotenant.model.plan import Plan, Step
from cotenant.render.namespace import home as rendered
from cotenant.render.tenant import render_tenant
from unit.specimens import (
    GONE,
    children,
    home,
    home_quota,
    marks,
    namespace,
    quota,
    seen,
    space,
    tenant,
    tenant_snapshot,
)  # fmt: skip

MEMBERS = [{"role": "owner", "user": "ann"}, {"role": "viewer", "user": "bob"}]
HOME = namespace("home-red", rendered(seen())["metadata"]["labels"], {ADOPT: "red/"})


def planned(*, spec: dict[str, Any] | None = None, **more: Any) -> Plan:
    """The plan for tenant red whose home is there and counts Spaces."""
    about = more.pop("about", None)
    known: dict[str, Any] = {"home": HOME, "home_quota": home_quota()}
    return render_tenant(tenant_snapshot(tenant(about=about, **(spec or {"members": MEMBERS})), **(known | more)))


def names(plan: Plan) -> list[str]:
    return [f"{step.action} {step.ref.kind} {step.ref.name}" for step in plan.steps]


def spaces(plan: Plan) -> dict[str, Step]:
    return {step.ref.name: step for step in plan.steps if step.ref.kind == "Space"}


def declared(name: str = "dev", **about: Any) -> Space:
    return space(name, about={"labels": marks("red", name) | {DECLARED: "true"}, **about})


def test_a_new_tenant_gets_its_home_first_and_members_enter_once_spaces_are_counted() -> None:
    plan = planned(home=None, home_quota=None)
    assert names(plan) == ["create Namespace home-red", "create SpacePolicy policy"]
    assert plan.waiting == "the limit on spaces is not in force yet"


def test_members_see_and_make_spaces_once_the_limit_is_in_force() -> None:
    plan = planned()
    assert names(plan) == [
        "keep Namespace home-red",
        "create SpacePolicy policy",
        "create RoleBinding cotenant-read",
        "create RoleBinding cotenant-create",
    ]
    assert plan.waiting == ""


def test_a_limit_without_a_count_is_not_in_force() -> None:
    uncounted = quota("home-red", {"count/spaces.cotenant.dev": "10", "pods": "0"}, {"pods": "0"})
    assert "RoleBinding" not in str(names(planned(home_quota=uncounted)))
    assert "RoleBinding" not in str(names(planned(home_quota=quota("home-red", {"pods": "0"}))))


def test_a_finished_home_costs_no_write() -> None:
    made = children(*(step.manifest for step in planned().steps if step.ref.kind != "Namespace"))
    plan = planned(children=made)
    assert (plan.changes, plan.prune, plan.waiting) == ((), (), "")


def test_a_member_who_left_is_taken_out_of_the_home_before_spaces_are_made() -> None:
    made = children(*(step.manifest for step in planned().steps if step.ref.kind != "Namespace"))
    spec = {"members": [MEMBERS[1], {"role": "owner", "user": "eve"}], "spaces": {"declared": ["dev"]}}
    changed = [step.ref.name for step in planned(spec=spec, children=made).changes]
    assert changed[:2] == ["cotenant-read", "cotenant-create"]
    assert changed[-1] == "dev"
    away = [step.ref.name for step in planned(spec=spec, children=made, home_quota=None).changes]
    assert away == ["cotenant-read", "cotenant-create"]


def test_a_home_that_somebody_else_made_is_never_touched() -> None:
    assert planned(home=namespace("home-red")) == Plan()
    assert planned(home=namespace("home-red", marks("blue", None))) == Plan()


def test_a_home_whose_label_was_stripped_gets_it_back_by_uid() -> None:
    [first, *_] = planned(home=namespace("home-red", annotations={ADOPT: "red/"})).steps
    assert (first.action, first.ref.name, first.uid) == ("update", "home-red", "uid-home-red")


def test_a_home_that_is_being_deleted_is_left_alone() -> None:
    assert planned(home=home(deletionTimestamp=GONE)) == Plan(waiting="namespace home-red is being deleted")


def test_nothing_is_planned_without_the_profile() -> None:
    assert render_tenant(tenant_snapshot(tenant(profile="gold"), view=None)) == Plan()


def test_a_declared_space_that_is_missing_is_made_with_our_finalizer_from_birth() -> None:
    found = spaces(planned(spec={"spaces": {"declared": ["dev"]}}))["dev"]
    assert found.action == "create"
    assert found.manifest["metadata"]["finalizers"] == [SPACE_FINALIZER]
    assert found.manifest["metadata"]["labels"] == marks() | {DECLARED: "true"}
    assert found.manifest["spec"] == {}


def test_declared_spaces_wait_for_the_count_lest_they_are_refused() -> None:
    assert spaces(planned(spec={"spaces": {"declared": ["dev"]}}, home_quota=None)) == {}


def test_a_declared_space_that_is_there_is_kept_and_one_made_by_hand_is_marked() -> None:
    spec = {"spaces": {"declared": ["dev", "prod"]}}
    found = spaces(planned(spec=spec, spaces=(declared("dev"), space("prod"))))
    assert (found["dev"].action, found["prod"].action) == ("keep", "update")
    assert "spec" not in found["prod"].manifest
    assert found["prod"].uid == "uid-prod"


def test_a_space_taken_off_the_list_is_released_not_deleted() -> None:
    plan = planned(spec={"spaces": {"declared": []}}, spaces=(declared("dev"), space("mine")))
    [(name, step)] = spaces(plan).items()
    assert (name, step.action) == ("dev", "update")
    assert DECLARED not in step.manifest["metadata"]["labels"]
    assert step.manifest["metadata"]["finalizers"] == [SPACE_FINALIZER]
    assert plan.prune == ()


def test_a_space_that_is_being_deleted_is_neither_marked_nor_released() -> None:
    going = declared("old", deletionTimestamp=GONE)
    plan = planned(spec={"spaces": {"declared": ["dev"]}}, spaces=(declared("dev", deletionTimestamp=GONE), going))
    assert {name: step.action for name, step in spaces(plan).items()} == {"dev": "keep"}


OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def test_a_space_that_was_lost_is_made_again_from_its_namespace() -> None:
    old = namespace("red-dev", marks(), creationTimestamp=OLD)
    found = spaces(planned(namespaces=(old,), spaces_born=NEW))["dev"]
    assert (found.action, found.why) == ("create", "lost, and namespace red-dev remembers it")
    assert DECLARED not in found.manifest["metadata"]["labels"]


def test_a_space_that_vanished_is_not_made_again_and_its_rights_go() -> None:
    young = namespace("red-dev", marks(), creationTimestamp=NEW)
    right = Ref("rbac.authorization.k8s.io/v1", "RoleBinding", "red-dev", "cotenant-owner")
    plan = planned(namespaces=(young,), spaces_born=OLD, rights={"red-dev": (right,)})
    assert spaces(plan) == {}
    assert right in plan.prune


def test_while_the_definition_of_spaces_is_missing_nothing_is_brought_back_and_no_right_goes() -> None:
    right = Ref("rbac.authorization.k8s.io/v1", "RoleBinding", "red-dev", "cotenant-owner")
    plan = planned(namespaces=(namespace("red-dev", marks(), creationTimestamp=OLD),), rights={"red-dev": (right,)})
    assert (spaces(plan), plan.prune) == ({}, ())


def test_a_space_that_somebody_deleted_on_purpose_is_never_made_again() -> None:
    left = namespace("red-dev", marks(), {DELETED: GONE})
    going = namespace("red-x", marks("red", "x"), deletionTimestamp=GONE)
    assert spaces(planned(namespaces=(left, going))) == {}


def test_one_namespace_of_a_space_that_exists_makes_no_second_space() -> None:
    found = spaces(planned(spaces=(space("dev"),), namespaces=(namespace("red-dev", marks()),)))
    assert found == {}


def test_a_tenant_that_goes_makes_nothing_and_its_members_lose_the_home() -> None:
    made = children(*(step.manifest for step in planned().steps if step.ref.kind != "Namespace"))
    spec = {"members": MEMBERS, "spaces": {"declared": ["dev"]}}
    plan = planned(spec=spec, about={"deletionTimestamp": GONE}, children=made)
    assert {step.ref.kind for step in plan.steps} == {"SpacePolicy"}
    rbac = "rbac.authorization.k8s.io/v1"
    assert plan.prune == tuple(Ref(rbac, "RoleBinding", "home-red", f"cotenant-{name}") for name in ("create", "read"))


def test_a_cordon_takes_the_right_to_make_spaces_away() -> None:
    made = children(*(step.manifest for step in planned().steps if step.ref.kind != "Namespace"))
    plan = planned(spec={"members": MEMBERS, "cordoned": True}, children=made)
    assert [ref.name for ref in plan.prune] == ["cotenant-create"]
