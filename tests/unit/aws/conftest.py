from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from botocore import loaders

from cotenant.aws.calls import Calls
from cotenant.aws.desk import EntryDesk
from cotenant.aws.eks import Eks, Iam
from cotenant.local.eks import Cluster, Endpoint

NAME = "cotenant-dev"

# Each operator has a session of its own, and would read the models of IAM and EKS anew: half a second each time.
loader = cache(loaders.create_loader)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Rig:
    """An account with a cluster, and a desk that looks after its entries."""

    def __init__(self, aws: Endpoint) -> None:
        self.aws, self.clock = aws, Clock()
        self.iam, self.eks = aws.client("iam"), aws.client("eks")
        self.calls = Calls("us-east-1", endpoint=aws.url, rate=0)
        self.desk = self.another()

    def another(self) -> EntryDesk:
        """The operator after a restart: it remembers nothing."""
        return EntryDesk(Eks(self.calls, NAME), Iam(self.calls), self.clock)

    def role(self, name: str, path: str = "/") -> str:
        return self.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def entry(self, principal: str) -> dict:
        return self.eks.describe_access_entry(clusterName=NAME, principalArn=principal)["accessEntry"]

    def entries(self) -> list[str]:
        """Everybody's but that of the account's administrator."""
        found = self.eks.list_access_entries(clusterName=NAME)["accessEntries"]
        return sorted(one for one in found if not one.endswith(":user/admin"))

    def counted(self) -> dict[str, int]:
        """Calls by operation since the last time."""
        found: dict[str, int] = {}
        for one in self.aws.calls:
            found[one.operation] = found.get(one.operation, 0) + 1
        self.aws.calls.clear()
        return found


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr("botocore.session.create_loader", loader)
    with Endpoint(Cluster(name=NAME, region="us-east-1", account="111122223333", mode="API_AND_CONFIG_MAP")) as aws:
        for key, value in aws.env().items():
            monkeypatch.setenv(key, value)
        one = Rig(aws)
        aws.calls.clear()
        yield one
        one.calls.close()
