"""`cotenant completion`, and what kubectl calls to complete `kubectl cotenant …`."""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete, get_completion_class

from cotenant.cli import ANSWERED, cotenant

HINTS = {
    "bash": 'eval "$(cotenant completion bash)"     in ~/.bashrc',
    "zsh": 'eval "$(cotenant completion zsh)"      in ~/.zshrc',
    "fish": "cotenant completion fish | source     in ~/.config/fish/config.fish",
}
WITHOUT_FILES = ":4"
"""Directive of cobra, in which kubectl takes completions: no file names when there is nothing to offer."""


@click.command(epilog="\b\n" + "\n".join(HINTS.values()))
@click.argument("shell", type=click.Choice(list(HINTS)))
def completion(shell: str) -> int:
    """Print the completion script of a shell. For kubectl: the program kubectl_complete-cotenant is on the PATH."""
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cotenant, {}, "cotenant", "_COTENANT_COMPLETE").source())
    return ANSWERED


def kubectl() -> None:
    """The console script kubectl_complete-cotenant: words so far as arguments, proposals a line, then a directive."""
    words = sys.argv[1:] or [""]
    for value in proposals(words[:-1], words[-1]):
        click.echo(value)
    click.echo(WITHOUT_FILES)


def proposals(before: list[str], begun: str) -> list[str]:
    """What may come next: `value<TAB>help`."""
    found = ShellComplete(cotenant, {}, "cotenant", "").get_completions(before, begun)
    return [f"{one.value}\t{one.help}" if one.help else str(one.value) for one in found]
