from __future__ import annotations

from typing import Any

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import ADOPT, ENFORCEMENT, SPACE, TENANT
from cotenant.model.finding import Ref
from cotenant.model.plan import Plan, ref_of
from cotenant.model.snapshot import SpaceSnapshot
from cotenant.render import rules
from cotenant.render.namespace import namespace as rendered
from cotenant.render.space import render_space
from unit.specimens import (
    GONE,
    children,
    marks,
    namespace,
    quota,
    quota_of,
    seen,
    space,
    space_snapshot,
    tenant,
)  # fmt: skip

MEMBERS = [{"role": "owner", "user": "ann"}, {"role": "viewer", "user": "bob"}]
TEAM = tenant(members=MEMBERS)
KINDS = ["Namespace", "NetworkPolicy", "LimitRange", "SpacePolicy", "RoleBinding"]
RED_DEV = namespace("red-dev", rendered(seen(TEAM), "red-dev", "dev")["metadata"]["labels"], {ADOPT: "red/dev"})


def in_force() -> ResourceQuota:
    return quota_of(seen(TEAM), space())


def kinds(plan: Plan) -> list[str]:
    return list(dict.fromkeys(step.ref.kind for step in plan.steps))


def writes(plan: Plan) -> list[tuple[str, str]]:
    return [(step.action, step.ref.name) for step in plan.changes]


def open_space(**more: Any) -> SpaceSnapshot:
    """Tenant TEAM's space dev with everything in place."""
    known: dict[str, Any] = {"namespace": RED_DEV, "quota": in_force()}
    bare = space_snapshot(of=TEAM, **known)
    made = children(*(step.manifest for step in render_space(bare).steps if step.ref.kind != "Namespace"))
    return space_snapshot(more.pop("one", None), more.pop("of", TEAM), **(known | {"children": made} | more))


def test_a_new_space_is_made_from_the_fence_inwards_and_opens_only_with_its_quota() -> None:
    plan = render_space(space_snapshot(of=TEAM))
    assert kinds(plan) == KINDS[:-1]
    assert plan.steps[0].action == "create"
    assert plan.waiting == "the ResourceQuota is not in force yet"


def test_rights_come_last_once_the_quota_is_in_force() -> None:
    plan = render_space(space_snapshot(of=TEAM, namespace=RED_DEV, quota=in_force()))
    assert kinds(plan) == KINDS
    assert [step.ref.name for step in plan.steps[-2:]] == ["cotenant-owner", "cotenant-viewer"]
    assert plan.waiting == ""


def test_a_quota_that_the_api_server_does_not_know_yet_is_none() -> None:
    empty = quota("red-dev", {}, spec={"pods": "1"})
    assert "RoleBinding" not in kinds(render_space(space_snapshot(of=TEAM, namespace=RED_DEV, quota=empty)))


def test_a_finished_space_costs_no_write() -> None:
    plan = render_space(open_space())
    assert plan.changes == ()
    assert plan.prune == ()
    assert plan.waiting == ""


def test_equal_snapshots_give_equal_plans() -> None:
    assert render_space(open_space()) == render_space(open_space())


def test_every_step_says_why() -> None:
    assert all(step.why for step in render_space(open_space()).steps)


def test_nothing_is_planned_without_tenant_or_profile() -> None:
    assert render_space(space_snapshot(view=None, tenant_exists=False)) == Plan()
    assert render_space(space_snapshot(view=None)) == Plan()


def test_a_space_that_can_have_no_namespace_is_left_alone() -> None:
    plan = render_space(space_snapshot(space("dev", namespace="kube-system")))
    assert (plan.steps, plan.prune) == ((), ())
    assert "reserved" in plan.waiting


def test_a_namespace_that_is_being_deleted_is_left_alone() -> None:
    plan = render_space(open_space(namespace=namespace("red-dev", marks(), deletionTimestamp=GONE)))
    assert (plan.steps, plan.prune) == ((), ())
    assert plan.waiting == "namespace red-dev is being deleted"


def test_a_namespace_is_repaired_by_uid_lest_another_of_its_name_is_touched() -> None:
    [birth, *_] = render_space(open_space(namespace=namespace("red-dev", marks()))).steps
    assert (birth.action, birth.uid) == ("update", "uid-red-dev")


def test_an_offered_namespace_is_adopted_by_uid() -> None:
    offered = namespace("legacy", annotations={ADOPT: "red/dev"})
    [birth, *_] = render_space(space_snapshot(space(namespace="legacy"), TEAM, occupant=offered)).steps
    assert (birth.action, birth.uid, birth.ref.name) == ("update", "uid-legacy", "legacy")
    assert birth.why == "adopted: it was offered to this space"


def test_a_member_who_left_is_taken_out_before_anything_else_is_changed() -> None:
    fewer = tenant(members=[*MEMBERS[1:], {"role": "owner", "user": "eve"}], network={"isolation": "space"})
    plan = render_space(open_space(of=fewer))
    assert writes(plan)[0] == ("update", "cotenant-owner")
    assert ("create", "cotenant-allow-space") in writes(plan)


def test_a_member_who_left_is_taken_out_also_while_the_quota_is_away() -> None:
    for away in (None, quota("red-dev", {}, spec={"pods": "1"})):
        plan = render_space(open_space(of=tenant(members=[MEMBERS[1], {"role": "owner", "user": "eve"}]), quota=away))
        assert ("update", "cotenant-owner") in writes(plan)
        assert plan.waiting


def test_a_new_role_waits_for_the_quota_even_in_a_space_that_was_open() -> None:
    more = tenant(members=[*MEMBERS, {"role": "editor", "user": "eve"}])
    assert "cotenant-editor" not in dict(map(reversed, writes(render_space(open_space(of=more, quota=None)))))  # type: ignore[arg-type]  # pairs
    assert ("create", "cotenant-editor") in writes(render_space(open_space(of=more)))


def test_a_role_that_nobody_has_any_more_is_pruned() -> None:
    plan = render_space(open_space(of=tenant(members=MEMBERS[:1])))
    assert plan.prune == (Ref("rbac.authorization.k8s.io/v1", "RoleBinding", "red-dev", "cotenant-viewer"),)


def test_rights_that_wait_for_the_quota_are_not_pruned() -> None:
    assert render_space(open_space(quota=None)).prune == ()


def test_a_policy_of_the_former_isolation_is_pruned() -> None:
    plan = render_space(open_space(of=tenant(members=MEMBERS, network={"isolation": "space", "internet": False})))
    assert [ref.name for ref in plan.prune] == ["cotenant-allow-internet", "cotenant-allow-tenant"]


def test_what_is_already_going_is_not_pruned_again() -> None:
    bare = open_space()
    going = {
        ref: type(one)(type(one.metadata)(name=ref.name, deletion_timestamp=GONE), one.fingerprint)
        for ref, one in bare.children.items()
    }
    assert render_space(open_space(of=tenant(), children=going)).prune == ()


def test_a_space_that_goes_keeps_its_fence_and_makes_no_namespace() -> None:
    going = space(about={"deletionTimestamp": GONE, "finalizers": ["cotenant.dev/space"]})
    assert render_space(space_snapshot(going, TEAM)) == Plan()
    plan = render_space(open_space(one=going, of=tenant(members=MEMBERS[:1]), namespace=namespace("red-dev", marks())))
    assert "Namespace" not in kinds(plan)
    assert [ref.name for ref in plan.prune] == ["cotenant-viewer"]


def test_a_tenant_that_goes_gets_no_new_namespace_and_keeps_the_fence_of_the_old() -> None:
    going = tenant(about={"deletionTimestamp": GONE}, members=MEMBERS)
    plan = render_space(space_snapshot(of=going))
    assert plan == Plan(waiting="tenant red is being deleted")
    offered = namespace("legacy", annotations={ADOPT: "red/dev"})
    adopting = space_snapshot(space(namespace="legacy"), going, occupant=offered)
    assert render_space(adopting) == Plan(waiting="tenant red is being deleted")
    kept = render_space(space_snapshot(of=going, namespace=namespace("red-dev", marks())))
    assert "NetworkPolicy" in kinds(kept)
    assert "RoleBinding" not in kinds(kept)


def test_everything_in_a_space_is_in_its_namespace_and_carries_its_labels() -> None:
    for step in render_space(open_space()).steps:
        metadata = step.manifest["metadata"]
        assert metadata["labels"][TENANT] == "red"
        assert metadata["labels"][SPACE] == "dev"
        assert metadata.get("namespace", "red-dev") == "red-dev"


def test_drift_of_any_object_is_an_update_of_that_object_alone() -> None:
    whole = open_space()
    for ref in whole.children:
        rest = {key: one for key, one in whole.children.items() if key != ref}
        [missing] = render_space(open_space(children=rest)).changes
        assert (missing.ref, missing.action) == (ref, "create")
        drifted = type(whole.children[ref])(whole.children[ref].metadata, "other")
        [update] = render_space(open_space(children=rest | {ref: drifted})).changes
        assert (ref_of(update.manifest), update.action) == (ref, "update")


def policies_of(**spec: Any) -> dict[str, dict[str, Any]]:
    """The SpacePolicies of a space, by name."""
    view = seen(tenant(members=MEMBERS, **spec))
    return {one["metadata"]["name"]: one for one in rules.policies(view, "red-dev", "dev")}


def test_where_every_rule_refuses_a_space_has_one_space_policy() -> None:
    assert list(policies_of()) == list(policies_of(rules={"COTENANT-POD-8": "enforce"})) == ["policy"]


def test_each_way_of_not_refusing_has_a_copy_that_the_binding_of_it_finds() -> None:
    found = policies_of(enforcement="observe", rules={"COTENANT-POD-8": "warn"})

    assert list(found) == ["policy", "warn", "observe"]
    assert found["policy"]["spec"] == found["warn"]["spec"] == found["observe"]["spec"]
    assert found["policy"]["spec"]["rules"] == {"COTENANT-POD-8": "warn"}
    assert [one["metadata"]["labels"].get(ENFORCEMENT) for one in found.values()] == [None, "warn", "observe"]
    assert all(one["metadata"]["labels"][TENANT] == "red" for one in found.values())


def test_the_home_has_the_same_copies_and_one_mirror_of_the_tenant() -> None:
    view = seen(tenant(members=MEMBERS, enforcement="warn"))
    assert ["status" in one for one in rules.policies(view, view.home)] == [True, False]
