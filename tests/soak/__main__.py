"""`make soak`: one tenant's limit under load, two API servers, two operators that do not know of each other, SIGKILLs.

Clients make and delete pods at the limit, the operators move shares and are killed at random moments. A witness then
says of every revision whether Σ spec.hard and Σ used stayed within the limit, and each spec.hard within its allocation.
`--without law` or `--without bump` takes a part of the protocol away: the run must then find violations, or it is blind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.scene import LIMIT, soak


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--clients", type=int, default=12)
    options.add_argument("--kill-every", type=float, default=3.0, help="seconds between two SIGKILLs, on average")
    options.add_argument("--without", default="", help="law, bump, or both with a comma")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict, counts, starts, left = soak(
            given.seconds, given.without, given.clients, given.kill_every, Path(folder)
        )
    print(f"{verdict.revisions} revisions, {starts} starts of an operator, {dict(sorted(counts.items()))}")
    print(f"limit {LIMIT}: most hard {verdict.most_hard}, allocated {verdict.most_allocated}, used {verdict.most_used}")
    print(f"one client got {left} of {LIMIT} at the end")
    print(*verdict.broken, sep="\n")
    bad = sum(verdict.violations.values())
    print(f"{bad} violations {dict(verdict.violations)}")
    if given.without:
        return 0 if bad else 1
    return 1 if bad or left != LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
