"""Processes by pid and birth: a pid alone says nothing, pids are used again. And children that die with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def born(pid: int) -> int:
    """Start time in clock ticks since boot (0 where /proc does not tell)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The second field is the program's name in brackets and may hold blanks and brackets itself.
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """True only for the very process that had this start time."""
    if Path("/proc/self/stat").exists():
        return started != 0 and born(pid) == started
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def dying_with_me() -> Callable[[], None]:
    """For Popen(preexec_fn=…): the kernel kills the child when this *thread* ends, however it ends. Linux; else nothing.

    Only where no other thread runs, or the child may hang on a lock that nobody holds any more.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:  # pragma: no cover - a platform without a loadable libc
        libc = None
    parent = os.getpid()

    def tie() -> None:
        if libc is not None and sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return tie
