"""Breaking the glass: for a bounded time a policy lets through what it would refuse, and audits it.

It ends by itself, with nobody there to end it: CEL has no clock, but the API server writes the time into what it is about
to store, before admission, and nobody else can. Until when stands in the policy, as the value of one variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cotenant.api import keys
from cotenant.render.install.values import Manifest

UNTIL = "glass"
"""Name of the variable."""
WHOLE = "''"
"""Its value as it is installed."""
REASON, WHO = f"{keys.GROUP}/breakglass-reason", f"{keys.GROUP}/breakglass-by"
"""Annotations of a policy whose glass somebody broke."""
_BROKEN = re.compile(r"'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)'")
_BORN = "timestamp(object.metadata.creationTimestamp) < timestamp(variables.glass)"
# An entry of what was changed just now has the time of now. What somebody writes into the others can only end it sooner.
_TIMES = "dyn(object).metadata.?managedFields.orValue([])"
_CHANGED = f"{_TIMES}.size() > 0 && {_TIMES}.all(m, has(m.time) && timestamp(m.time) < timestamp(variables.glass))"
LIFTED = f"(variables.{UNTIL} != '' && (request.operation == 'CREATE' ? {_BORN} : {_CHANGED}))"
"""CEL: whether the glass is broken now."""


def timed(operations: Sequence[str]) -> bool:
    """Whether requests of these operations carry the time; a connection is no object."""
    return set(operations) <= {"CREATE", "UPDATE"}


def broken(policy: Manifest, until: datetime, notes: Mapping[str, str]) -> Manifest:
    """A ValidatingAdmissionPolicy with the glass broken until then, and why in its annotations."""
    return _with(policy, f"'{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'", notes)


def whole(policy: Manifest) -> Manifest:
    """The same with the glass whole again."""
    return _with(policy, WHOLE, {})


def until(policy: Manifest) -> datetime | None:
    """Until when the glass of a ValidatingAdmissionPolicy is broken, in the past too; None where it is whole or has none."""
    for one in policy.get("spec", {}).get("variables", ()):
        if one.get("name") == UNTIL and (found := _BROKEN.fullmatch(one.get("expression", ""))):
            return datetime.fromisoformat(found[1])
    return None


def breakable(policy: Manifest) -> bool:
    """Whether the policy has such a variable."""
    return any(one.get("name") == UNTIL for one in policy.get("spec", {}).get("variables", ()))


def _with(policy: Manifest, expression: str, notes: Mapping[str, str]) -> Manifest:
    spec, metadata = policy["spec"], policy["metadata"]
    variables = [one | {"expression": expression} if one["name"] == UNTIL else one for one in spec.get("variables", ())]
    kept = {key: text for key, text in metadata.get("annotations", {}).items() if key not in (REASON, WHO)}
    return policy | {"metadata": metadata | {"annotations": {**kept, **notes}}, "spec": spec | {"variables": variables}}
