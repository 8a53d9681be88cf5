"""The Plan: which objects there should be, in which order, what goes, and why each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from cotenant.api.builtin import Child, Manifest
from cotenant.api.keys import COTENANT, MANAGED_BY, SPACE, TENANT
from cotenant.model.finding import Ref
from cotenant.model.fingerprint import CONTENT, fingerprint
from cotenant.model.iam.claims import Claim

Action = Literal["create", "update", "keep"]


class Step(Struct, frozen=True):
    """One object and what to do about it."""

    manifest: Manifest
    action: Action
    why: str
    uid: str = ""
    """Only the object with this uid may be updated; "" for any."""

    @property
    def ref(self) -> Ref:
        """Which object."""
        return ref_of(self.manifest)


class Plan(Struct, frozen=True):
    """Steps in the order of their execution, then what is pruned. Equal snapshots give equal plans."""

    steps: tuple[Step, ...] = ()
    prune: tuple[Ref, ...] = ()
    waiting: str = ""
    """What the rest of the plan waits for, in words; "" when this is all of it."""
    wishes: tuple[Claim, ...] = ()
    """What shall be outside the cluster: members by IAM principal. One controller brings all tenants' together."""

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that would write."""
        return tuple(step for step in self.steps if step.action != "keep")


def manifest(
    api_version: str,
    kind: str,
    name: str,
    namespace: str = "",
    *,
    labels: Mapping[str, str] | None = None,
    **content: Any,
) -> Manifest:
    """A desired object. `content` holds its top-level fields: spec, subjects, …"""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def labels(tenant: str, space: str | None = None) -> dict[str, str]:
    """The labels on everything that we make for a tenant; without `space` for its home."""
    found = {MANAGED_BY: COTENANT, TENANT: tenant}
    return found | {SPACE: space} if space else found


def ref_of(desired: Manifest) -> Ref:
    """Which object a manifest describes."""
    metadata = desired["metadata"]
    return Ref(desired["apiVersion"], desired["kind"], metadata.get("namespace", ""), metadata["name"])


def difference(desired: Iterable[tuple[Manifest, str]], observed: Mapping[Ref, Child]) -> Iterator[Step]:
    """Steps for objects that we own whole (kinds of CONTENT), each with its why."""
    for wanted, why in desired:
        assert wanted["kind"] in CONTENT
        child = observed.get(ref_of(wanted))
        if child is None:
            yield Step(wanted, "create", why)
        elif child.metadata.deletion_timestamp or child.fingerprint == fingerprint(wanted["kind"], wanted):
            yield Step(wanted, "keep", why)
        else:
            yield Step(wanted, "update", why)
