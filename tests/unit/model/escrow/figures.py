"""Prints the table of the design note: what was explored, how many states, how long."""

from __future__ import annotations

import sys
import time

from unit.model.escrow import scenarios
from unit.model.escrow.explorer import Explorer, Rules
from unit.model.escrow.invariants import broken, overshooting


def figures(name: str, rules: Rules, check) -> None:
    began = time.process_time()
    found = Explorer(rules).run(check)
    verdict = f"{found.broken}, {len(found.trace) - 1} steps" if found.broken else "holds"
    seconds = time.process_time() - began
    sys.stdout.write(f"| {name} | {found.states:,} | {seconds:.1f} | {verdict} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for name, rules in vars(scenarios).items():
        if isinstance(rules, Rules):
            figures(name, rules, broken)
    for name, rules in scenarios.BAD.items():
        figures(name, rules, overshooting)
