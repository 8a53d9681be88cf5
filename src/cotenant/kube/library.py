"""The official client without what its packages import besides.

`import kubernetes.aio.config` runs the `__init__` of both parents, and these import everything there is, twice: more
than half of what a command costs before its first request.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

PARENTS = ("kubernetes", "kubernetes.aio")


@contextmanager
def lean() -> Iterator[None]:
    """Inside, a module of the client is imported without its parents. Nothing changes where they are loaded already.

    The empty parents are gone afterwards: whoever imports `kubernetes` later gets the whole of it.
    """
    if any(name in sys.modules for name in PARENTS):
        yield
        return
    try:
        for name in PARENTS:
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(f"{name} is not installed", name=name)
            sys.modules[name] = module_from_spec(spec)
        yield
    finally:
        for name in PARENTS:
            sys.modules.pop(name, None)
