"""Waiting for what happens in its own time."""

from __future__ import annotations

import time


def eventually(test, within=10.0, every=0.05):
    """The first true answer of `test`; an assertion error when there is none in time."""
    deadline = time.monotonic() + within
    while not (result := test()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(every)
    return result
