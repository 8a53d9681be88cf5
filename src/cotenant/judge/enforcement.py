"""Which rules of a spec this version writes down and does not enforce: the one list, for condition PolicyEnforced."""

from __future__ import annotations

from collections.abc import Callable

from cotenant.model.effective import Effective

UNENFORCED: dict[str, Callable[[Effective], bool | str]] = {
    "nodes.dedicated": lambda rules: (
        bool(rules.nodes.dedicated) and not rules.nodes.pool and "nodes.dedicated (without nodes.pool)"
    ),
    "enforcement": lambda rules: rules.enforcement != "enforce" and f"enforcement ({rules.enforcement}: it is refused)",
}
"""Leaf of the spec -> whether it says something that nobody does, or in which words."""


def unenforced(rules: Effective) -> list[str]:
    """The leaves in force that nobody enforces, as in the spec."""
    found = {name: wanted(rules) for name, wanted in UNENFORCED.items()}
    return [answer if isinstance(answer, str) else name for name, answer in found.items() if answer]
