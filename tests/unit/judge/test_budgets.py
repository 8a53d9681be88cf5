"""What one budget does not show: that two hold the same pods, or that one has too few pods to let any go."""

from __future__ import annotations

import pytest

from cotenant.judge.budgets import held, selects


def budget(name, selector, *, wanted=1, there=3):
    status = {"desiredHealthy": wanted, "expectedPods": there}
    return {"metadata": {"name": name}, "spec": {"selector": selector}, "status": status}


def pod(name, phase="Running", **labels):
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}


APP = {"matchLabels": {"app": "web"}}
TIER = {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]}


def test_two_budgets_for_the_same_pods_are_named_once():
    pods = [pod("b", app="web", tier="front"), pod("a", app="web", tier="front"), pod("c", app="web")]

    assert list(held([budget("tier", TIER), budget("app", APP)], pods)) == [
        ("app, tier", "2 budgets hold the same pods, such as a")
    ]


@pytest.mark.parametrize(
    "pods",
    [[], [pod("a", app="web"), pod("b", tier="front")], [pod("a", "Succeeded", app="web", tier="front")]],
    ids=["none", "each its own", "one that is over"],
)
def test_budgets_of_different_pods_hold_nobody(pods):
    assert not list(held([budget("tier", TIER), budget("app", APP)], pods))


@pytest.mark.parametrize(
    ("wanted", "there", "found"), [(1, 1, True), (3, 3, True), (1000, 2, True), (2, 3, False), (1, 0, False)]
)
def test_a_budget_that_wants_all_of_its_pods_to_stay_is_named(wanted, there, found):
    one = budget("app", APP, wanted=wanted, there=there)

    assert list(held([one], [])) == ([("app", f"it wants {wanted} of {there} pods to stay")] if found else [])


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "x": "y"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_selector_selects_as_kubernetes_says(selector, selected):
    assert selects(selector, {"app": "web"}) is selected
