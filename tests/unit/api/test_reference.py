from __future__ import annotations

from cotenant.api.reference import text


def test_the_page_says_type_bound_and_meaning_of_a_field():
    assert "| `spec.members` | list of ≤ 200: object | Who belongs to the tenant, and in which role. |" in text()
    assert "| `spec.members[].role` | string of ≤ 63, required |" in text()
    assert "| `spec.quota.hard` | map of ≤ 64 to quantity |" in text()
    assert "| `spec.spaces.limit` | integer, 0 to 500 |" in text()


def test_a_rule_that_holds_in_several_places_is_said_once():
    page = text().partition("## TenantProfile")[0]

    assert page.count("must be an address range such as 10.9.0.0/16: `spec.network.from[].cidr`") == 1
