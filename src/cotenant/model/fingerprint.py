"""One short text for the content of an object: equal for what we want and what is there, different after any drift.

Covers everything but what the API server writes itself (resourceVersion, managedFields, …), status, and labels and
annotations of others. So a restart compares all objects without a write, and an edit made while no operator was
running is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from cotenant.api.builtin import Child, Manifest
from cotenant.api.keys import GROUP, MANAGED_BY
from cotenant.api.meta import ObjectMeta
from cotenant.model.quantity import canonical

CONTENT = {
    "RoleBinding": ("roleRef", "subjects"),
    "NetworkPolicy": ("spec",),
    "LimitRange": ("spec",),
    "SpacePolicy": ("spec", "status"),
}
"""What makes up an object of each kind that we own whole."""
QUANTITIES = {"default", "defaultRequest", "min", "max", "maxLimitRequestRatio"}


def fingerprint(kind: str, manifest: Manifest) -> str:
    """128 bits in hex over the content of a desired or observed object of a kind in CONTENT."""
    metadata = manifest.get("metadata", {})
    content = {key: tidy(kind, manifest[key]) for key in CONTENT[kind] if manifest.get(key) is not None}
    labels = {key: value for key, value in metadata.get("labels", {}).items() if ours(key)}
    return blake2b(msgspec.json.encode([content, labels], order="deterministic"), digest_size=16).hexdigest()


def ours(key: str) -> bool:
    """Whether a label or annotation is one that cotenant writes."""
    return key == MANAGED_BY or key.startswith(f"{GROUP}/")


def tidy(kind: str, value: Any) -> Any:
    """The value as the API server would give it back: lists that are empty left out, quantities in one form.

    Empty lists stay in a SpacePolicy, where `[]` means "none" and absence means "any". Empty maps always stay: an
    empty selector selects everything.
    """
    if kind == "SpacePolicy":
        return value
    if isinstance(value, list):
        return [tidy(kind, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: tidy(kind, item) for key, item in value.items() if item is not None and item != []}
    if kind == "LimitRange":
        for key in QUANTITIES & kept.keys():
            kept[key] = {name: canonical(quantity) for name, quantity in kept[key].items()}
    return kept


class Seen(msgspec.Struct, gc=False):
    """An object as it comes from the API server, split once."""

    metadata: ObjectMeta


def decoder(kind: str) -> Callable[[bytes], Child]:
    """Decodes one object of `kind` from JSON and keeps its metadata and fingerprint. Raises msgspec.DecodeError."""
    metadata = msgspec.json.Decoder(Seen)

    def decode(raw: bytes) -> Child:
        return Child(metadata.decode(raw).metadata, fingerprint(kind, msgspec.json.decode(raw)))

    return decode
