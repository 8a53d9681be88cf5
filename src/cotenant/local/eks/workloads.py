"""Pod Identity associations: which role a ServiceAccount's Pods may carry. podidentity gives credentials by them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import AwsError

LIMIT = 1000
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_SUMMARY = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")


class Associations:
    """Neither the namespace nor the ServiceAccount need exist: whoever makes them later has the role."""

    def __init__(self, cluster: Cluster, accounts: Accounts, now: Callable[[], datetime]) -> None:
        self._cluster, self._accounts, self._now = cluster, accounts, now
        self._all: dict[str, dict[str, Any]] = {}

    def arn(self, identifier: str) -> str:
        cluster = self._cluster
        return f"arn:aws:eks:{cluster.region}:{cluster.account}:podidentityassociation/{cluster.name}/{identifier}"

    def find(self, identifier: str) -> dict[str, Any]:
        if identifier not in self._all:
            raise AwsError("ResourceNotFoundException", f"Association not found: {identifier}", 404)
        return self._all[identifier]

    def of(self, namespace: str, account: str) -> dict[str, Any] | None:
        """The association of a ServiceAccount."""
        found = (one for one in self._all.values() if (one["namespace"], one["serviceAccount"]) == (namespace, account))
        return next(found, None)

    def create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if each := self.of(given["namespace"], given["serviceAccount"]):
            text = f"Association already exists: {each['associationId']}"
            raise AwsError("ResourceInUseException", text, 409)
        if len(self._all) >= LIMIT:
            raise AwsError("ResourceLimitExceededException", f"Pod identity association limit of {LIMIT} exceeded")
        self._check(given, {})
        identifier = "a-" + "".join(secrets.choice(_ALPHABET) for _ in range(17))
        now = self._now()
        self._all[identifier] = {
            **{name: given[name] for name in _GIVEN if name in given},
            "clusterName": self._cluster.name,
            "associationArn": self.arn(identifier),
            "associationId": identifier,
            "tags": dict(given.get("tags", {})),
            "createdAt": now,
            "modifiedAt": now,
        }
        return self._all[identifier]

    def update(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = self.find(given["associationId"])
        self._check(given, found)
        found.update({name: given[name] for name in _CHANGEABLE if name in given})
        found["modifiedAt"] = self._now()
        return found

    def delete(self, identifier: str) -> dict[str, Any]:
        self.find(identifier)
        return self._all.pop(identifier)

    def summaries(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {name: each[name] for name in _SUMMARY if name in each}
            for each in self._all.values()
            if all(given.get(name) in (None, each[name]) for name in ("namespace", "serviceAccount"))
        ]

    def _check(self, given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        whole = {**before, **given}
        role = self._accounts.principal(whole["roleArn"])
        if role is None or not role.is_role or role.account != self._cluster.account:
            raise AwsError(
                "InvalidParameterException", f"Role provided in the request does not exist: {whole['roleArn']}"
            )
        if "policy" in whole and not whole.get("disableSessionTags"):
            raise AwsError("InvalidParameterException", "policy requires disableSessionTags")


_CHANGEABLE = ("roleArn", "disableSessionTags", "targetRoleArn", "policy")
_GIVEN = ("namespace", "serviceAccount", *_CHANGEABLE)
