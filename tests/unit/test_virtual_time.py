"""Tests that say `looptime` take no time, whatever ran before them in the same process."""

from __future__ import annotations

import asyncio
import time

import pytest


async def a_minute() -> None:
    """Of the loop's time: at once by the clock on the wall."""
    began, real = asyncio.get_running_loop().time(), time.monotonic()
    await asyncio.sleep(60)
    assert asyncio.get_running_loop().time() >= began + 60
    assert time.monotonic() < real + 30


@pytest.mark.looptime
async def test_a_minute_passes_at_once():
    await a_minute()


@pytest.mark.looptime
@pytest.mark.asyncio(loop_scope="function")
async def test_a_minute_passes_at_once_in_a_loop_of_its_own():
    await a_minute()


@pytest.mark.looptime
async def test_a_minute_passes_at_once_after_a_loop_of_its_own():
    await a_minute()


def test_a_command_takes_the_current_loop_away():
    asyncio.run(asyncio.sleep(0))
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio.get_event_loop_policy().get_event_loop()


@pytest.mark.looptime
async def test_a_minute_passes_at_once_after_a_command():
    await a_minute()


async def test_who_does_not_say_looptime_lives_in_real_time():
    real = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() >= real + 0.04
