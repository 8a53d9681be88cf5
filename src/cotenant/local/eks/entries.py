"""Access entries: who may sign in, under which name and groups, and with which access policies.

Rules and words of refusals: EKS user guide "Access entries", and the threads named beside each message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from cotenant.local.eks import accesspolicies
from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.principal import Principal

STANDARD = "STANDARD"
_NODES = ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX", "EC2")
_RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")
_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/(?!aws-service-role/)[\w+=,.@/-]+", re.ASCII)
LIMIT = 2000
"""Entries a cluster; the real number is documented nowhere."""


@dataclass(frozen=True)
class Entry:
    """`policies`: access policy ARN -> its association, as EKS answers it."""

    cluster: str
    principal: Principal
    arn: str
    username: str
    type: str
    groups: tuple[str, ...]
    tags: Mapping[str, str]
    created: datetime
    modified: datetime
    visible: datetime
    request: str = ""
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_answered(self) -> dict[str, Any]:
        return {
            "clusterName": self.cluster,
            "principalArn": self.principal.arn,
            "kubernetesGroups": list(self.groups),
            "accessEntryArn": self.arn,
            "createdAt": self.created,
            "modifiedAt": self.modified,
            "tags": dict(self.tags),
            "username": self.username,
            "type": self.type,
        }


class Entries:
    """`delay`: an entry made now shows itself only so much later; EKS calls that eventual consistency."""

    def __init__(self, cluster: Cluster, accounts: Accounts, now: Callable[[], datetime]) -> None:
        self._cluster, self._accounts, self._now = cluster, accounts, now
        self._all: dict[str, Entry] = {}
        self.delay = timedelta()

    def visible(self) -> list[Entry]:
        now = self._now()
        # A copy: the webhooks read while the API writes.
        return [entry for entry in tuple(self._all.values()) if entry.visible <= now]

    def find(self, principal: str) -> Entry:
        """AwsError ResourceNotFoundException (terraform-aws-eks#3024)."""
        entry = self.peek(principal)
        if entry is None or entry.visible > self._now():
            raise _missing("principalArn", "list-access-entries")
        return entry

    def peek(self, principal: str) -> Entry | None:
        return self._all.get(principal)

    def of(self, unique: str) -> Entry | None:
        """The entry of IAM's unique id. That of a role made again under its name has another: terraform-aws-eks#3329."""
        return next((entry for entry in self.visible() if entry.principal.id == unique), None)

    def create(self, given: Mapping[str, Any]) -> Entry:
        arn, kind = given["principalArn"], given.get("type", STANDARD)
        before = self._all.get(arn)
        if before is not None:
            if before.request and before.request == given.get("clientRequestToken"):
                return before
            # terraform-aws-eks#3293
            raise AwsError(
                "ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409
            )
        if len(self._all) >= LIMIT:
            raise AwsError("ResourceLimitExceededException", f"Access entry limit of {LIMIT} exceeded")
        principal = self._principal(arn)
        groups, username = tuple(given.get("kubernetesGroups", ())), given.get("username", "")
        if kind not in (STANDARD, *_NODES):
            raise _parameter(f"The specified type is invalid: {kind}")
        if kind in _NODES and (
            groups or username or not principal.is_role or principal.account != self._cluster.account
        ):
            raise _parameter(
                f"An access entry of type {kind} takes a role of this account, and neither username nor groups"
            )
        _check(groups, username)
        now = self._now()
        entry = Entry(
            cluster=self._cluster.name,
            principal=principal,
            arn=self._arn(principal),
            username=username or _default(principal, kind),
            type=kind,
            groups=("system:nodes",) if kind in _NODES else groups,
            tags=given.get("tags", {}),
            created=now,
            modified=now,
            visible=now + self.delay,
            request=given.get("clientRequestToken", ""),
        )
        self._all[arn] = entry
        return entry

    def update(self, given: Mapping[str, Any]) -> Entry:
        entry = _standard(self.find(given["principalArn"]))
        groups = tuple(given.get("kubernetesGroups", entry.groups))
        username = given.get("username", entry.username)
        _check(groups, username if username != entry.username else "")
        return self._keep(replace(entry, groups=groups, username=username))

    def delete(self, principal: str) -> None:
        self.find(principal)
        del self._all[principal]

    def tag(self, entry: Entry, tags: Mapping[str, str]) -> None:
        self._all[entry.principal.arn] = replace(entry, tags=tags)

    def associate(self, principal: str, policy: str, scope: Mapping[str, Any]) -> Mapping[str, Any]:
        entry = self.find(principal)
        if entry.type not in (STANDARD, "EC2"):
            raise _only_standard()
        if policy not in accesspolicies.ALL:
            raise _parameter("The specified policyArn is invalid: invalid policy.")
        namespaces = scope.get("namespaces", [])
        if (scope.get("type") == "namespace") != bool(namespaces):
            raise _parameter("accessScope: namespaces are given with the type namespace, and only with it")
        now = self._now()
        earlier = entry.policies.get(policy, {"associatedAt": now})
        association = {
            "policyArn": policy,
            "accessScope": {"type": scope["type"], "namespaces": list(namespaces)},
            "associatedAt": earlier["associatedAt"],
            "modifiedAt": now,
        }
        self._keep(replace(entry, policies={**entry.policies, policy: association}))
        return association

    def disassociate(self, principal: str, policy: str) -> None:
        entry = self.find(principal)
        if policy not in entry.policies:
            raise _missing("policyArn", "list-associated-access-policies")
        self._keep(replace(entry, policies={name: one for name, one in entry.policies.items() if name != policy}))

    def _keep(self, entry: Entry) -> Entry:
        self._all[entry.principal.arn] = changed = replace(entry, modified=self._now())
        return changed

    def _principal(self, arn: str) -> Principal:
        """One that IAM knows under this very ARN, path and all. terraform-aws-eks#2969."""
        found = self._accounts.principal(arn) if _ARN.fullmatch(arn) else None
        if found is None:
            raise _parameter("The specified principalArn is invalid: invalid principal.")
        return found

    def _arn(self, principal: Principal) -> str:
        cluster, kind = self._cluster, "role" if principal.is_role else "user"
        place = f"arn:aws:eks:{cluster.region}:{cluster.account}:access-entry/{cluster.name}"
        return f"{place}/{kind}/{principal.account}/{principal.name}/{uuid4()}"


def _check(groups: Sequence[str], username: str) -> None:
    for group in groups:
        for prefix in _RESERVED:
            if group.startswith(prefix):  # terraform-aws-eks#2915
                raise _parameter(f"The kubernetes group name {group} is invalid, it cannot start with {prefix}")
    for prefix in _RESERVED:
        if username.startswith(prefix):
            raise _parameter(f"The username {username} is invalid, it cannot start with {prefix}")
    before, template, _ = username.partition("{{SessionName")
    if template and ":" not in before:
        raise _parameter(f"The username {username} is invalid, a colon must come before {{{{SessionName}}}}")


def _default(principal: Principal, kind: str) -> str:
    if kind in _NODES:
        return "system:node:{{EC2PrivateDNSName}}" if kind.startswith("EC2") else "system:node:{{SessionName}}"
    if not principal.is_role:
        return principal.arn
    return f"arn:aws:sts::{principal.account}:assumed-role/{principal.name}/{{{{SessionName}}}}"


def _standard(entry: Entry) -> Entry:
    if entry.type != STANDARD:
        raise _only_standard()
    return entry


def _only_standard() -> AwsError:
    # aws-controllers-k8s#2144
    text = 'This operation can only be performed on Access Entries with a type of "STANDARD".'
    return AwsError("InvalidRequestException", text)


def _parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _missing(what: str, how: str) -> AwsError:
    kind = "access entries" if what == "principalArn" else "associated access policies"
    text = f"The specified {what} could not be found. You can view your available {kind} with '{how}'."
    return AwsError("ResourceNotFoundException", text, 404)
