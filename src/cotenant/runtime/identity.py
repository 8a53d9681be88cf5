"""Who this process is in a Lease: the same after a restart, and never the same as another one at the same time."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EADDRINUSE
from pathlib import Path
from uuid import uuid4

import structlog

log = structlog.get_logger()
MOST = 100
"""More processes at one place than this are not told apart by number."""


@contextmanager
def identity(of: str, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """A name that is ours while entered. `of`: what is elected for, so that two clusters do not share the numbers.

    In a pod its name ($POD_NAME). Elsewhere host and working directory, and a number from the second process on: the
    lowest that no living process has. The kernel frees it with the process, however that ends, so a restarted one
    finds its own again.
    """
    if name := environ.get("POD_NAME"):
        yield name
        return
    place = f"{socket.gethostname()}{Path.cwd().as_posix().rstrip('/').replace('/', '-')}"
    with _claimed(f"{of} {place}") as number:
        if not number:
            log.warning("no name that a restart would know: it waits for its own lease to end")
            yield f"{place}-{uuid4().hex[:8]}"
        else:
            yield place if number == 1 else f"{place}-{number}"


@contextmanager
def _claimed(what: str) -> Iterator[int]:
    """The lowest number that nobody on this machine has, from 1 on; 0 where that cannot be known."""
    digest = hashlib.sha256(what.encode()).hexdigest()[:32]
    for number in range(1, MOST + 1):
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                # A name in Linux' abstract namespace: no file to leave behind, to find unwritable, or to race for.
                claim.bind(f"\0cotenant/{digest}/{number}")
            except OSError as taken:
                if taken.errno != EADDRINUSE:
                    break
            else:
                yield number
                return
    yield 0
