"""Everything that one call of `cotenant lint` has read, and the few questions that rules ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from cotenant.model.document import Document, Path

WORKLOADS = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "ReplicationController": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "Pod": ("spec",),
}
"""Where each kind keeps its PodSpec."""
KUBERNETES = ("k8s.io", "apps", "batch", "policy", "autoscaling", "extensions", "v1")


class Script(Struct, frozen=True):
    """A file of shell commands."""

    source: str
    text: list[str]


class Broken(Struct, frozen=True):
    """A fault that only the reader sees: text that is no YAML. `where` says what could not be read."""

    source: str
    line: int
    message: str
    mended: str | None
    where: str
    """"document", or the key of aws-auth that it is in."""

    @property
    def letters(self) -> str:
        """Which letters of a word processor stand in the way: "quotes" or "spaces"; "" where none do."""
        words = {"curly quotes": "quotes", "no-break space": "spaces"}
        return next((kind for word, kind in words.items() if word in self.message), "")


class Bundle(Struct, frozen=True):
    """Documents in the order of the files."""

    documents: list[Document]
    today: date
    scripts: list[Script] = []
    broken: list[Broken] = []

    def of(self, *kinds: str) -> Iterator[Document]:
        """The documents of these kinds, whatever their version."""
        return (one for one in self.documents if one.value.get("kind") in kinds)

    def native(self) -> Iterator[Document]:
        """The documents of Kubernetes' own kinds."""
        return (one for one in self.documents if is_native(one))


def is_native(document: Document) -> bool:
    """Whether the kind is one of Kubernetes' own."""
    group = str(document.value.get("apiVersion", "")).partition("/")[0]
    return group.endswith(KUBERNETES) and group != "cotenant.dev"


def get(value: object, *path: str | int) -> Any:
    """The value of a field somewhere below; None if anything on the way is missing or of another type."""
    for part in path:
        if isinstance(value, Mapping) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def items(document: Document, *path: str | int) -> Iterator[tuple[Path, Any]]:
    """Path and value of each item of a list; nothing where there is none."""
    found = get(document.value, *path)
    for at, one in enumerate(found if isinstance(found, list) else ()):
        yield (*path, at), one


def words(value: object) -> list[str]:
    """The texts of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in a document, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from leaves(one, (*path, at))


def name(document: Document) -> str:
    """metadata.name, or ""."""
    return str(get(document.value, "metadata", "name") or "")


def namespace(document: Document) -> str:
    """metadata.namespace, or "" where whoever applies it decides."""
    return str(get(document.value, "metadata", "namespace") or "")


def labels(document: Document) -> dict[str, str]:
    """metadata.labels."""
    found = get(document.value, "metadata", "labels")
    return {str(key): str(one) for key, one in found.items()} if isinstance(found, Mapping) else {}


def pods(bundle: Bundle) -> Iterator[tuple[Document, Path, Mapping[str, Any]]]:
    """Every PodSpec, with its path."""
    for document in bundle.of(*WORKLOADS):
        path = WORKLOADS[str(document.value["kind"])]
        spec = get(document.value, *path)
        if isinstance(spec, Mapping):
            yield document, path, spec


def pod_labels(document: Document) -> dict[str, str]:
    """The labels of the pods of a workload."""
    path = WORKLOADS[str(document.value["kind"])]
    found = get(document.value, *path[:-1], "metadata", "labels")
    return {str(key): str(one) for key, one in found.items()} if isinstance(found, Mapping) else {}
