"""ARNs of IAM principals.

Source: IAM identifiers, docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; aws-iam-authenticator
pkg/arn: what STS answers has lost the path of a role, what IAM and EKS access entries hold has it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SHAPE = re.compile(r"arn:(aws[-a-z]*):(iam|sts)::([0-9]*):(root|[a-z-]+)(?:/([\w+=,.@/*?-]+))?", re.ASCII)
"""Letters of IAM, and wildcards, which are refused by name."""
SSO = re.compile(r"AWSReservedSSO_(.+)_[0-9a-f]{16}", re.ASCII)
SSO_PATH = "aws-reserved/sso.amazonaws.com/"
DIGITS = 12
"""Digits of an account's id."""


class Arn(NamedTuple):
    """`arn:aws:iam::123456789012:role/team/dev`: kind role, path `team/`, name dev. Accounts are not checked."""

    partition: str
    service: str
    account: str
    kind: str
    path: str
    name: str

    @property
    def is_role(self) -> bool:
        """An IAM role."""
        return (self.service, self.kind) == ("iam", "role")

    @property
    def is_session(self) -> bool:
        """A session of a role, as STS names it: the path is the role's name, the name is the session's."""
        return (self.service, self.kind) == ("sts", "assumed-role")

    @property
    def permission_set(self) -> str:
        """The permission set of IAM Identity Center that made this role, or ""."""
        found = SSO.fullmatch(self.name)
        return found[1] if found else ""

    @property
    def role(self) -> str:
        """The ARN of the role without its path: of a role, or of the role of a session."""
        name = self.path.partition("/")[0] if self.is_session else self.name
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    @property
    def canonical(self) -> str:
        """What the authenticator compares, in lower case: STS knows no path of a role, and IAM no case of a name."""
        return (self.role if self.is_role else self.text).lower()

    @property
    def text(self) -> str:
        """The ARN as it was written."""
        where = f"arn:{self.partition}:{self.service}::{self.account}:{self.kind}"
        return f"{where}/{self.path}{self.name}" if self.name or self.path else where


def unmappable(found: Arn | None) -> str:
    """Why no identity in a cluster can be made of this, in words; "" for one IAM role or user. Its account is not looked at."""
    if found is None:
        return "is no ARN of an IAM principal"
    if "*" in found.text or "?" in found.text:
        return "has a wildcard, which is taken for a letter"
    if found.is_session:
        return f"is a session, no role; name {found.role}"
    if found.kind == "group":
        return "is an IAM group; let its members assume a role"
    if found.kind == "root":
        return "is a whole account"
    if found.path.startswith("aws-service-role/"):
        return "is a service-linked role"
    if found.service != "iam" or found.kind not in ("role", "user") or not found.name:
        return "is no IAM role or user"
    return ""


def refusal(text: object) -> str:
    """The same of a text, its account included; "" for the ARN of one IAM role or user."""
    found = arn(text)
    if reason := unmappable(found):
        return reason
    assert found
    if len(found.account) == DIGITS:
        return ""
    return f"is of account {found.account or '(none)'}, and an account has {DIGITS} digits"


def arn(text: object) -> Arn | None:
    """The parts of a principal's ARN; None if a text is none."""
    found = SHAPE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    path, slash, name = (found[5] or "").rpartition("/")
    return Arn(found[1], found[2], found[3], found[4], path + slash, name)
