"""Manifests of a user: `-f FILE|DIR|-` -> Tenants, TenantProfiles and Spaces, or every fault with file and line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import click
import msgspec

from cotenant.api.keys import API_VERSION, GROUP
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import Failure
from cotenant.cli.manifests import fields
from cotenant.cli.manifests.document import documents
from cotenant.model.document import Document, Problem

KINDS: dict[str, type[Tenant | TenantProfile | Space]] = {
    "Tenant": Tenant,
    "TenantProfile": TenantProfile,
    "Space": Space,
}
SUFFIXES = (".yaml", ".yml", ".json")
LARGEST = 16 << 20
"""Bytes of a file. etcd takes a tenth of it in one object."""
FILES = click.option(
    "-f",
    "--filename",
    "files",
    metavar="FILE",
    multiple=True,
    required=True,
    help="File or folder with manifests, - for stdin; may be repeated.",
)


@dataclass(slots=True)
class Manifests:
    """What the files hold."""

    tenants: list[Tenant] = field(default_factory=list)
    profiles: list[TenantProfile] = field(default_factory=list)
    spaces: list[Space] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    """The same manifests with their lines, in the order of the files."""
    ignored: list[str] = field(default_factory=list)
    """Documents of kinds that are not ours: `v1 ConfigMap x (file:line)`."""


def load(names: Sequence[str]) -> Manifests:
    """Reads and checks everything. Raises Failure with one line for each fault, and prints them to stderr."""
    found, problems = read(names)
    refuse(problems)
    return found


def refuse(problems: Sequence[Problem]) -> None:
    """Prints every problem and raises Failure with their number, if there are any."""
    if not problems:
        return
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    many = f"{len(problems)} faults" if len(problems) > 1 else "1 fault"
    raise Failure(f"{many} in the manifests; nothing was done")


def read(names: Sequence[str]) -> tuple[Manifests, list[Problem]]:
    """Everything that is good, and every fault: one broken document hides nothing of the others."""
    found, problems = Manifests(), list[Problem]()
    seen: dict[tuple[str, str, str], str] = {}
    for source, text in sources(names, problems):
        count = 0
        for one in documents(source, text):
            count += 1
            if isinstance(one, Problem):
                problems.append(one)
                continue
            for each in flattened(one):
                problems += accept(each, found, seen)
        if not count:
            problems.append(Problem(source, 0, "is empty; a manifest begins with apiVersion and kind"))
    return found, problems


def sources(
    names: Sequence[str], problems: list[Problem], *, deep: bool = False, suffixes: tuple[str, ...] = SUFFIXES
) -> Iterator[tuple[str, str]]:
    """(name, text) of each file; folders are read in the order of their names, those below them if `deep`."""
    for name in names:
        if name == "-":
            yield from decoded("stdin", sys.stdin.buffer.read(LARGEST + 1), problems)
        elif "://" in name:
            problems.append(Problem(name, 0, "is an address; fetch it first: curl -fsSL … | cotenant … -f -"))
        else:
            yield from local(File(name), problems, deep=deep, suffixes=suffixes)


def local(
    path: File, problems: list[Problem], *, deep: bool = False, suffixes: tuple[str, ...] = SUFFIXES
) -> Iterator[tuple[str, str]]:
    """The texts of one file, or of the files of one folder."""
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder above is closed to us
        inside = sorted(inhabitants(path, suffixes, problems, deep=deep))
        if not inside:
            *others, last = suffixes
            problems.append(Problem(str(path), 0, f"holds no file that ends in {', '.join(others)} or {last}"))
        for one in inside:
            yield from local(one, problems)
        return
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        problems.append(Problem(str(path), 0, "does not exist"))
        return
    except OSError as error:
        problems.append(Problem(str(path), 0, str(error.strerror)))
        return
    yield from decoded(str(path), content, problems)


def inhabitants(folder: File, suffixes: tuple[str, ...], problems: list[Problem], *, deep: bool) -> Iterator[File]:
    """The files of a folder, without hidden ones; links to folders are not followed."""

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), 0, str(error.strerror)))

    for place, below, names in os.walk(folder, onerror=unreadable):
        below[:] = [one for one in below if deep and not one.startswith(".")]
        for name in names:
            one = File(place, name)
            if one.suffix in suffixes and not name.startswith(".") and one.is_file():
                yield one


def decoded(source: str, content: bytes, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """The text of a file; a problem if it is none."""
    if len(content) > LARGEST:
        problems.append(Problem(source, 0, f"is larger than {LARGEST >> 20} MiB; no manifest is"))
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        binary = b"\0" in content[:4096]
        problems.append(Problem(source, 0 if binary else line, "is no text file" if binary else "is not UTF-8"))
        return
    if "\0" in text:
        problems.append(Problem(source, 0, "is no text file"))
        return
    yield source, text


def flattened(document: Document) -> Iterable[Document]:
    """A List of any kind as its items, each with its own lines."""
    if not str(document.value.get("kind")).endswith("List") or not isinstance(document.value.get("items"), list):
        return [document]
    return document.items("items")


def accept(document: Document, found: Manifests, seen: dict[tuple[str, str, str], str]) -> list[Problem]:
    """Takes one document in, or says what is wrong with it."""
    value: dict[str, Any] = document.value
    version, kind = value.get("apiVersion"), value.get("kind")
    for name, given in (("apiVersion", version), ("kind", kind)):
        if not isinstance(given, str) or not given:
            hint = f"write {name}: {API_VERSION if name == 'apiVersion' else 'Tenant'}"
            guess = fields.near(name, [key for key in value if key not in ("kind", "apiVersion")])
            return [document.problem((), f"{name} is missing; {hint}{guess}")]
    assert isinstance(version, str) and isinstance(kind, str)
    if version.partition("/")[0] != GROUP:
        if version in (GROUP.partition(".")[0], "v1alpha1", "v1") and kind in KINDS:
            return [document.problem(("apiVersion",), f"is {version}; write {API_VERSION}")]
        metadata = value.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        found.ignored.append(f"{version} {kind} {name} ({document.source}:{document.line})")
        return []
    if version != API_VERSION:
        return [document.problem(("apiVersion",), f"is {version}; write {API_VERSION}")]
    if kind == "SpacePolicy":
        found.ignored.append(f"{version} {kind}: written by cotenant alone ({document.source}:{document.line})")
        return []
    if kind not in KINDS:
        guess = fields.near(kind, KINDS) or f"; {GROUP} has {', '.join(KINDS)}"
        return [document.problem(("kind",), f"{kind} is no kind of {GROUP}{guess}")]
    problems = [document.problem(path, message) for path, message in fields.faults(KINDS[kind], value)]
    return sorted(problems, key=lambda one: one.line) or take(document, found, seen)


def take(document: Document, found: Manifests, seen: dict[tuple[str, str, str], str]) -> list[Problem]:
    """Puts a manifest without faults among the others; each object once."""
    one = msgspec.convert(without_nulls(document.value), KINDS[str(document.value["kind"])])
    key = (type(one).__name__, one.metadata.namespace, one.metadata.name)
    if key in seen:
        return [document.problem(("metadata", "name"), f"{key[0]} {key[2]} is there twice, first in {seen[key]}")]
    seen[key] = f"{document.source}:{document.line}"
    if isinstance(one, Space) and not one.metadata.namespace:
        message = "is missing; a Space lives in its tenant's home: namespace: home-<tenant>"
        return [document.problem(("metadata", "namespace"), message)]
    if not isinstance(one, Space) and one.metadata.namespace:
        return [document.problem(("metadata", "namespace"), f"a {key[0]} has no namespace; leave it out")]
    kinds: dict[type, list[Any]] = {Tenant: found.tenants, TenantProfile: found.profiles, Space: found.spaces}
    kinds[type(one)].append(one)
    found.documents.append(document)
    return []


def without_nulls(value: Any) -> Any:
    """Fields without value left out, as the API server does."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
