"""The label of a ResourceQuota whose charges the API server does not bind to spec.hard by itself.

It binds them to status.hard, which may be above, and not at all what the status of a claim adds: the room that a resizer
allocates is charged without a limit. Of all other quotas a policy that looks at each charge would say what the API server
says, and only cost. So who lowers spec.hard sets the label in the same write, and who brings status.hard down takes it off
in that one; where storage is limited it stays. The policy refuses whoever forgets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cotenant.api.keys import CHECKED
from cotenant.model.quantity import parse

STORAGE = "requests.storage"
"""How the keys end of what the status of claims is charged to: all storage, and that of one class."""


def labelled(labels: Mapping[str, str], hard: Mapping[str, str], enforced: Mapping[str, str]) -> dict[str, str]:
    """The labels that go with spec.hard and status.hard as they are after a write that is bound to the version."""
    kept = {key: value for key, value in labels.items() if key != CHECKED}
    return kept | {CHECKED: "true"} if unbound(hard, enforced) else kept


def unbound(hard: Mapping[str, str], enforced: Mapping[str, str]) -> bool:
    """Whether the API server might charge more than spec.hard allows."""
    return any(key.endswith(STORAGE) for key in hard) or lowered(hard, enforced)


def stray(labels: Mapping[str, str], hard: Mapping[str, str], enforced: Mapping[str, str]) -> bool:
    """Whether the label is left over: Kubernetes was the first to bring status.hard down."""
    return CHECKED in labels and not unbound(hard, enforced)


def lowered(hard: Mapping[str, str], enforced: Mapping[str, str]) -> bool:
    """Whether something is in force that is above its limit."""
    return any(key in enforced and parse(enforced[key]) > parse(amount) for key, amount in hard.items())
