"""ARNs of IAM principals.

Source: IAM identifiers, docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; aws-iam-authenticator
pkg/arn: what STS answers has lost the path of a role, what IAM and EKS access entries hold has it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SHAPE = re.compile(r"arn:(aws[-a-z]*):(iam|sts)::([0-9]*):(root|[a-z-]+)(?:/(\S+))?", re.ASCII)
SSO = re.compile(r"AWSReservedSSO_(.+)_[0-9a-f]{16}", re.ASCII)
SSO_PATH = "aws-reserved/sso.amazonaws.com/"


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


def arn(text: object) -> Arn | None:
    """The parts of a principal's ARN; None if a text is none."""
    found = SHAPE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    path, slash, name = (found[5] or "").rpartition("/")
    return Arn(found[1], found[2], found[3], found[4], path + slash, name)
