"""What is sent to change a ResourceQuota, each bound to what was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cotenant.api.builtin import Manifest, ResourceQuota
from cotenant.api.keys import CHECKED, EPOCH
from cotenant.api.meta import ObjectMeta
from cotenant.kube.resource import RESOURCE_QUOTAS
from cotenant.model.checked import labelled, unbound

Hard = dict[str, str]
KIND = {"apiVersion": RESOURCE_QUOTAS.api_version, "kind": RESOURCE_QUOTAS.kind}


def written(there: ResourceQuota, hard: Hard) -> Manifest:
    """A PUT of the whole with new limits, other keys as they are. Its epoch is new: whoever read it before conflicts."""
    metadata = identity(there) | carried(there.metadata, {})
    # The version that is overwritten: never what an earlier write has put here.
    metadata["annotations"] = there.metadata.annotations | {EPOCH: there.metadata.resource_version}
    limits = there.spec.hard | hard
    metadata["labels"] = labelled(there.metadata.labels, limits, there.status.hard)
    return {**KIND, "metadata": metadata, "spec": {"hard": limits}}


def raised(there: ResourceQuota, hard: Hard) -> list[Manifest] | None:
    """A JSON patch with new limits, bound to all but the status: pods may be charged meanwhile.

    None for one without an epoch, which could not be told from a later one of its name, and where a label is
    to be set: what was raised by hand is brought down by the same task.
    """
    metadata, limits = there.metadata, there.spec.hard | hard
    lacking = CHECKED not in metadata.labels and unbound(limits, there.status.hard)
    if EPOCH not in metadata.annotations or lacking:
        return None
    known = {
        "/metadata/uid": metadata.uid,
        "/metadata/labels": metadata.labels,
        "/metadata/annotations": metadata.annotations,
        "/spec/hard": there.spec.hard,
    }
    tests = [{"op": "test", "path": path, "value": value} for path, value in known.items()]
    return [*tests, {"op": "replace", "path": "/spec/hard", "value": limits}]


def enforced(there: ResourceQuota, hard: Hard) -> Manifest:
    """A PUT of status: hard follows spec.hard for every key that is counted, used as it is.

    A key without a count would refuse everything with "status unknown"; the quota controller adds both at once.
    """
    used = there.status.used
    follows = {key: value for key, value in there.spec.hard.items() if key in used}
    # A PUT of status replaces labels too, unlike for most kinds: they are sent along.
    metadata = identity(there) | carried(there.metadata, {})
    status = {"hard": follows | hard, "used": used}
    metadata["labels"] = labelled(there.metadata.labels, there.spec.hard, status["hard"])
    return {**KIND, "metadata": metadata, "spec": {"hard": there.spec.hard}, "status": status}


def identity(there: ResourceQuota) -> dict[str, Any]:
    """Which object."""
    return {"name": there.metadata.name, "namespace": there.metadata.namespace}


def carried(have: ObjectMeta, ours: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of a PUT bound to what was read, with everything that others put there."""
    kept: dict[str, Any] = {
        "resourceVersion": have.resource_version,
        "uid": have.uid,
        "labels": {**have.labels, **ours},
    }
    if have.annotations:
        kept["annotations"] = have.annotations
    if have.finalizers:
        kept["finalizers"] = have.finalizers
    return kept
