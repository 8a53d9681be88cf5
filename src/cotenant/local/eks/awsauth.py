"""aws-auth as the authenticator reads it: section by section, forgiving in ways that nobody expects.

aws-iam-authenticator, pkg/mapper/configmap: a section that is no YAML is dropped whole, the nodes' roles included; an
item without ARN is dropped; of two items for one ARN the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

NAMESPACE, NAME = "kube-system", "aws-auth"
_EMPTY = {"", '""', "''", "``"}


@dataclass(frozen=True)
class Mapped:
    """Username and groups, still with templates."""

    username: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class AwsAuth:
    """By canonical ARN in lower case. `problems`: what was dropped and why, for the log."""

    roles: Mapping[str, Mapped] = field(default_factory=dict)
    users: Mapping[str, Mapped] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def find(self, canonical: str, account: str) -> Mapped | None:
        arn = canonical.lower()
        found = self.roles.get(arn) or self.users.get(arn)
        if found is None and account in self.accounts:
            return Mapped(canonical)
        return found


def parse(data: Mapping[str, str]) -> AwsAuth:
    problems: list[str] = []
    roles = dict(_items(data, "mapRoles", "rolearn", problems))
    users = dict(_items(data, "mapUsers", "userarn", problems))
    accounts = frozenset(each for each in _section(data, "mapAccounts", problems) if isinstance(each, str))
    return AwsAuth(roles, users, accounts, tuple(problems))


def _items(data: Mapping[str, str], section: str, key: str, problems: list[str]) -> Iterator[tuple[str, Mapped]]:
    for number, item in enumerate(_section(data, section, problems)):
        if not isinstance(item, dict):
            problems.append(f"{section}[{number}] is no mapping")
            continue
        # encoding/json matches names without regard to case.
        fields = {str(name).lower(): value for name, value in item.items()}
        arn = fields.get(key)
        if not isinstance(arn, str) or not arn:
            problems.append(f"{section}[{number}] has no {key}")
            continue
        username, groups = fields.get("username", ""), fields.get("groups") or []
        yield arn.lower(), Mapped(username if isinstance(username, str) else "", tuple(_texts(groups)))


def _section(data: Mapping[str, str], section: str, problems: list[str]) -> list[Any]:
    text = data.get(section, "")
    if text.strip() in _EMPTY:
        return []
    try:
        found = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        problems.append(f"{section} is no YAML and dropped whole: {error}")
        return []
    if not isinstance(found, list):
        problems.append(f"{section} is no list and dropped whole")
        return []
    return found


def _texts(groups: Any) -> Iterator[str]:
    if isinstance(groups, list):
        yield from (group for group in groups if isinstance(group, str))
