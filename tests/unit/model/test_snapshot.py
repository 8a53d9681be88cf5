from __future__ import annotations

from cotenant.model.snapshot import view
from unit.specimens import GONE, NOW, PLATFORM, profile, tenant

MEMBERS = [{"role": "owner", "user": "ann"}]


def test_a_tenant_of_a_profile_that_is_missing_has_no_rules() -> None:
    assert view(tenant(profile="gold"), None, PLATFORM, NOW) is None
    assert view(tenant(profile="gold"), profile("gold"), PLATFORM, NOW) is not None


def test_a_tenant_without_profile_needs_none() -> None:
    assert view(tenant(), None, PLATFORM, NOW) is not None


def test_a_tenant_that_goes_takes_the_rights_of_its_members_along() -> None:
    found = view(tenant(members=MEMBERS, about={"deletionTimestamp": GONE}), None, PLATFORM, NOW)
    assert found is not None
    assert found.access.roles == {}


def test_a_view_knows_name_and_home() -> None:
    found = view(tenant("blue"), None, PLATFORM, NOW)
    assert found is not None
    assert (found.name, found.home) == ("blue", "home-blue")
