"""`python -m cotenant.local`: makes the programs of the control plane ready and says which they are."""

from __future__ import annotations

import sys

from cotenant.local.errors import ControlPlaneError
from cotenant.local.options import Options
from cotenant.local.resolver import Resolver, say


def prepare() -> int:
    """Finds, downloads or builds every program; exit code 0, or 2 with the ways to get them."""
    try:
        for binary in Resolver(Options()).all().values():
            say(f"{binary.name} {binary.version} from {binary.source}")
    except ControlPlaneError as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(prepare())
