"""Who wakes whom, how urgently and when: the real stores and queues, nothing behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from cotenant.api.builtin import Child
from cotenant.api.keys import ADOPT, SPACE, TENANT
from cotenant.controllers import wiring
from cotenant.controllers.wiring import (
    BEGUN,
    GATHER,
    NEXT,
    SETTLE,
    watch_for_ledgers,
    watch_for_quotas,
    watch_for_spaces,
    watch_for_tenants,
)
from cotenant.controllers.world import World
from cotenant.kube.resource import ROLE_BINDINGS
from cotenant.model.finding import Ref
from cotenant.runtime.controller import DONE, Controller, Result
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import LAZY, NORMAL, URGENT
from unit.controllers.play import role_
from unit.specimens import GONE, home, marks, meta, namespace, profile, quota, space, tenant

pytestmark = pytest.mark.asyncio(loop_scope="function")
DEV = "home-red/dev"
Woken = dict[str, tuple[int, float]]


class Wired:
    """The three controllers on one world; `heard` is what has come into their queues since it was last asked."""

    def __init__(self) -> None:
        self.world = World()
        self.space, self.tenant, self.quota = (self.controller(name) for name in ("space", "tenant", "quota"))
        watch_for_spaces(self.space, self.world)
        watch_for_tenants(self.tenant, self.world)
        watch_for_quotas(self.quota, self.world)

    def controller(self, name: str) -> Controller:
        async def reconcile(_: str) -> Result:
            return DONE

        found = Controller(name, reconcile)
        found._running = True
        return found

    def heard(self) -> dict[str, Woken]:
        """Controller -> key -> priority and seconds of delay."""
        loop, found = asyncio.get_running_loop(), {}
        for one in (self.space, self.tenant, self.quota):
            queue = one.queue
            now = {key: (waiting.priority, 0.0) for key, waiting in queue._dirty.items()}
            later = {key: (timer.priority, round(timer.when - loop.time(), 1)) for key, timer in queue._timers.items()}
            if now or later:
                found[one.name] = now | later
            queue.clear()
        return found

    def remembered(self, kind: str, manifest: dict[str, Any]) -> None:
        """A write of our own."""
        self.world.remember(Ref("", kind, "", ""), manifest | {"kind": kind})


@pytest.fixture
async def wired() -> Iterator[Wired]:
    found = Wired()
    found.world.tenants.upsert(tenant(profile="gold", members=[{"role": "developer", "user": "ann"}]))
    found.world.namespaces.upsert(home())
    found.world.namespaces.upsert(namespace("red-dev", marks()))
    found.world.spaces.upsert(space())
    found.world.spaces.upsert(space("prod"))
    found.world.spaces.upsert(space("dev", home="home-blue"))
    found.heard()
    return found  # type: ignore[return-value]  # a fixture without an end


def child(name: str = "cotenant", at: str = "red-dev", labels: Any = None, fingerprint: str = "f") -> Child:
    return Child(meta(name, namespace=at, labels=marks() if labels is None else labels), fingerprint)


async def test_a_tenant_wakes_itself_its_spaces_and_their_quotas_at_once(wired: Wired) -> None:
    wired.world.tenants.upsert(tenant(about={"generation": 2}))
    assert wired.heard() == {
        "space": {DEV: (URGENT, 0), "home-red/prod": (URGENT, 0)},
        "tenant": {"red": (URGENT, 0)},
        "quota": {"home-red": (URGENT, 0), "red-dev": (URGENT, 0)},
    }


@pytest.mark.parametrize(
    "about",
    [{"deletionTimestamp": GONE}, {"annotations": {"cotenant.dev/confirm-delete": "red"}}, {"labels": {"a": "b"}}],
)
async def test_a_tenant_that_goes_is_confirmed_or_labelled_wakes_them_too(wired: Wired, about: Any) -> None:
    wired.world.tenants.upsert(tenant(about=about))
    assert set(wired.heard()) == {"space", "tenant", "quota"}


async def test_a_tenant_that_is_gone_or_another_of_its_name_wakes_them(wired: Wired) -> None:
    wired.world.tenants.upsert(tenant(about={"uid": "another"}))
    assert set(wired.heard()) == {"space", "tenant", "quota"}
    wired.world.tenants.remove("red")
    assert set(wired.heard()) == {"space", "tenant", "quota"}


async def test_the_status_of_a_tenant_wakes_nobody_but_its_mirror_in_the_home(wired: Wired) -> None:
    wired.world.tenants.upsert(tenant(status={"home": "home-red"}))
    assert wired.heard() == {"tenant": {"red": (NORMAL, SETTLE)}}


async def test_our_own_write_of_a_tenants_status_wakes_the_mirror_too(wired: Wired) -> None:
    written = msgspec.to_builtins(tenant(status={"home": "home-red"}))
    wired.remembered("Tenant", written)
    assert wired.heard() == {"tenant": {"red": (NORMAL, SETTLE)}}


async def test_a_profile_wakes_everybody_who_names_it(wired: Wired) -> None:
    wired.world.tenants.upsert(tenant(profile="gold"))
    wired.world.tenants.upsert(tenant("blue"))
    wired.heard()
    wired.world.profiles.upsert(profile("gold"))
    assert {name: sorted(keys) for name, keys in wired.heard().items()} == {
        "space": [DEV, "home-red/prod"],
        "tenant": ["red"],
        "quota": ["home-red", "red-dev"],
    }
    wired.world.profiles.upsert(profile("unused"))
    assert wired.heard() == {}


async def test_a_space_wakes_itself_at_once_its_tenant_in_a_bundle_and_the_count(wired: Wired) -> None:
    wired.world.spaces.upsert(space("new"))
    assert wired.heard() == {
        "space": {"home-red/new": (NORMAL, 0)},
        "tenant": {"red": (NORMAL, SETTLE)},
        "quota": {"home-red": (NORMAL, 0)},
    }


async def test_what_changes_comes_before_what_is_begun_and_that_before_what_is_new(wired: Wired) -> None:
    assert URGENT > BEGUN > NORMAL
    wired.world.spaces.upsert(space(about={"generation": 2}))
    assert wired.heard()["space"][DEV] == (URGENT, 0)
    wired.world.tenants.upsert(tenant("blue"))
    assert wired.heard()["tenant"]["blue"] == (NORMAL, 0)


async def test_a_changed_space_wakes_the_quota_of_its_namespace(wired: Wired) -> None:
    wired.world.spaces.upsert(space(about={"generation": 2}))
    assert sorted(wired.heard()["quota"]) == ["home-red", "red-dev"]


async def test_a_deleted_space_wakes_itself_and_one_that_is_gone_the_count(wired: Wired) -> None:
    wired.world.spaces.upsert(space(about={"deletionTimestamp": GONE}))
    assert wired.heard()["space"] == {DEV: (URGENT, 0)}
    wired.world.spaces.remove(DEV)
    assert set(wired.heard()) == {"space", "tenant", "quota"}


async def test_the_status_of_a_space_wakes_its_tenant_alone(wired: Wired) -> None:
    wired.world.spaces.upsert(space(status={"phase": "Ready"}))
    assert wired.heard() == {"tenant": {"red": (NORMAL, SETTLE)}}


async def test_a_namespace_that_lost_its_labels_wakes_those_who_owned_it(wired: Wired) -> None:
    wired.world.namespaces.upsert(namespace("red-dev"))
    heard = wired.heard()
    assert heard["space"] == {DEV: (NORMAL, 0)}
    assert heard["tenant"] == {"red": (NORMAL, SETTLE)}
    assert heard["quota"] == {"red-dev": (URGENT, 0)}


@pytest.mark.parametrize("label", [TENANT, SPACE])
async def test_one_stripped_label_is_enough(wired: Wired, label: str) -> None:
    wired.world.namespaces.upsert(namespace("red-dev", {key: value for key, value in marks().items() if key != label}))
    assert DEV in wired.heard()["space"]


async def test_a_namespace_that_is_gone_wakes_its_space(wired: Wired) -> None:
    wired.world.namespaces.remove("red-dev")
    assert wired.heard()["space"] == {DEV: (NORMAL, 0)}


async def test_a_namespace_that_is_offered_wakes_the_space_that_wants_it(wired: Wired) -> None:
    wired.world.spaces.upsert(space("old", namespace="legacy"))
    wired.heard()
    wired.world.namespaces.upsert(namespace("legacy"))
    assert wired.heard() == {"space": {"home-red/old": (NORMAL, 0)}}
    wired.world.namespaces.upsert(namespace("legacy", annotations={ADOPT: "red/old"}))
    assert wired.heard() == {"space": {"home-red/old": (NORMAL, 0)}}


async def test_a_namespace_of_nobody_wakes_nobody(wired: Wired) -> None:
    wired.world.namespaces.upsert(namespace("kube-system"))
    assert wired.heard() == {}


async def test_a_home_wakes_its_tenant_and_once_it_is_ours_the_spaces_that_wait_in_it(wired: Wired) -> None:
    wired.world.namespaces.remove("home-red")
    assert sorted(wired.heard()["space"]) == [DEV, "home-red/prod"]
    anew = msgspec.to_builtins(home(uid="anew"))
    wired.remembered("Namespace", anew)  # the tenant controller made it
    heard = wired.heard()
    assert sorted(heard["space"]) == [DEV, "home-red/prod"]
    assert "home-red" in heard["quota"]
    wired.world.namespaces.upsert(home(uid="anew", generation=2))
    assert "space" not in wired.heard()


async def test_a_home_of_that_name_wakes_the_tenant_whoever_made_it(wired: Wired) -> None:
    wired.world.namespaces.upsert(namespace("home-green"))
    assert wired.heard() == {"tenant": {"green": (NORMAL, 0)}}


async def test_a_namespace_that_we_made_is_no_news_to_its_space_but_to_its_quota(wired: Wired) -> None:
    made = msgspec.to_builtins(namespace("red-prod", marks("red", "prod")))
    wired.remembered("Namespace", made)
    assert wired.heard() == {"quota": {"red-prod": (URGENT, 0)}}


async def test_with_a_new_namespace_the_spaces_of_its_tenant_that_wait_come_next(wired: Wired) -> None:
    wired.world.tenants.upsert(tenant())
    for name in ("prod", "more"):
        wired.world.spaces.upsert(space(name))
    wired.world.spaces.upsert(space("asleep"))
    wired.space.queue.clear()
    wired.space.queue.add("home-red/more")
    wired.world.namespaces.upsert(namespace("red-prod", marks("red", "prod")))
    heard = wired.heard()["space"]
    assert heard["home-red/more"] == (NEXT, 0.0)
    assert "home-red/asleep" not in heard
    assert BEGUN > NEXT > NORMAL


async def test_a_quota_that_comes_into_force_opens_its_space(wired: Wired) -> None:
    wired.world.quotas.upsert(quota("red-dev", {}, spec={"pods": "1"}, labels=marks()))
    wired.heard()
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, labels=marks()))
    heard = wired.heard()
    assert heard["space"] == {DEV: (BEGUN, 0)}
    assert heard["tenant"] == {"red": (NORMAL, SETTLE)}


async def test_the_use_of_a_quota_is_no_concern_of_its_space(wired: Wired) -> None:
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, labels=marks()))
    wired.heard()
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, {"pods": "1"}, labels=marks()))
    assert wired.heard() == {"tenant": {"red": (NORMAL, SETTLE)}}


async def test_the_use_of_a_quota_concerns_a_space_that_is_above_its_ceiling(wired: Wired) -> None:
    said = {"type": "QuotaSynced", "status": "False", "reason": "QuotaExceeded", "message": "m"}
    wired.world.spaces.upsert(space(about={"resourceVersion": "9"}, status={"conditions": [said]}))
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, {"pods": "8"}, labels=marks()))
    wired.heard()
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, {"pods": "7"}, labels=marks()))
    assert wired.heard()["space"] == {DEV: (NORMAL, SETTLE)}


@pytest.mark.parametrize(("used", "soon"), [("2", SETTLE), ("4", GATHER)])
async def test_a_charge_that_leaves_plenty_waits_for_more_of_them(wired: Wired, used: str, soon: float) -> None:
    ledger = wired.controller("ledger")
    watch_for_ledgers(ledger, wired.world)
    wired.world.quotas.upsert(quota("red-dev", {"pods": "4"}, {"pods": "1"}, labels=marks()))
    ledger.queue.clear()
    wired.world.quotas.upsert(quota("red-dev", {"pods": "4"}, {"pods": used}, labels=marks()))
    assert ledger.queue._timers["red"].when - asyncio.get_running_loop().time() == pytest.approx(soon, abs=0.008)


async def test_a_quota_that_somebody_changed_or_deleted_wakes_the_quota_controller(wired: Wired) -> None:
    wired.world.quotas.upsert(quota("red-dev", {"pods": "1"}, labels=marks()))
    assert "red-dev" in wired.heard()["quota"]
    wired.world.quotas.remove("red-dev/cotenant")
    heard = wired.heard()
    assert "red-dev" in heard["quota"]
    assert DEV in heard["space"]


async def test_the_count_of_a_home_wakes_its_tenant_at_once(wired: Wired) -> None:
    wired.world.quotas.upsert(quota("home-red", {"pods": "0"}, labels=marks("red", None)))
    assert wired.heard() == {"tenant": {"red": (BEGUN, 0)}, "quota": {"home-red": (NORMAL, 0)}}


async def test_our_own_write_of_a_homes_count_lets_its_members_in(wired: Wired) -> None:
    made = quota("home-red", {"pods": "0"}, labels=marks("red", None))
    wired.remembered("ResourceQuota", msgspec.to_builtins(made))
    assert wired.heard() == {"tenant": {"red": (BEGUN, 0)}}


@pytest.mark.parametrize("kind", ["NetworkPolicy", "LimitRange", "SpacePolicy", "RoleBinding"])
async def test_an_object_in_a_space_wakes_it_when_others_make_change_or_delete_it(wired: Wired, kind: str) -> None:
    store = wired.world.children[kind]
    store.upsert(child())
    assert wired.heard() == {"space": {DEV: (NORMAL, 0)}}
    store.upsert(child(fingerprint="g"))
    assert wired.heard() == {"space": {DEV: (NORMAL, 0)}}
    store.remove("red-dev/cotenant")
    assert wired.heard()["space"] == {DEV: (NORMAL, 0)}


async def test_an_object_whose_labels_were_stripped_wakes_the_space_it_was_in(wired: Wired) -> None:
    wired.world.children["LimitRange"].upsert(child())
    wired.heard()
    wired.world.children["LimitRange"].upsert(child(labels={}))
    assert wired.heard() == {"space": {DEV: (NORMAL, 0)}}


async def test_an_object_that_we_wrote_is_no_news(wired: Wired) -> None:
    made = {"kind": "LimitRange", "metadata": msgspec.to_builtins(child().metadata), "spec": {"limits": []}}
    wired.remembered("LimitRange", made)
    assert wired.heard() == {}


async def test_a_binding_that_went_wakes_a_tenant_that_waits_for_it(wired: Wired) -> None:
    store = wired.world.children["RoleBinding"]
    store.upsert(child("cotenant-owner"))
    assert "tenant" not in wired.heard()
    store.remove("red-dev/cotenant-owner")
    assert wired.heard()["tenant"] == {"red": (NORMAL, SETTLE)}


async def test_an_object_in_a_home_wakes_its_tenant(wired: Wired) -> None:
    wired.world.children["SpacePolicy"].upsert(child("policy", "home-red", marks("red", None)))
    assert wired.heard() == {"tenant": {"red": (NORMAL, 0)}}


async def test_a_cluster_role_wakes_tenants_that_give_it_when_there_is_time(wired: Wired) -> None:
    wired.world.roles.upsert(role_("cotenant:developer"))
    assert wired.heard() == {"tenant": {"red": (LAZY, 0)}}
    wired.world.roles.upsert(role_("developer"))
    wired.world.roles.upsert(role_("cotenant:other"))
    assert wired.heard() == {}


async def test_only_our_own_of_the_many_kinds_are_watched() -> None:
    client: Any = None
    *own, foreign, denials = wiring.reflectors(client, World(), Metrics())
    found = {one.resource.kind: one for one in own}
    assert set(found) == {
        "Tenant", "TenantProfile", "Space", "Namespace", "ResourceQuota", "ClusterRole", "RoleBinding",
        "NetworkPolicy", "LimitRange", "SpacePolicy", "TenantLedger",
        "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job",
    }  # fmt: skip
    chosen = {kind for kind, one in found.items() if one._labels == "app.kubernetes.io/managed-by=cotenant"}
    assert chosen == {"ResourceQuota", "RoleBinding", "NetworkPolicy", "LimitRange", "SpacePolicy", "TenantLedger"}
    assert found["RoleBinding"].resource == ROLE_BINDINGS
    assert (foreign.resource.kind, foreign._labels) == ("ResourceQuota", "app.kubernetes.io/managed-by!=cotenant")
    # The API server sends no other Event.
    assert denials.resource.kind == "Event" and "reason=FailedCreate" in denials._fields
    apart = {one.partition("!=")[2] for one in denials._fields.split(",") if "!=" in one}
    assert apart == {"ReplicaSet", "ReplicationController"}


async def test_a_quota_of_somebody_else_in_a_space_wakes_its_tenant(wired: Wired) -> None:
    wired.world.foreign.upsert(quota("red-dev"))
    assert wired.heard() == {"tenant": {"red": (NORMAL, SETTLE)}}
    wired.world.foreign.upsert(quota("elsewhere"))
    assert wired.heard() == {}
