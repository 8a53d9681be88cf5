from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.builtin import Namespace
from cotenant.api.keys import ADOPT, SPACE, TENANT
from cotenant.model.placement import Placement, candidate, home_is_ours, place
from cotenant.model.platform import Platform
from unit.specimens import home, marks, namespace, seen, space, tenant

OFFER = {ADOPT: "red/dev"}


def placed(
    *, wants: str | None = None, own: Namespace | None = None, occupant: Namespace | None = None, **more: Any
) -> Placement:
    """Where the Space dev of tenant red goes. `naming` and `platform` of its tenant."""
    platform = more.get("platform", Platform())
    of = tenant(spaces={"naming": more["naming"]}) if "naming" in more else tenant()
    asked = space(more.get("name", "dev"), **(dict[str, Any](namespace=wants) if wants else {}))
    return place(asked, seen(of, platform=platform), own, occupant)


def reason(found: Placement) -> str:
    return found.problem.reason if found.problem else found.action


def test_a_new_space_gets_a_namespace_of_the_tenants_pattern() -> None:
    assert placed() == Placement("red-dev", "create")
    assert placed(naming="{space}-of-{tenant}") == Placement("dev-of-red", "create")


def test_a_space_that_has_a_namespace_keeps_it() -> None:
    own = namespace("red-dev", marks())
    assert placed(own=own) == Placement("red-dev", "keep")
    assert placed(own=own, naming="new-{tenant}-{space}") == Placement("red-dev", "keep")
    assert placed(own=namespace("legacy", marks()), wants="legacy") == Placement("legacy", "keep")


def test_a_change_of_pattern_or_settings_never_freezes_spaces_that_exist() -> None:
    own = namespace("red-dev", marks())
    assert reason(placed(own=own, naming="all-{space}")) == "keep"
    assert reason(placed(own=own, platform=Platform(reserved_names=("red-*",)))) == "keep"


@pytest.mark.parametrize("name", ["kube-system", "home-blue", "cotenant-system", "tenancy"])
def test_labels_on_a_namespace_of_the_platform_make_no_space_of_it(name: str) -> None:
    found = placed(own=namespace(name, marks()), platform=Platform(namespace="tenancy"))
    assert reason(found) == "NameReserved"


OCCUPANTS = [
    # what has the name, asked for by spec.namespace, answer
    (None, False, "create"),
    (None, True, "NamespaceNotOffered"),
    (namespace("red-dev"), False, "NamespaceTaken"),
    (namespace("red-dev"), True, "NamespaceNotOffered"),
    (namespace("red-dev", annotations=OFFER), True, "adopt"),
    (namespace("red-dev", annotations=OFFER), False, "adopt"),  # ours, with its labels stripped
    (namespace("red-dev", annotations={ADOPT: "red/other"}), True, "NamespaceNotOffered"),
    (namespace("red-dev", annotations={ADOPT: "blue/dev"}), True, "NamespaceNotOffered"),
    (namespace("red-dev", annotations={ADOPT: "red/"}), True, "NamespaceNotOffered"),
    (namespace("red-dev", {SPACE: "dev"}, OFFER), True, "adopt"),  # the tenant's label stripped alone
    (namespace("red-dev", {TENANT: "red"}, OFFER), True, "adopt"),  # the space's label stripped alone
    (namespace("red-dev", {TENANT: "red"}), True, "NamespaceNotOffered"),
    (namespace("red-dev", marks("red", "other"), OFFER), True, "NamespaceNotOffered"),
    (namespace("red-dev", marks("blue", "dev"), OFFER), True, "NamespaceNotOffered"),
    (namespace("red-dev", {TENANT: "blue"}, OFFER), True, "NamespaceNotOffered"),
    (namespace("red-dev", marks("blue", "dev")), False, "NamespaceTaken"),
]


@pytest.mark.parametrize(("occupant", "asked", "answer"), OCCUPANTS)
def test_a_name_that_is_taken_is_adopted_only_by_the_space_that_it_was_offered_to(
    occupant: Namespace | None, asked: bool, answer: str
) -> None:
    found = placed(wants="red-dev" if asked else None, occupant=occupant)
    assert (found.name, reason(found)) == ("red-dev", answer)


def test_a_refusal_says_how_to_offer_the_namespace_and_never_whose_it_is() -> None:
    found = placed(wants="legacy", occupant=namespace("legacy"))
    assert found.problem is not None
    assert "kubectl annotate namespace legacy cotenant.dev/adopt=red/dev" in found.problem.message
    taken = placed(wants="legacy", occupant=namespace("legacy", marks("blue", "x")))
    assert taken.problem is not None
    assert "blue" not in taken.problem.message


@pytest.mark.parametrize(
    "name", ["kube-system", "default", "home-red", "home-blue", "cotenant-system", "eks-x", "infra"]
)
def test_nobody_adopts_a_namespace_of_the_platform_offered_or_not(name: str) -> None:
    platform = Platform(reserved_names=("infra",))
    assert reason(placed(wants=name, occupant=namespace(name, annotations=OFFER), platform=platform)) == "NameReserved"
    assert reason(placed(wants=name, platform=platform)) == "NameReserved"


def test_the_namespace_of_the_operator_is_reserved_whatever_its_name() -> None:
    assert reason(placed(wants="tenancy", platform=Platform(namespace="tenancy"))) == "NameReserved"


def test_a_name_may_have_63_characters_and_no_more() -> None:
    assert reason(placed(name="x" * 50, naming="{tenant}-" + "y" * 8 + "-{space}")) == "create"
    found = placed(name="x" * 50, naming="{tenant}-" + "y" * 9 + "-{space}")
    assert reason(found) == "NameTooLong"
    assert found.problem is not None
    assert "64 characters, 63 are allowed" in found.problem.message


def test_a_pattern_without_tenant_needs_the_platforms_leave() -> None:
    assert reason(placed(naming="all-{space}")) == "NamingNotAllowed"
    assert reason(placed(naming="all-{space}", platform=Platform(naming_without_tenant=True))) == "create"
    assert reason(placed(naming="all-{space}", wants="n", occupant=namespace("n", annotations=OFFER))) == "adopt"


def test_the_candidate_is_what_the_space_asks_for_else_what_the_pattern_yields() -> None:
    view = seen()
    assert candidate(space(), view) == "red-dev"
    assert candidate(space(namespace="legacy"), view) == "legacy"


def test_a_home_is_ours_by_its_label_or_by_the_annotation_it_was_born_with() -> None:
    assert home_is_ours(None, "red")
    assert home_is_ours(home("red"), "red")
    assert home_is_ours(namespace("home-red", annotations={ADOPT: "red/"}), "red")
    assert not home_is_ours(namespace("home-red"), "red")
    assert not home_is_ours(namespace("home-red", {TENANT: "blue"}, {ADOPT: "red/"}), "red")
    assert not home_is_ours(namespace("home-red", annotations={ADOPT: "red/dev"}), "red")
