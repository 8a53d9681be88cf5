"""Rules of shell commands: what a page makes of them that somebody copies from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cotenant.judge.lint.bundle import Bundle
from cotenant.judge.lint.cluster import ended, newest, version
from cotenant.judge.lint.edit import Edit
from cotenant.judge.lint.rule import Hit, rule
from cotenant.model.arn import arn
from cotenant.model.document import Span

STRAY = re.compile(r"(?<=\s)\\\s+(?=--?[a-z])")
PATHED = re.compile(r"create\s+iamidentitymapping\b.*?--arn[= ]+(arn:aws[-a-z]*:iam::\d*:role/\S*/[^\s\\]+)", re.ASCII)
VERSION = re.compile(r"\b(?:eksctl|aws eks)\b.*\s--(?:kubernetes-)?version[= ]+[\"']?(\d+\.\d+)\b", re.ASCII)


def commands(bundle: Bundle) -> Iterator[tuple[str, int, str]]:
    """(source, number, line) of every line that is no comment."""
    for script in bundle.scripts:
        for number, line in enumerate(script.text, 1):
            if not line.lstrip().startswith("#"):
                yield script.source, number, line


@rule("L801", "error", fix="The command without the backslash, or a new line behind it.")
def stray_backslash(bundle: Bundle) -> Iterator[Hit]:
    """A backslash joins two lines; in the middle of one it makes the space behind it part of the next option."""
    for source, number, line in commands(bundle):
        if found := STRAY.search(line):
            edit = Edit(Span(number, 0, number, len(line)), STRAY.sub("", line))
            yield Hit(source, number, found.start() + 1, "a backslash stands in the middle of the line", (edit,))


@rule("L802", "error", fix="The ARN without its path.")
def role_path_in_a_command(bundle: Bundle) -> Iterator[Hit]:
    """What eksctl writes to aws-auth is the ARN as it is given, and there a role with a path is never matched."""
    for source, number, line in commands(bundle):
        found = PATHED.search(line)
        role = arn(found[1]) if found else None
        if found and role:
            edit = Edit(Span(number, found.start(1), number, found.end(1)), role.role)
            yield Hit(source, number, found.start(1) + 1, f"{found[1]} has the path {role.path}", (edit,))


@rule("L803", "error", by_hand=True, fix="A version that `aws eks describe-cluster-versions` lists.")
def version_in_a_command(bundle: Bundle) -> Iterator[Hit]:
    """EKS makes no cluster of a version whose extended support is over."""
    for source, number, line in commands(bundle):
        found = VERSION.search(line)
        if found and ended(version(found[1]), bundle.today):
            edit = Edit(Span(number, found.start(1), number, found.end(1)), newest(bundle.today))
            yield Hit(source, number, found.start(1) + 1, f"Kubernetes {found[1]} is over on EKS", (edit,))
