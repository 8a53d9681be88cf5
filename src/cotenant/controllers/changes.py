"""Changes of what is watched: which of them concern a controller at all, and which can wait."""

from __future__ import annotations

from typing import Any

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import SPACE
from cotenant.api.ledger import TenantLedger
from cotenant.api.workload import Workload, WorkloadStatus
from cotenant.model.quantity import parse
from cotenant.model.workload import ended, said
from cotenant.runtime.store import Change


def spec_changed(change: Change[Any]) -> bool:
    """Whether more than status changed: the generation, a deletion, an annotation or label."""
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    before, after = old.metadata, new.metadata
    return bool(
        before.generation != after.generation
        or before.deletion_timestamp != after.deletion_timestamp
        or before.annotations != after.annotations
        or before.labels != after.labels
    )


def labelled(change: Change[Any]) -> bool:
    """Whether an object came, went, or changed its labels."""
    return change.old is None or change.new is None or change.old.metadata.labels != change.new.metadata.labels


def gone(change: Change[Any]) -> bool:
    """Whether an object went."""
    return change.new is None


def opened(change: Change[ResourceQuota]) -> bool:
    """Whether a quota came into force, went, or gave something for the first time; how much it gives concerns no Space."""
    old, new = change.old, change.new
    return old is None or new is None or openness(old) != openness(new)


def openness(quota: ResourceQuota) -> tuple[object, ...]:
    """Whether it is counted, and of what it gives something: by its spec, and in force."""
    amounts = (quota.spec.hard, quota.status.hard)
    return bool(quota.status.used), *({key for key, value in found.items() if value != "0"} for found in amounts)


def charged(change: Change[ResourceQuota]) -> bool:
    """Whether nothing but what is used has changed in a space: its limits do not follow from that. A home counts Spaces."""
    old, new = change.old, change.new
    if old is None or new is None or SPACE not in new.metadata.labels:
        return False
    return (
        old.spec == new.spec
        and old.metadata.labels == new.metadata.labels
        and old.metadata.annotations == new.metadata.annotations
    )


def at_ease(change: Change[ResourceQuota]) -> bool:
    """Whether a charge in a space leaves a quarter of its limit: no share has to move for that at once."""
    if not charged(change) or change.old is None or change.new is None:
        return False
    old, new = change.old.status, change.new.status
    return old.hard == new.hard and all(
        key in old.used and key in new.hard and parse(old.used[key]) < parse(amount) <= 3 * parse(new.hard[key]) / 4
        for key, amount in new.used.items()
        if amount != old.used.get(key)
    )


def longer(change: Change[TenantLedger]) -> bool:
    """Whether a ledger has got an entry."""
    return change.new is not None and (
        change.old is None or len(change.new.spec.entries) > len(change.old.spec.entries)
    )


def wanting(change: Change[Workload]) -> bool:
    """Whether a workload wants more or fewer pods, other ones, or has got some."""
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return (
        counts(old.status) != counts(new.status)
        or old.spec != new.spec
        or said(old) != said(new)
        or ended(old) != ended(new)
    )


def counts(status: WorkloadStatus) -> tuple[int | None, ...]:
    """How many pods there are, by what each kind tells."""
    nodes = (status.desired_number_scheduled, status.current_number_scheduled)
    return (status.replicas, status.active, status.succeeded, *nodes)
