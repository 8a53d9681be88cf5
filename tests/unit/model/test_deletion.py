from __future__ import annotations

import itertools
from typing import Any

import pytest

from cotenant.api.builtin import Namespace
from cotenant.api.keys import CONFIRM_DELETE, SPACE, TENANT
from cotenant.model.deletion import Fate, confirmed, fate, wants_deletion
from cotenant.model.snapshot import view
from unit.specimens import GONE, NOW, PLATFORM, marks, meta, namespace, space, tenant

OURS = namespace("red-dev", marks())
WHOSE = {
    "none": None,
    "ours": OURS,
    "released": namespace("red-dev"),
    "half released": namespace("red-dev", {TENANT: "red"}),
    "other half released": namespace("red-dev", {SPACE: "dev"}),
}


@pytest.mark.parametrize(
    ("whose", "delete", "kind_leaves", "home_leaves"),
    [*itertools.product(WHOSE, (False, True), (False, True), (False, True))],
)
def test_a_namespace_is_deleted_only_when_it_is_ours_and_that_was_asked_for_and_nothing_larger_leaves(
    whose: str, delete: bool, kind_leaves: bool, home_leaves: bool
) -> None:
    found: Namespace | None = WHOSE[whose]
    answer = fate(found.metadata if found else None, delete=delete, kind_leaves=kind_leaves, home_leaves=home_leaves)
    if whose != "ours":
        assert answer is Fate.LET_GO
    elif kind_leaves or home_leaves:
        assert answer is Fate.KEEP_AND_FORGET
    else:
        assert answer is (Fate.DELETE if delete else Fate.KEEP_AND_WAIT)


def test_a_confirmation_is_the_very_name() -> None:
    assert confirmed(meta("dev", annotations={CONFIRM_DELETE: "dev"}))
    assert not confirmed(meta("dev", annotations={CONFIRM_DELETE: "true"}))
    assert not confirmed(meta("dev"))


def asks(policy: str | None, confirm: str | None, of: dict[str, Any] | None = None, going: bool = False) -> bool:
    """Whether a Space's namespace is to go; `of` is its tenant's spec, `going` whether that is being deleted."""
    notes = {CONFIRM_DELETE: confirm} if confirm else {}
    about = {"annotations": {CONFIRM_DELETE: "red"}} | ({"deletionTimestamp": GONE} if going else {})
    owner = tenant(about=about, **of) if of is not None else None
    found = view(owner, None, PLATFORM, NOW) if owner else None
    one = space(about={"annotations": notes}, **(dict[str, Any](deletionPolicy=policy) if policy else {}))
    return wants_deletion(one, owner, found.rules if found else None)


def test_a_space_asks_for_deletion_by_its_policy_and_its_typed_name() -> None:
    assert asks("Delete", "dev")
    assert not asks("Delete", None)
    assert not asks("Delete", "red")
    assert not asks("Orphan", "dev")
    assert not asks(None, "dev")


def test_a_tenant_asks_for_deletion_only_while_it_goes_itself() -> None:
    assert asks(None, None, {"deletionPolicy": "Delete"}, going=True)
    assert not asks(None, None, {"deletionPolicy": "Delete"})
    assert not asks(None, "dev", {"deletionPolicy": "Delete"})
    assert not asks(None, None, {"deletionPolicy": "Orphan"}, going=True)
    assert not asks(None, None, {}, going=True)


def test_a_tenant_that_goes_unconfirmed_takes_no_namespace_along() -> None:
    owner = tenant(about={"deletionTimestamp": GONE}, deletionPolicy="Delete")
    found = view(owner, None, PLATFORM, NOW)
    assert found is not None
    assert not wants_deletion(space(), owner, found.rules)
