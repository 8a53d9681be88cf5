"""Events that a Job, StatefulSet or DaemonSet was refused by a quota: none says so by a condition, as a ReplicaSet does.

The API server chooses which Events we see. Of those only refusals by a quota are kept, and only so many: anybody who may
write Events could write more of them. One that is not kept costs a workload its precedence, never its quota.
"""

from __future__ import annotations

import msgspec

from cotenant.api.meta import ObjectMeta
from cotenant.api.workload import Denial
from cotenant.runtime.store import Store

CHOSEN = "type=Warning,reason=FailedCreate,regarding.kind!=ReplicaSet,regarding.kind!=ReplicationController"
"""fieldSelector. ReplicaSets and ReplicationControllers tell it themselves."""
QUOTA = "exceeded quota"
EACH, ALL = 50, 5000
"""How many are kept of one namespace, and of all: about 0.5 kB each."""
LONGEST = 253
"""Characters of what an Event may say of a workload. The API server takes a uid of a megabyte there: no workload has one."""
DECODER = msgspec.json.Decoder(Denial)


class Denials(Store[Denial]):
    """Written by a reflector like any store; `of` is what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.index("namespace", lambda one: [one.metadata.namespace])
        self.index("uid", lambda one: [one.regarding.uid])

    def of(self, uid: str) -> list[Denial]:
        """Those of one workload. Kubernetes keeps an Event for an hour."""
        return self.by("uid", uid)

    def upsert(self, item: Denial) -> None:
        """Keeps a refusal by quota; forgets the oldest where there are too many."""
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


def lean(raw: bytes) -> Denial:
    """An Event as it is kept: whom it is about. One that no quota caused is about nobody."""
    found = DECODER.decode(raw)
    known = found.metadata
    metadata = ObjectMeta(known.name, known.namespace, known.uid, known.resource_version)
    about = found.regarding
    ours = QUOTA in found.note and about.namespace == known.namespace
    plain = max(len(about.kind), len(about.name), len(about.uid)) <= LONGEST
    return Denial(metadata, about) if ours and plain else Denial(metadata)
