"""The command line within this process: the same answer without the second that a process takes to begin."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from cotenant.cli import answer
from installation import Answer


def answered(
    arguments: Sequence[str], *, stdin: str = "", environment: Mapping[str, str] | None = None, seconds: float = 60
) -> Answer:
    """`cotenant ARGUMENTS`, in a thread, as it brings an event loop of its own. `environment`: instead of this one's."""
    out, err = io.StringIO(), io.StringIO()
    terminal, before = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ)
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(stdin), out, err
    if environment is not None:
        become(environment)
    try:
        with ThreadPoolExecutor(1) as thread:
            code = thread.submit(answer, list(arguments), "cotenant").result(seconds)
    finally:
        sys.stdin, sys.stdout, sys.stderr = terminal
        become(before)
    return Answer("cotenant " + " ".join(arguments), code, out.getvalue(), err.getvalue())


def become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
