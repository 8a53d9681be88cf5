"""The closed list of rules."""

from __future__ import annotations

from cotenant.judge.lint import (
    amounts,
    bindings,
    cluster,
    commands,
    identity,
    network,
    placement,
    roles,
    words,
)
from cotenant.judge.lint.rule import Rule

SUBJECTS = {
    "Letters and words": words,
    "Roles": roles,
    "Bindings": bindings,
    "IAM principals": identity,
    "Network policies": network,
    "Dedicated nodes": placement,
    "Quotas": amounts,
    "The cluster": cluster,
    "Commands": commands,
}
RULES: tuple[Rule, ...] = tuple(
    one for module in SUBJECTS.values() for one in vars(module).values() if isinstance(one, Rule)
)
FAULTY = Rule(
    "L001",
    "faulty-manifest",
    "error",
    "The API server refuses a Tenant, TenantProfile or Space with this field, and cotenant would not know what to make of it.",
    "What the message says.",
    lambda _: (),
)
"""Found by the reader of cotenant's own kinds, which `plan` and `render` share."""


def of_subject(title: str) -> list[Rule]:
    """The rules of a subject, in order."""
    return [one for one in vars(SUBJECTS[title]).values() if isinstance(one, Rule)]
