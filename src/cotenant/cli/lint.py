"""`cotenant lint`: traps in manifests, each with file, line, the reason and the corrected text. Needs no cluster."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import Struct, structs

from cotenant.api.keys import GROUP
from cotenant.cli import ANSWERED, FAILED, PARTLY, SOMETHING
from cotenant.cli.manifests import SUFFIXES, Manifests, accept, sources
from cotenant.cli.manifests.mending import read
from cotenant.cli.view.output import document, paint, say, table, write
from cotenant.judge.lint.bundle import Broken, Bundle, Script
from cotenant.judge.lint.catalogue import FAULTY, RULES
from cotenant.judge.lint.edit import applied
from cotenant.judge.lint.report import Report, Trap, faulty, lint
from cotenant.model.document import Problem

SHELLS = (".sh", ".bash")
TEMPLATE = "{{"
ODD_BREAKS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
COLOURS = {"error": "red", "warning": "yellow"}
PASSES = 5
"""A correction may uncover the next trap."""


class Texts(Struct):
    """What could be read, by file; and what could not."""

    read: dict[str, str]
    unread: list[Problem]


@click.command("lint")
@click.option(
    "-f", "--filename", "files", metavar="FILE", multiple=True, help="File or folder, - for stdin; may be repeated."
)
@click.option("-R", "--recursive", "deep", is_flag=True, help="Folders below folders too.")
@click.option(
    "--ignore", "ignored", metavar="RULE", multiple=True, help="A rule to leave out, by id or name; may be repeated."
)
@click.option("--fix", is_flag=True, help="Write the corrections that need no decision into the files.")
@click.option("--dry-run", is_flag=True, help="With --fix: print them as a diff and write nothing.")
@click.option("--list", "listed", is_flag=True, help="Print the rules and end.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Format."
)
def command(
    *, files: tuple[str, ...], deep: bool, ignored: tuple[str, ...], fix: bool, dry_run: bool, listed: bool, output: str
) -> int:
    """Name the traps in manifests, with file, line, the reason and the corrected text.

    Reads any Kubernetes YAML or JSON: RBAC, aws-auth, network policies, quotas, workloads; ClusterConfigs of eksctl, IAM
    policies, shell scripts, and cotenant's own kinds. Files are looked at together: a group that one maps and none binds
    is found. No cluster is asked.

    Exit 0: nothing found; 1: traps; 2: nothing could be read; 3: no trap, but not everything could be read.
    """
    if listed:
        return catalogue(output)
    if not files:
        raise click.UsageError("name a file or folder: -f FILE")
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix")
    known(ignored)
    texts = gather(files, deep=deep)
    found = look(texts.read, ignored)
    if fix:
        better = corrected(texts.read, ignored)
        if dry_run:
            return difference(texts, better)
        store(texts, better)
        texts.read |= better
        found = look(texts.read, ignored)
    if output == "json":
        unread = [{"file": one.source, "message": one.message} for one in texts.unread]
        write(document("LintReport", findings=list(found.traps), unread=unread), "json")
    else:
        for one in found.traps:
            click.echo("\n".join(lines(one)))
    complain(texts, found)
    return code(texts, found=bool(found.traps))


def known(ignored: tuple[str, ...]) -> None:
    """Refuses a rule that is none."""
    names = [FAULTY.id, FAULTY.name, *(one.id for one in RULES), *(one.name for one in RULES)]
    for one in ignored:
        if one not in names:
            close = difflib.get_close_matches(one, names, 1)
            hint = f"; did you mean {close[0]}?" if close else "; see: cotenant lint --list"
            raise click.UsageError(f"--ignore {one}: no such rule{hint}")


def gather(files: tuple[str, ...], *, deep: bool) -> Texts:
    """Every file once. Templates of Helm are no YAML before Helm has filled them in."""
    found = Texts({}, [])
    for source, text in sources(files, found.unread, deep=deep, suffixes=(*SUFFIXES, *SHELLS)):
        if not is_script(source, text) and any(line.lstrip().startswith(TEMPLATE) for line in text.splitlines()):
            found.unread.append(
                Problem(source, 0, "is a template; fill it in first: helm template … | cotenant lint -f -")
            )
        else:
            found.read[source] = text
    return found


def is_script(source: str, text: str) -> bool:
    """Whether a file holds shell commands."""
    first = text.partition("\n")[0]
    return source.endswith(SHELLS) or (first.startswith("#!") and first.rstrip().endswith("sh"))


def look(texts: dict[str, str], ignored: tuple[str, ...]) -> Report:
    """All traps of all files, seen together."""
    bundle = Bundle([], datetime.now(UTC).date(), [], [])
    own: list[Trap] = []
    manifests, seen = Manifests(), dict[tuple[str, str, str], str]()
    for source, text in texts.items():
        if is_script(source, text):
            bundle.scripts.append(Script(source, text.splitlines()))
            continue
        reading = read(source, text)
        bundle.documents.extend(reading.documents)
        bundle.broken.extend(
            Broken(one.source, one.line, one.message, one.mended, where) for one, where in reading.faults
        )
        for one in reading.documents:
            if str(one.value.get("apiVersion")).partition("/")[0] == GROUP:
                own += [faulty(FAULTY, problem) for problem in accept(one, manifests, seen)]
    found = lint(bundle, ignored=ignored)
    kept = [] if {FAULTY.id, FAULTY.name} & set(ignored) else own
    return structs.replace(found, traps=sorted([*found.traps, *kept]))


def corrected(texts: dict[str, str], ignored: tuple[str, ...]) -> dict[str, str]:
    """The files that change, with every correction that needs no decision."""
    now = dict(texts)
    for _ in range(PASSES):
        found, before = look(now, ignored), dict(now)
        for source, text in before.items():
            if set(ODD_BREAKS) & set(text):
                continue  # lines are not what an editor shows
            base = text.splitlines() if is_script(source, text) else read(source, text).lines
            now[source] = alike(applied(base, found.edits.get(source, [])), text)
        if now == before:
            break
    return {source: text for source, text in now.items() if text != texts[source]}


def alike(new: str, old: str) -> str:
    """A text with the line ends of another."""
    if not old.endswith("\n"):
        new = new.removesuffix("\n")
    return new.replace("\n", "\r\n") if "\r\n" in old else new


def difference(texts: Texts, better: dict[str, str]) -> int:
    """Prints the corrections as a unified diff; exit code."""
    for source, text in better.items():
        old, new = texts.read[source].splitlines(keepends=True), text.splitlines(keepends=True)
        click.echo("".join(difflib.unified_diff(old, new, source, source)), nl=False)
    for one in texts.unread:
        say(f"error: {one}")
    return code(texts, found=bool(better))


def store(texts: Texts, better: dict[str, str]) -> None:
    """Writes the corrected files. What came from stdin has no place to go."""
    for source, text in list(better.items()):
        if source == "stdin":
            del better[source]
            texts.unread.append(Problem(source, 0, "has no file to write to; see the corrections: --fix --dry-run"))
            continue
        try:
            with Path(source).open("r+b") as file:
                head = b"\xef\xbb\xbf" if file.read(3) == b"\xef\xbb\xbf" else b""
                file.seek(0)
                file.truncate()
                file.write(head + text.encode())
        except OSError as error:
            del better[source]
            texts.unread.append(Problem(source, 0, f"cannot be written: {error.strerror}"))
        else:
            say(f"corrected {source}")


def lines(one: Trap) -> Iterator[str]:
    """A trap for a person and for an editor: the first line is what compilers print."""
    column = f":{one.column}" if one.column else ""
    yield f"{one.file}:{one.line}{column}: {paint(one.level, COLOURS[one.level])}: {one.message} [{one.rule} {one.name}]"
    yield f"    why:   {one.why}"
    for number, line in enumerate(one.write.splitlines()):
        yield f"    {'write:' if not number else '':<6} {line}"


def complain(texts: Texts, found: Report) -> None:
    """What could not be read, and the sum, on stderr."""
    for one in texts.unread:
        say(f"error: {one}")
    errors = sum(one.level == "error" for one in found.traps)
    files = many(len(texts.read), "file")
    if found.traps:
        say(f"{many(errors, 'error')}, {many(len(found.traps) - errors, 'warning')} in {files}")
    elif texts.read:
        say(f"nothing found in {files}")


def many(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def code(texts: Texts, *, found: bool) -> int:
    """The exit code."""
    if not texts.read and texts.unread:
        return FAILED
    return SOMETHING if found else PARTLY if texts.unread else ANSWERED


def catalogue(output: str) -> int:
    """Prints the rules."""
    rules = (FAULTY, *RULES)
    if output == "json":
        found = [
            {"id": one.id, "name": one.name, "level": one.level, "why": one.why, "write": one.fix} for one in rules
        ]
        write(document("LintRules", rules=found), "json")
    else:
        click.echo(table(("ID", "NAME", "LEVEL", "WRITE"), [(one.id, one.name, one.level, one.fix) for one in rules]))
    return ANSWERED
