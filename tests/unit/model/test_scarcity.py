from __future__ import annotations

import pytest

from cotenant.api.tenant import TenantSpec
from cotenant.model.effective import Effective, effective
from cotenant.model.scarcity import ENOUGH, FEW, scarce


def rules(**spec) -> Effective:
    import msgspec

    return effective(msgspec.convert({"members": []} | spec, TenantSpec), None)


def test_scarce_is_less_than_twenty_usual_pods_for_each_space():
    for left, expected in ((FEW * 3, False), (FEW * 3 - 1, True), (0, True)):
        assert scarce(rules(), {"pods": 100}, {"pods": 100 - left}, 3) is expected


def test_a_usual_pod_is_what_the_limits_of_the_tenant_say():
    usual = rules(limits=[{"type": "Container", "defaultRequest": {"cpu": "100m"}}])
    assert not scarce(usual, {"requests.cpu": 4000}, {}, 2)
    assert scarce(usual, {"requests.cpu": 4000}, {"requests.cpu": 1}, 2)


def test_the_largest_container_that_is_allowed_fits_into_what_an_idle_space_keeps():
    bound = rules(limits=[{"type": "Container", "defaultRequest": {"cpu": "10m"}, "max": {"cpu": "2"}}])
    assert not scarce(bound, {"requests.cpu": 16000}, {}, 2)
    assert scarce(bound, {"requests.cpu": 15999}, {}, 2)


def test_it_does_not_change_to_and_fro():
    limits = {"pods": 100}
    turning = int(100 - FEW * 2 * ENOUGH)
    assert scarce(rules(), limits, {"pods": turning + 1}, 2, was=True)
    assert not scarce(rules(), limits, {"pods": turning + 1}, 2)
    assert not scarce(rules(), limits, {"pods": turning}, 2, was=True)


@pytest.mark.parametrize("key", ["services", "requests.storage", "count/configmaps"])
def test_only_what_pods_are_charged_for_counts(key: str):
    assert not scarce(rules(), {key: 1}, {key: 1}, 5)


def test_a_single_space_holds_everything_anyway():
    assert not scarce(rules(), {"pods": 1}, {"pods": 1}, 1)
