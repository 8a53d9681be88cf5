"""Differences between what is and what would be."""

from datetime import UTC, datetime

import msgspec

from cotenant.api.builtin import QuotaAmounts
from cotenant.api.tenant import Tenant, TenantSpec
from cotenant.cli.cluster.observation import Observation
from cotenant.cli.view.forecast import Forecast
from cotenant.cli.view.impact import NEVER, differences, flat, impact, lines
from cotenant.kube.resource import CLUSTER_ROLES, TENANTS
from cotenant.model.finding import Ref
from cotenant.model.platform import Platform

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def spec(**content):
    return msgspec.convert(content, TenantSpec)


def tenant(name="backend", **content):
    return {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name, "uid": "u1", "resourceVersion": "1"},
        "spec": content,
    }


def settled(**content):
    """A cluster in which a tenant is as its controllers would have it."""
    seen = Observation()
    for role in Platform().roles:
        seen.take(CLUSTER_ROLES, {"metadata": {"name": f"cotenant:{role}"}})
    seen.take(TENANTS, tenant(**content))
    for _ in range(2):  # the second time for what the first status changes
        forecast = Forecast(seen.world, Platform(), NOW)
        forecast.settle("backend")
        seen.raw |= {ref: one.manifest for ref, one in forecast.writes.items()}
    return seen


def changed(seen, **content):
    """The Impact of a new spec on it."""
    old = seen.world.tenants.get(None, "backend")
    forecast = Forecast(seen.world, Platform(), NOW)
    used = {one.metadata.namespace: one.status for one in seen.world.quotas.items()}
    wish = msgspec.convert(tenant(**content), Tenant)
    wish = msgspec.structs.replace(wish, status=old.status)
    wish.metadata.resource_version = ""
    seen.world.tenants.upsert(wish)
    forecast.settle("backend")
    return impact(forecast, seen, "backend", old, used)


TEAM = {
    "members": [{"role": "owner", "group": "devs"}],
    "spaces": {"declared": ["dev"]},
    "quota": {"hard": {"pods": "9"}},
}


def test_specs_differ_by_path_and_members_by_who_they_are():
    old = flat(spec(members=[{"role": "owner", "group": "a"}], quota={"hard": {"pods": 5}}, network={"internet": True}))
    new = flat(spec(members=[{"role": "owner", "group": "b"}], quota={"hard": {"pods": 3}}, cordoned=False))
    assert list(differences(old, new)) == [
        "+ cordoned false",
        "- members[role owner, group a]",
        "+ members[role owner, group b]",
        "- network.internet true",
        "~ quota.hard.pods 5 -> 3",
    ]


def test_the_same_manifest_again_changes_nothing():
    found = changed(settled(**TEAM), **TEAM)
    assert (found.state, found.spec, found.objects, found.changed) == ("unchanged", [], [], False)


def test_a_member_that_comes_and_one_that_goes_are_told():
    found = changed(settled(**TEAM), **TEAM | {"members": [{"role": "viewer", "user": "bob"}]})
    assert (found.gains, found.loses) == (["User bob: viewer"], ["Group devs: makes spaces", "Group devs: owner"])
    kinds = {(one.verb, one.kind, one.name, one.space) for one in found.objects}
    assert ("create", "RoleBinding", "cotenant-viewer", "dev") in kinds
    assert ("delete", "RoleBinding", "cotenant-owner", "dev") in kinds


def test_a_serviceaccount_is_told_with_its_namespace():
    bot = {"role": "editor", "serviceAccount": {"namespace": "ci", "name": "bot"}}
    found = changed(settled(**TEAM), **TEAM | {"members": [*TEAM["members"], bot]})
    assert found.gains == ["ServiceAccount ci/bot: editor"]


def test_a_new_space_is_access_for_every_member_there_and_nowhere_else():
    found = changed(settled(**TEAM), **TEAM | {"spaces": {"declared": ["dev", "more"]}})
    assert (found.gains, found.loses) == (["Group devs: owner in backend-more"], [])


def test_who_leaves_while_a_space_is_made_loses_every_space_there_is():
    team = {"members": [{"role": "owner", "user": "ann"}], "spaces": {"declared": ["dev", "more"]}}
    found = changed(settled(**TEAM), **TEAM | team)
    assert found.loses == ["Group devs: makes spaces", "Group devs: owner"]
    assert found.gains == ["User ann: makes spaces", "User ann: owner"]


def test_a_binding_that_somebody_took_away_is_access_that_comes_back():
    """The spec is the same, and so is what it says about members."""
    seen = settled(**TEAM)
    seen.world.stores()["RoleBinding"].remove("backend-dev/cotenant-owner")
    del seen.raw[Ref("rbac.authorization.k8s.io/v1", "RoleBinding", "backend-dev", "cotenant-owner")]
    found = changed(seen, **TEAM)
    assert (found.spec, found.gains) == ([], ["Group devs: owner"])


def test_who_makes_spaces_is_told_apart():
    team = TEAM | {"members": [*TEAM["members"], {"role": "editor", "user": "ann"}]}
    found = changed(settled(**team), **team | {"spaces": {"declared": ["dev"], "create": ["owner", "editor"]}})
    assert found.gains == ["User ann: makes spaces"]


def test_a_space_taken_off_the_list_is_released_and_nothing_is_deleted():
    found = changed(settled(**TEAM), **TEAM | {"spaces": {"declared": []}})
    assert [(one.verb, one.kind, one.name) for one in found.objects] == [("update", "Space", "dev")]
    assert NEVER in list(lines([found]))


def test_a_quota_below_what_is_used_is_a_warning():
    seen = settled(**TEAM)
    there = seen.world.quotas.get("backend-dev", "cotenant")
    metadata = msgspec.structs.replace(there.metadata, resource_version="9")
    status = QuotaAmounts(there.status.hard, there.status.used | {"pods": "7"})
    seen.world.quotas.upsert(msgspec.structs.replace(there, metadata=metadata, status=status))
    found = changed(seen, **TEAM | {"quota": {"hard": {"pods": "5"}}})
    assert any(one.startswith("Converging: pods: 7 used, limit 5; nothing is evicted") for one in found.warnings)
    assert not changed(settled(**TEAM), **TEAM | {"quota": {"hard": {"pods": "5"}}}).warnings[2:]


def test_a_quota_that_plain_pods_cannot_fill_is_a_warning():
    found = changed(settled(**TEAM), **TEAM | {"quota": {"hard": {"limits.memory": "1Gi"}}})
    assert any(one.startswith("QuotaWithoutDefaults: ") for one in found.warnings)


def test_a_plan_says_how_much_it_hits():
    found = changed(settled(**TEAM), **TEAM | {"network": {"isolation": "space"}})
    text = list(lines([found]))
    assert text[0] == "Tenant backend (changed)"
    assert "  + network.isolation space" in text
    assert text[-2] == "Objects: 1 create, 2 update, 1 delete."
    assert text[-1] == "Hits 1 of 1 tenants, 1 spaces, 0 changes of access. Nothing was changed."
