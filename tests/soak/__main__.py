"""`make soak`: one tenant's limit under load, two API servers, two operators that do not know of each other, SIGKILLs.

First the acts: one interleaving on purpose for each precaution. Then clients make and delete pods and services at the
limit, with `--strict` in storms too, the limit comes down and goes up, and the operators move shares, hang between two
steps, forget what they began and are killed at random moments. A witness says of every revision whether Σ spec.hard and
Σ used stayed within the limit, each spec.hard within its allocation, and each charge within spec.hard; with `--strict` also
whether what exists stayed within the limit.

`--without law`, `--without bump` or `--without lease` takes a part of the protocol away. The random part is then the scene
that misses it soonest (`HUNTS`), and ends when that is seen, or after six minutes without, and is blind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.scene import HARD, LIMIT, soak


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60, help="of the random part, with nothing taken away")
    options.add_argument("--clients", type=int, default=12)
    options.add_argument("--kill-every", type=float, default=3.0, help="seconds between two SIGKILLs, on average")
    options.add_argument("--strict", action="store_true", help="accounting: strict, and what exists is judged")
    options.add_argument("--without", default="", help="law, lease, bump, or several with commas")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(given.seconds, given.without, given.clients, given.kill_every, Path(folder), strict=given.strict)
    seen = found.verdict
    print(f"{seen.revisions} revisions, {found.starts} starts of an operator, {dict(sorted(found.counts.items()))}")
    for key in HARD:
        most = (seen.most_hard[key], seen.most_allocated[key], seen.most_used[key], seen.most_real[key])
        print("most of {}: hard {}, allocated {}, used {}, real {}".format(key, *most))
    if found.left is not None:
        print(f"one client got {found.left} of {LIMIT} at the end")
    for name, verdict in found.acts.items():
        print(f"act {name}: {dict(verdict.violations)}; {found.said[name] or 'stored'}")
    print(*found.broken, sep="\n")
    bad = sum(found.violations.values())
    print(f"{bad} violations {dict(found.violations)}")
    if given.without:
        return 0 if bad else 1
    return 1 if bad or found.left != LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
