"""ARNs of IAM principals, and who a caller is."""

from __future__ import annotations

import re
from dataclasses import dataclass

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
_ARN = re.compile(r"arn:([a-z0-9-]+):(iam|sts)::([0-9]{12}):(.+)")


@dataclass(frozen=True)
class Principal:
    """A user or role that exists. `id` is IAM's unique one: a role made again under its name has another."""

    arn: str
    id: str
    account: str

    @property
    def is_role(self) -> bool:
        return ":role/" in self.arn

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Caller:
    """Who signed a request. `session` is "" for a user; `tags` are the session's."""

    principal: Principal
    key: str
    session: str = ""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def arn(self) -> str:
        """As GetCallerIdentity says it: of a session without the role's path."""
        if not self.session:
            return self.principal.arn
        return f"arn:aws:sts::{self.account}:assumed-role/{self.principal.name}/{self.session}"

    @property
    def user_id(self) -> str:
        return f"{self.principal.id}:{self.session}" if self.session else self.principal.id


def canonical(arn: str) -> str:
    """What the authenticator looks up: a session becomes its role, without path. ValueError for what has no such form.

    aws-iam-authenticator, pkg/arn: the account and the partition stay, paths of users stay.
    """
    found = _ARN.fullmatch(arn)
    if found is None or found[1] not in PARTITIONS:
        raise ValueError(f"{arn} is no ARN of an IAM principal")
    partition, service, account, resource = found.groups()
    kind, _, rest = resource.partition("/")
    if service == "sts" and kind == "assumed-role":
        role, slash, session = rest.partition("/")
        if not (role and slash and session) or "/" in session:
            raise ValueError(f"{arn}: a session is assumed-role/ROLE/SESSION")
        return f"arn:{partition}:iam::{account}:role/{role}"
    if (service == "sts" and kind == "federated-user") or (service == "iam" and kind in ("user", "role", "root")):
        return arn
    raise ValueError(f"{arn}: neither a user, a role nor a session")
