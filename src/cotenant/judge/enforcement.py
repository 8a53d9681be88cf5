"""Which rules of a spec this version writes down and does not enforce: the one list, for condition PolicyEnforced."""

from __future__ import annotations

from collections.abc import Callable

from cotenant.model.effective import Effective

UNENFORCED: dict[str, Callable[[Effective], bool | str]] = {
    "nodes.dedicated": lambda rules: (
        bool(rules.nodes.dedicated) and not rules.nodes.pool and "nodes.dedicated (without nodes.pool)"
    ),
}
"""Leaf of the spec -> whether it says something that nobody does, or in which words."""


def unenforced(rules: Effective) -> list[str]:
    """The leaves in force that nobody enforces, as in the spec."""
    found = {name: wanted(rules) for name, wanted in UNENFORCED.items()}
    return [answer if isinstance(answer, str) else name for name, answer in found.items() if answer]


def softened(rules: Effective) -> list[str]:
    """The rules that refuse nothing, as the spec asks: the tenant's word for all, and what single rules say."""
    found = [f"enforcement: {rules.enforcement}"] if rules.enforcement != "enforce" else []
    return [*found, *(f"{one}: {mode}" for one, mode in sorted(rules.modes.items()) if mode != "enforce")]
