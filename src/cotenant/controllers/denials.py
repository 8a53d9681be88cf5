"""Events that a Job, StatefulSet or DaemonSet was refused a pod: none says so by a condition, as a ReplicaSet does.

The API server chooses which Events we see. Of those it is kept whom a quota refused and whom something else did, and only
of so many: anybody who may write Events could write more of them. One of a quota that is not kept costs a workload its
precedence, never its quota; one of something else leaves it what it could not use.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cotenant.api.meta import ObjectMeta
from cotenant.api.workload import Cause, Denial
from cotenant.model.refusal import cause
from cotenant.runtime.store import Change, Store

CHOSEN = "type=Warning,reason=FailedCreate,regarding.kind!=ReplicaSet,regarding.kind!=ReplicationController"
"""fieldSelector. ReplicaSets and ReplicationControllers tell it themselves."""
EACH, ALL = 50, 5000
"""How many are kept of one namespace, and of all: about 0.5 kB each."""
LONGEST = 253
"""Characters of what an Event may say of a workload. The API server takes a uid of a megabyte there: no workload has one."""
Turn = tuple[Cause, Cause]
DECODER = msgspec.json.Decoder(Denial)


class Denials(Store[Denial]):
    """Written by a reflector like any store; `said` is what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.index("namespace", lambda one: [one.metadata.namespace])
        self.index("uid", lambda one: [one.regarding.uid])
        self.last: tuple[Change[Denial] | None, Turn] = (None, ("", ""))

    def said(self, uid: str) -> Cause:
        """What the newest of one workload says. Kubernetes keeps an Event for an hour."""
        return newest(self.by("uid", uid))

    def turn(self, change: Change[Denial]) -> Turn:
        """What they said before an Event came or was told again, and say now. Whoever hears of the change asks: once is enough."""
        if self.last[0] is not change:
            uid = change.current.regarding.uid
            others = [one for one in self.by("uid", uid) if one is not change.new]
            before = newest([*others, *([change.old] if change.old else [])])
            self.last = change, (before, self.said(uid))
        return self.last[1]

    def upsert(self, item: Denial) -> None:
        """Keeps a refusal; forgets the oldest where there are too many."""
        if not item.regarding.uid:
            self.remove(item.metadata.key)
            return
        if self.at(item.metadata.key) is None:
            kept = self.by("namespace", item.metadata.namespace)
            if len(kept) >= EACH:
                self.remove(kept[0].metadata.key)
            elif len(self) >= ALL:
                self.remove(next(iter(self.keys())))
        super().upsert(item)


def newest(found: Iterable[Denial]) -> Cause:
    """What the last one written says; resource versions of one kind are ordered numbers (KEP-5504)."""
    last = max(found, key=lambda one: int(one.metadata.resource_version or 0), default=None)
    return last.cause if last else ""


def lean(raw: bytes) -> Denial:
    """An Event as it is kept: whom it is about, and who refused. One that says nothing of that is about nobody."""
    found = DECODER.decode(raw)
    known = found.metadata
    metadata = ObjectMeta(known.name, known.namespace, known.uid, known.resource_version)
    about = found.regarding
    ours = found.note and about.namespace == known.namespace
    plain = max(len(about.kind), len(about.name), len(about.uid)) <= LONGEST
    return Denial(metadata, about, cause=cause(found.note)) if ours and plain else Denial(metadata)
