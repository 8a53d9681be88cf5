from __future__ import annotations

from typing import Any

from cotenant.model.platform import Platform
from cotenant.render.access import bindings, home_bindings
from unit.specimens import seen, tenant

MEMBERS = [
    {"role": "owner", "group": "leads"},
    {"role": "developer", "user": "ann"},
    {"role": "developer", "user": "bob"},
    {"role": "viewer", "serviceAccount": {"namespace": "ci", "name": "bot"}},
    {"role": "admin", "user": "eve"},
    {"role": "owner", "user": "old", "expires": "2020-01-01T00:00:00Z"},
]
PLATFORM = Platform(roles=("owner", "developer", "viewer"))
Names = dict[str, tuple[str, list[str]]]


def granted(found: Any) -> Names:
    """Name of the binding -> its role and whom it names."""
    return {
        one["metadata"]["name"]: (one["roleRef"]["name"], [who["name"] for who in one["subjects"]]) for one in found
    }


def view(**spec: Any) -> Any:
    return seen(tenant(members=MEMBERS, **spec), platform=PLATFORM)


def test_one_binding_a_role_for_those_who_have_it() -> None:
    assert granted(bindings(view(), "red-dev", "dev")) == {
        "cotenant-owner": ("cotenant:owner", ["leads"]),
        "cotenant-developer": ("cotenant:developer", ["ann", "bob"]),
        "cotenant-viewer": ("cotenant:viewer", ["bot"]),
    }


def test_a_refused_or_expired_member_is_bound_nowhere() -> None:
    found = [*bindings(view(), "red-dev", "dev"), *home_bindings(view())]
    assert {"eve", "old"}.isdisjoint(who["name"] for one in found for who in one["subjects"])


def test_a_cordon_leaves_built_in_roles_the_view_and_adds_no_right_to_a_role_of_the_platforms_own() -> None:
    cordoned = view(cordoned=True)
    everybody = ["leads", "bot", "ann", "bob"]  # by kind, then by name
    assert granted(bindings(cordoned, "red-dev", "dev")) == {"cotenant-viewer": ("cotenant:viewer", ["leads", "bot"])}
    assert granted(home_bindings(cordoned)) == {"cotenant-read": ("cotenant:home-viewer", everybody)}


def test_a_member_who_holds_a_built_in_role_too_views_while_the_tenant_is_cordoned() -> None:
    both = [{"role": "developer", "user": "ann"}, {"role": "viewer", "user": "ann"}]
    cordoned = seen(tenant(members=both, cordoned=True), platform=PLATFORM)
    assert granted(bindings(cordoned, "red-dev", "dev")) == {"cotenant-viewer": ("cotenant:viewer", ["ann"])}
    cordoned = seen(tenant(members=both[:1], cordoned=True), platform=PLATFORM)
    assert granted(bindings(cordoned, "red-dev", "dev")) == {}


def test_in_the_home_everybody_reads_and_creators_make_spaces() -> None:
    assert granted(home_bindings(view()))["cotenant-create"] == ("cotenant:home-owner", ["leads"])
    both = view(spaces={"create": ["owner", "developer"]})
    assert granted(home_bindings(both))["cotenant-create"][1] == ["leads", "ann", "bob"]
    assert "cotenant-create" not in granted(home_bindings(view(spaces={"create": []})))
    assert "cotenant-create" not in granted(home_bindings(view(spaces={"create": ["editor"]})))


def test_a_role_to_create_that_nobody_may_have_gives_nothing() -> None:
    assert "cotenant-create" not in granted(home_bindings(view(spaces={"create": ["admin"]})))


def test_a_tenant_without_members_has_no_binding() -> None:
    assert list(bindings(seen(), "red-dev", "dev")) == []
    assert list(home_bindings(seen())) == []


def test_every_binding_is_to_a_cluster_role_of_ours() -> None:
    for one in (*bindings(view(), "red-dev", "dev"), *home_bindings(view())):
        assert one["roleRef"]["kind"] == "ClusterRole"
        assert one["roleRef"]["name"].startswith("cotenant:")
