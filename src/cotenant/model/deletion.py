"""What happens to the namespace of a Space that is being deleted.

Namespaces are never deleted by implication: `kubectl delete crd` and the deletion of a home namespace look like many
deliberate deletions of Spaces, and neither may cost anybody a namespace.
"""

from __future__ import annotations

from enum import Enum

from cotenant.api.keys import CONFIRM_DELETE, SPACE, TENANT
from cotenant.api.meta import ObjectMeta
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.model.effective import Effective


class Fate(Enum):
    """Of the namespace, and with it of the Space's finalizer."""

    LET_GO = "the namespace is gone or released: the finalizer goes"
    KEEP_AND_FORGET = "the Space goes because its kind or its home does: the namespace stays, with its labels"
    KEEP_AND_WAIT = "an administrator releases the namespace or removes it; until then the Space stays, and counts"
    DELETE = "deletion was asked for and confirmed"


def confirmed(metadata: ObjectMeta) -> bool:
    """Whether somebody typed the name of what is to be deleted."""
    return metadata.annotations.get(CONFIRM_DELETE) == metadata.name


def wants_deletion(space: Space, tenant: Tenant | None, rules: Effective | None) -> bool:
    """Whether the namespace is to go: the Space says so, or its tenant does while it goes itself."""
    if space.spec.deletion_policy == "Delete" and confirmed(space.metadata):
        return True
    leaving = tenant is not None and tenant.metadata.deletion_timestamp is not None and confirmed(tenant.metadata)
    return leaving and rules is not None and rules.deletion_policy == "Delete"


def fate(namespace: ObjectMeta | None, *, delete: bool, kind_leaves: bool, home_leaves: bool) -> Fate:
    """`namespace` is the one that carries the labels of this space, read just now; None if there is none."""
    ours = namespace is not None and SPACE in namespace.labels and TENANT in namespace.labels
    if not ours:
        return Fate.LET_GO
    if kind_leaves or home_leaves:
        return Fate.KEEP_AND_FORGET
    return Fate.DELETE if delete else Fate.KEEP_AND_WAIT
