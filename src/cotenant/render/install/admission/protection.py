"""What the platform put into a tenant's namespace and marked as its own: nobody else changes or deletes it."""

from __future__ import annotations

import json

from cotenant.api.keys import PROTECTED
from cotenant.render.install.admission.authority import NAME, PLATFORM, WHAT
from cotenant.render.install.admission.rule import Rule, kinds, told
from cotenant.render.install.values import Manifest

# Beside those that the policy looks at anyway. No workloads: a Scale has no labels, so that who scales could not be told.
_KINDS = (
    ("", ("configmaps", "secrets", "serviceaccounts", "services")),
    ("networking.k8s.io", ("ingresses",)),
    ("policy", ("poddisruptionbudgets",)),
    ("rbac.authorization.k8s.io", ("roles",)),
)
_NAMES = json.dumps([name for _, names in _KINDS for name in names])
_MARKED = " || ".join(
    f"({one} != null && '{PROTECTED}' in dyn({one}).?metadata.?labels.orValue({{}}))" for one in ("object", "oldObject")
)
# Other rules look at these two.
_ANYWAY = (
    "request.operation == 'CREATE' && "
    f"({WHAT} == 'secrets' || ({WHAT} == 'serviceaccounts' && object.metadata.?name.orValue('') == 'default'))"
)
UNMARKED = f"{WHAT} in {_NAMES} && request.?subResource.orValue('') == '' && !({_MARKED}) && !({_ANYWAY})"
"""CEL: whether it is of the kinds that are looked at for the mark alone, and has none."""
PROTECTION = Rule(
    id="COTENANT-RIGHT-9",
    title="What the platform marked as its own is changed and deleted by the platform",
    why="In a tenant's namespace an owner may otherwise edit or delete whatever somebody else put there: a Role, an agent's "
    "settings, a certificate.",
    way_out="ask a platform administrator, or leave the label out",
    holds=f"!({_MARKED})",
    says=told(f"{{}} {{}} has the label {PROTECTED}", WHAT, NAME),
    unless=PLATFORM,
)


def protected() -> tuple[Manifest, ...]:
    """What is looked at for the mark."""
    return tuple(kinds(group, ["CREATE", "UPDATE", "DELETE"], *names) for group, names in _KINDS)
