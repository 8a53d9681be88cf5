"""How the story is told: acts, commands and verbatim answers on stdout, progress on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import click

INDENT = "   "


class Voice:
    """Colours and a spinner on a terminal, plain lines in a pipe."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._console: Any = None
        self._number = 0
        self._status: Any = None
        if sys.stderr.isatty():
            with suppress(ImportError):  # rich comes with the extra `demo`
                from rich.console import Console

                self._console = Console(stderr=True)

    def act(self, title: str) -> None:
        """The heading of an act."""
        self._number += 1
        self._say("")
        self._say(self._paint(f"{self._number:>2}  {title}", bold=True))

    def shell(self, actor: str, command: str) -> None:
        """A command, behind the prompt of whoever types it."""
        self._say(f"{INDENT} {self._paint(f'{actor} $', fg='cyan')} {command}")

    def answer(self, text: str, *, refused: bool = False) -> None:
        """What the command printed, verbatim."""
        for line in text.rstrip().splitlines():
            self._say(f"{INDENT} {self._paint(line, fg='yellow') if refused else line}")

    def file(self, name: str, text: str) -> None:
        """A file that matters."""
        self._say(f"{INDENT} {self._paint(f'# {name}', fg='cyan')}")
        self.answer(text)

    def shows(self, text: str) -> None:
        """What the act has shown."""
        self._say(f"{INDENT} {self._paint('ok', fg='green')}  {text}")

    def broken(self, text: str) -> None:
        """An act that did not go as promised."""
        self._say(f"{INDENT} {self._paint('NOT AS PROMISED', fg='red')}  {text}")

    def text(self, text: str) -> None:
        """Plain lines."""
        self._say(text)

    def progress(self, text: str) -> None:
        """What goes on just now; on stderr, so that stdout is the story alone."""
        if self._status is not None:
            self._status.update(text)
        else:
            click.echo(text, err=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Something that takes seconds."""
        if self._console is None:
            self.progress(text)
        started = time.monotonic()
        with self._console.status(text) if self._console else nullcontext() as self._status:
            yield
        self._status = None
        if self._console is not None:
            click.echo(f"{text} ({time.monotonic() - started:.1f} s)", err=True)

    def _paint(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text

    def _say(self, line: str) -> None:
        click.echo(line)
