"""The one cluster of the endpoint: what `aws eks describe-cluster` says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

CONFIG_MAP, BOTH, API = "CONFIG_MAP", "API_AND_CONFIG_MAP", "API"
MODES = (CONFIG_MAP, BOTH, API)
"""Authentication modes, in the one direction in which a cluster may change."""
CREATOR = "admin"
"""The IAM user that made the cluster, with every right in its account."""


@dataclass(frozen=True)
class Cluster:
    """`accounts`: further AWS accounts that have IAM principals here; each has an administrator of the same name."""

    name: str = "cotenant-dev"
    region: str = "us-east-1"
    account: str = "111122223333"
    mode: str = BOTH
    accounts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode={self.mode!r}: one of {', '.join(MODES)}")
        if not re.fullmatch(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}", self.name):
            raise ValueError(f"name={self.name!r}: letters, digits, - and _, at most 100")
        for account in (self.account, *self.accounts):
            if not re.fullmatch(r"[0-9]{12}", account):
                raise ValueError(f"account={account!r}: 12 digits")

    @property
    def arn(self) -> str:
        return f"arn:aws:eks:{self.region}:{self.account}:cluster/{self.name}"

    @property
    def provider(self) -> str:
        """The name of the issuer of ServiceAccount tokens, as trust policies write it: without `https://`."""
        return f"oidc.eks.{self.region}.amazonaws.com/id/{sha256(self.arn.encode()).hexdigest()[:32].upper()}"
