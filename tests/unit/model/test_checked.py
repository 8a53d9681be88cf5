"""The label of a quota whose charges are checked: spec.hard is below status.hard, or storage is limited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.keys import CHECKED
from cotenant.model.checked import labelled, lowered, unbound
from cotenant.model.quantity import parse

OTHERS = {"app.kubernetes.io/managed-by": "cotenant"}
AMOUNTS = st.dictionaries(st.sampled_from(["pods", "requests.cpu"]), st.sampled_from(["0", "500m", "1", "2", "1500m"]))


@pytest.mark.parametrize(
    ("hard", "enforced", "expected"),
    [
        ({"pods": "2"}, {"pods": "3"}, True),
        ({"pods": "2"}, {"pods": "2"}, False),
        ({"pods": "3"}, {"pods": "2"}, False),
        ({"requests.cpu": "500m"}, {"requests.cpu": "1"}, True),
        ({"requests.cpu": "1"}, {"requests.cpu": "1000m"}, False),
        # What is not in force yet, or not limited any more, is compared with nothing.
        ({"pods": "2"}, {}, False),
        ({}, {"pods": "2"}, False),
    ],
)
def test_a_quota_is_lowered_while_something_in_force_is_above_its_limit(hard, enforced, expected):
    assert lowered(hard, enforced) is expected
    assert (CHECKED in labelled(OTHERS, hard, enforced)) is expected


@pytest.mark.parametrize("key", ["requests.storage", "gold.storageclass.storage.k8s.io/requests.storage"])
def test_storage_is_always_checked_as_the_status_of_a_claim_is_charged_without_a_limit(key):
    assert unbound({key: "1Gi"}, {key: "1Gi"})
    assert unbound({key: "0"}, {})
    assert not unbound({"persistentvolumeclaims": "1", "requests.ephemeral-storage": "1Gi"}, {})


@given(hard=AMOUNTS, enforced=AMOUNTS, before=st.booleans())
def test_the_label_follows_from_both_limits_whatever_was_there_before(hard, enforced, before):
    labels = labelled(OTHERS | ({CHECKED: "true"} if before else {}), hard, enforced)
    above = [key for key in hard if key in enforced and parse(hard[key]) < parse(enforced[key])]
    assert labels == OTHERS | ({CHECKED: "true"} if above else {})
