from __future__ import annotations

import msgspec
import pytest

from cotenant.api.keys import SPACE, TENANT
from cotenant.api.ledger import TenantLedger
from cotenant.controllers.gather import gather_space, gather_tenant, namespace_of, tenant_of_home
from cotenant.controllers.world import World
from cotenant.model.snapshot import SpaceSnapshot
from unit.controllers.play import role_
from unit.specimens import (
    NOW,
    PLATFORM,
    child,
    home,
    home_quota,
    marks,
    metadata,
    namespace,
    profile,
    quota,
    space,
    tenant,
)

DEV = "home-red/dev"


def world() -> World:
    """Tenant red with its home and the Space dev."""
    found = World()
    found.tenants.upsert(tenant())
    found.namespaces.upsert(home())
    found.spaces.upsert(space())
    return found


def gathered(found: World) -> SpaceSnapshot:
    one = gather_space(found, DEV, PLATFORM, NOW)
    assert one is not None
    return one


def test_what_is_gone_has_no_snapshot() -> None:
    assert gather_space(World(), DEV, PLATFORM, NOW) is None
    assert gather_tenant(World(), "red", PLATFORM, NOW) is None


def test_a_home_is_found_by_its_name_and_its_label() -> None:
    found = world()
    assert tenant_of_home(found, "home-red") is not None
    found.namespaces.upsert(namespace("red"))
    assert tenant_of_home(found, "red") is None
    found.tenants.upsert(tenant("blue"))
    assert tenant_of_home(found, "home-blue") is None
    for labels in ({}, {TENANT: "red"}, {TENANT: "blues"}):
        found.namespaces.upsert(namespace("home-blue", labels))
        assert tenant_of_home(found, "home-blue") is None


def test_a_new_space_sees_who_has_the_name_that_it_would_get() -> None:
    found = world()
    assert gathered(found).occupant is None
    found.namespaces.upsert(namespace("red-dev"))
    assert gathered(found).occupant is not None
    assert gathered(found).namespace is None


def test_a_space_is_its_labelled_namespace_whatever_its_name() -> None:
    found = world()
    found.namespaces.upsert(namespace("legacy", marks()))
    found.namespaces.upsert(namespace("red-dev"))
    snapshot = gathered(found)
    assert snapshot.namespace is not None
    assert (snapshot.namespace.metadata.name, snapshot.occupant) == ("legacy", None)


def test_labels_of_another_tenant_or_space_are_not_ours() -> None:
    found = world()
    found.namespaces.upsert(namespace("a", marks("blue", "dev")))
    found.namespaces.upsert(namespace("b", marks("red", "prod")))
    found.namespaces.upsert(namespace("c", {SPACE: "dev"}))
    assert gathered(found).namespace is None


def test_of_several_the_one_it_had_wins_then_the_oldest() -> None:
    found = world()
    for name, when in (("b", "2026-01-02T00:00:00Z"), ("a", "2026-01-03T00:00:00Z"), ("c", "2026-01-01T00:00:00Z")):
        found.namespaces.upsert(namespace(name, marks(), creationTimestamp=when))
    oldest = namespace_of(found, space(), "red")
    had = namespace_of(found, space(status={"namespace": "a"}), "red")
    assert oldest is not None and oldest.metadata.name == "c"
    assert had is not None and had.metadata.name == "a"


def test_a_missing_profile_leaves_no_view_but_a_tenant() -> None:
    found = world()
    found.tenants.upsert(tenant(profile="gold"))
    assert (gathered(found).view, gathered(found).tenant_exists) == (None, True)
    found.profiles.upsert(profile("gold", network={"isolation": "space"}))
    view = gathered(found).view
    assert view is not None
    assert view.rules.isolation == "space"


def test_a_snapshot_has_quota_and_objects_of_its_own_namespace_alone() -> None:
    found = world()
    found.namespaces.upsert(namespace("red-dev", marks()))
    for where in ("red-dev", "blue-dev"):
        found.quotas.upsert(quota(where, {"pods": "1"}))
        manifest = {"kind": "LimitRange", "metadata": {"name": "cotenant", "namespace": where}, "spec": {}}
        found.children["LimitRange"].upsert(child(manifest))
    snapshot = gathered(found)
    assert snapshot.quota is not None
    assert snapshot.quota.metadata.namespace == "red-dev"
    assert {ref.namespace for ref in snapshot.children} == {"red-dev"}


def test_a_tenant_sees_its_home_its_spaces_and_what_carries_its_label() -> None:
    found = world()
    found.quotas.upsert(home_quota())
    found.spaces.upsert(space("a"))
    found.spaces.upsert(space("x", home="home-blue"))
    for name, labels in (("red-dev", marks()), ("red-b", marks("red", "b")), ("blue-x", marks("blue", "x"))):
        found.namespaces.upsert(namespace(name, labels))
    found.quotas.upsert(quota("red-dev", {"pods": "1"}))
    for where in ("red-dev", "home-red", "blue-x"):
        manifest = {"kind": "RoleBinding", "metadata": {"name": "cotenant-owner", "namespace": where}}
        found.children["RoleBinding"].upsert(child(manifest))
    found.roles.upsert(role_("cotenant:owner"))
    snapshot = gather_tenant(found, "red", PLATFORM, NOW)
    assert snapshot is not None
    assert snapshot.home is not None and snapshot.home_quota is not None
    assert [one.metadata.name for one in snapshot.spaces] == ["a", "dev"]
    assert [one.metadata.name for one in snapshot.namespaces] == ["red-b", "red-dev"]
    assert [one.metadata.namespace for one in snapshot.quotas] == ["red-dev"]
    assert snapshot.bindings == 2
    assert snapshot.roles == {"cotenant:owner"}
    assert {ref.namespace for ref in snapshot.children} == {"home-red"}


def full(*held: tuple[int, int]) -> World:
    """world(), dev with nothing; other spaces s0, s1, … with so many pods of their own, of which so many are used."""
    found = world()
    found.tenants.upsert(tenant(quota={"hard": {"pods": 9}}))
    entries = [{"space": "red-dev", "allocation": 0}]
    found.namespaces.upsert(namespace("red-dev", marks()))
    found.quotas.upsert(quota("red-dev", {"pods": "0"}, labels=marks()))
    for at, (allocation, used) in enumerate(held):
        hard = {"pods": str(allocation)}
        found.quotas.upsert(quota(f"red-s{at}", hard, {"pods": str(used)}, labels=marks("red", f"s{at}")))
        entries.append({"space": f"red-s{at}", "allocation": allocation})
    spec = {"resource": "pods", "limit": 9, "entries": entries}
    ledger = msgspec.convert({"metadata": metadata("pods", namespace="home-red"), "spec": spec}, TenantLedger)
    found.ledgers.upsert(ledger)
    return found


def test_a_space_without_a_share_knows_who_holds_what_they_do_not_use_most_first() -> None:
    found = full((2, 1), (3, 0), (0, 0), (4, 4), (1, 2), (2, 1))
    assert gathered(found).idle == {"pods": (("s1", 3), ("s0", 1), ("s5", 1))}


def test_a_space_without_a_share_looks_at_nobody_who_has_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    found, looked = full((2, 1), *[(0, 0)] * 40, (3, 3)), []
    there = found.quotas.get
    monkeypatch.setattr(found.quotas, "get", lambda *key: looked.append(key[0]) or there(*key))
    assert gathered(found).idle == {"pods": (("s0", 1),)}
    assert set(looked) == {"red-dev", "red-s0", "red-s41"}
