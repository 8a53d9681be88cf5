"""What a write of a refund or a recount carries beside what it is about."""

from __future__ import annotations

import pytest

from cotenant.api.keys import CHECKED
from cotenant.apply.refunds import bound

MANIFEST = {
    "metadata": {"name": "cotenant", "labels": {"a": "b"}, "managedFields": [{}], "resourceVersion": "7"},
    "spec": {"hard": {"pods": "5"}},
    "status": {"hard": {"pods": "5"}, "used": {"pods": "2"}},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"spec": {"hard": {"pods": "2"}}}, True),
        ({"spec": {"hard": {"pods": "2"}}, "status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}}, False),
        # As a quota from before the label was: whatever is written of it, a mark that is taken off too, puts it on.
        ({"spec": {"hard": {"pods": "5", "requests.storage": "1Gi"}}}, True),
    ],
)
def test_the_label_by_which_charges_are_checked_follows_from_what_is_written(change, expected) -> None:
    body = bound(MANIFEST, {"note": "x", "other": None}, **change)
    assert (CHECKED in body["metadata"]["labels"]) is expected
    assert body["metadata"]["labels"]["a"] == "b"
    assert body["metadata"]["annotations"] == {"note": "x"}
    assert (body["metadata"]["resourceVersion"], "managedFields" in body["metadata"]) == ("7", False)
    assert MANIFEST["metadata"]["labels"] == {"a": "b"}
