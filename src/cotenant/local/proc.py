"""Is a process still the one that was written down? A pid alone says nothing: pids are used again."""

from __future__ import annotations

import os
from pathlib import Path


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
