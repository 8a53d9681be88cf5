"""Names of namespaces: what a space's is, and which nobody may have."""

from __future__ import annotations

from cotenant.api.keys import HOME_PREFIX

RESERVED = ("default", "home", "kube-*", f"{HOME_PREFIX}*", "cotenant*", "aws-*", "amazon-*", "eks-*")
LONGEST = 63


def reserved(name: str, more: tuple[str, ...] = ()) -> bool:
    """Whether no space may have this namespace name; `more` are patterns of the installation, `*` at their end only."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in (*RESERVED, *more)
    )


def namespace_name(naming: str, tenant: str, space: str) -> str:
    """The namespace name that a pattern such as `{tenant}-{space}` yields."""
    return naming.replace("{tenant}", tenant).replace("{space}", space)
