"""The command line: `cotenant …`, or `kubectl cotenant …`.

Only click is imported here, and a command's own module when it runs: `--help` answers in under 200 ms.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click

ANSWERED, SOMETHING, FAILED, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: nothing to report; there is something; could not answer; answered in part; Ctrl-C."""
UNREAD = 141
"""Exit code where a shell would say SIGPIPE: `cotenant … | head`."""
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
QUOTES = "\u201c\u201d\u201e\u2018\u2019"


class Entry(NamedTuple):
    """A command that is imported when it is used: `module:attribute` below cotenant.cli, and its line in --help."""

    target: str
    line: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Start": {
        "demo": Entry("demo:demo", "Two teams on a control plane of their own, isolated and proven, in a minute."),
        "dev": Entry("dev:dev", "A real Kubernetes control plane on this machine."),
        "install": Entry("install:command", "Put cotenant into a cluster, or bring it up to date."),
        "uninstall": Entry("uninstall:command", "Take the operator out of a cluster; tenants keep working."),
        "doctor": Entry("doctor:command", "Can this cluster host us, are we healthy."),
    },
    "Look": {
        "whoami": Entry("whoami:whoami", "Who the cluster says you are: tenant, roles, spaces."),
        "get": Entry("get:get", "List tenants or spaces."),
        "top": Entry("top:top", "Who uses what of a tenant's quota, in which space, and what is left."),
        "tree": Entry("tree:tree", "A tenant, its spaces and everything in them, with drift; or who owns a namespace."),
    },
    "Change": {
        "create": Entry("create:create", "Make a tenant or a space, or print its manifest."),
        "plan": Entry("plan:plan", "What manifests would change in the cluster, and whom it hits."),
        "render": Entry("render:render", "The objects that manifests become, without a cluster."),
        "delete": Entry("delete:delete", "Delete a tenant or a space; namespaces are kept unless you say otherwise."),
    },
    "Access": {
        "who-can": Entry(
            "who_can:who_can", "Who may do something: RBAC, access entries, aws-auth and access policies."
        ),
        "can": Entry("can:can", "Whether somebody may do something, EKS access policies included."),
        "access": Entry("access:access", "What somebody may do, and by what."),
        "iam": Entry("iam:iam", "IAM principals of tenants: access entries and aws-auth."),
        "import": Entry("iam.importing:importing", "Propose access entries for what aws-auth maps, as commands."),
        "kubeconfig": Entry("kubeconfig:kubeconfig", "A kubeconfig with one context for each space of a tenant."),
    },
    "Prove": {
        "policies": Entry("policies:policies", "The rules inside the API server: list, explain, check, export."),
        "lint": Entry("lint:command", "Name the traps in manifests, with line, reason and corrected text."),
        "why": Entry("why:why", "Why a pod is refused or would fit, and why somebody may do something or not."),
        "verify": Entry("verify:verify", "Prove that tenants are isolated, with evidence."),
    },
    "Other": {
        "breakglass": Entry(
            "breakglass:command", "Lift the rules about what tenants use for a while; it ends by itself."
        ),
        "operator": Entry("operator:operator", "Run the controllers in the foreground."),
        "version": Entry("version:version", "Versions of this program and of the cluster."),
        "completion": Entry("completion:completion", "Shell completion for bash, zsh or fish."),
    },
}
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Failure(click.ClickException):
    """A question that could not be answered: one line, exit code 2 or `code`."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code


class Lazy(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every name, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command; its module is imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that a word names, or the one that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"no such command: {args[0]}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Names with their lines, from the table too: a shell waits for it at every Tab."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=one.line) for name, one in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The sections, from the table above: nothing is imported for --help."""
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.line) for name, entry in entries.items()], col_max=14)


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cotenant(ctx: click.Context, *, verbose: bool) -> None:
    """Makes one Kubernetes cluster safe to share between teams, and proves it.

    Exit codes: 0 answered, nothing to report; 1 answered, there is something; 2 could not answer; 3 answered in part.
    """
    ctx.obj = {"verbose": verbose}


def program(argv0: str) -> str:
    """How the user calls us; kubectl runs its plugin `kubectl-cotenant`."""
    return "kubectl cotenant" if Path(argv0).name.startswith("kubectl-") else "cotenant"


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Never returns; the exit code is one of those above."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(answer(given, program(sys.argv[0])))


def answer(given: list[str], name: str) -> int:
    """Runs one command; its exit code. Errors are one line on stderr."""
    verbose = any(flag in ("-v", "--verbose") for flag in given[:1])
    stdout = sys.stdout
    try:
        typed(given)
        code: Any = cotenant.main(given, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as asked:
        whole = asked.ctx.parent is None
        click.echo(asked.ctx.get_help(), err=not whole)
        return ANSWERED if whole else FAILED
    except click.UsageError as error:
        where = f" (see: {error.ctx.command_path} --help)" if error.ctx else ""
        if isinstance(error, click.NoSuchOption) and error.ctx and error.ctx.parent is None:
            where = f" before the command; most options come after it: {name} COMMAND {error.option_name}{where}"
        return complain(f"{lowered(error.format_message())}{where}", error.exit_code)
    except click.ClickException as error:
        if verbose and error.__cause__:
            raise error.__cause__ from None
        return complain(error.format_message(), error.code if isinstance(error, Failure) else error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return unread()
    except SystemExit:
        # click makes a broken pipe an exit with code 1, and puts something else in the place of stdout.
        if sys.stdout is stdout:
            raise
        return unread()
    except Exception as error:
        if verbose:
            raise
        return complain(sentence(error), FAILED)
    return code if isinstance(code, int) else ANSWERED


def unread() -> int:
    """The reader has gone, which is no error; Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNREAD


def typed(given: Sequence[str]) -> None:
    """Refuses what a word processor did to flags on the way into the terminal."""
    for one in given:
        if one[:1] in DASHES and one:
            word = one.lstrip(DASHES + "-")
            raise Failure(f"{one}: that dash is no hyphen; write {'-' if len(word) == 1 else '--'}{word}")
        if one[:1] in QUOTES and one:
            raise Failure(f"{one}: curly quotes are part of the word for a shell; write '{one.strip(QUOTES)}'")
        if one == "--":
            return


def sentence(error: Exception) -> str:
    """An error in one line. Those of a cluster speak for themselves, any other one is our own fault."""
    errors = sys.modules.get("cotenant.kube.errors")
    if errors and isinstance(error, errors.ApiError):
        return str(error)
    return f"{type(error).__name__}: {error}; this should not happen, run it again with: cotenant -v …"


def lowered(text: str) -> str:
    """Click begins its messages with a capital letter and ends them with a full stop; behind `error:` they do not."""
    first = text[:1].lower() if text[1:2].islower() else text[:1]
    return (first + text[1:]).rstrip(".")


def complain(text: str, code: int) -> int:
    """One line on stderr."""
    click.echo(f"error: {' '.join(text.split())}", err=True)
    return code
