"""What a person must type before something goes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cotenant.cli import Failure


def typed(prompt: str, wanted: str) -> bool:
    """Whether somebody typed exactly this. Raises Failure where nobody can, and Abort for Ctrl-C."""
    try:
        with interruptible():
            answer: str = click.prompt(prompt, default="", show_default=False, err=True)
    except click.Abort as gone:
        if isinstance(gone.__context__, KeyboardInterrupt):
            raise
        click.echo(err=True)
        raise Failure(f"nobody typed {wanted}: there is no terminal; in a script say --yes. Nothing was done") from gone
    return answer.strip() == wanted


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the question at once: asyncio keeps the first one for its task, which cannot hear it meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
