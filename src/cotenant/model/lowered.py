"""The label of a ResourceQuota whose spec.hard is below its status.hard.

While they are the same the API server itself binds charges to what spec.hard says, and a policy that looks at each charge
would only cost. So who lowers sets the label in the same write, and who brings status.hard down takes it off in that one.
The policy refuses both to whoever forgets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cotenant.api.keys import LOWERED
from cotenant.model.quantity import parse


def labelled(labels: Mapping[str, str], hard: Mapping[str, str], enforced: Mapping[str, str]) -> dict[str, str]:
    """The labels that go with spec.hard and status.hard as they are after a write that is bound to the version."""
    kept = {key: value for key, value in labels.items() if key != LOWERED}
    return kept | {LOWERED: "true"} if lowered(hard, enforced) else kept


def lowered(hard: Mapping[str, str], enforced: Mapping[str, str]) -> bool:
    """Whether the API server would admit by status.hard what spec.hard does not allow any more."""
    return any(key in enforced and parse(enforced[key]) > parse(amount) for key, amount in hard.items())
