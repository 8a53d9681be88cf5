"""What members by IAM principal cost the EKS API, whose limits everybody in the account shares."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable

from cotenant.aws.calls import Calls
from cotenant.aws.desk import EntryDesk
from cotenant.aws.eks import Eks, Iam
from cotenant.local.eks import Cluster, Endpoint
from cotenant.local.eks.journal import Call
from cotenant.model.iam.claims import Claim

CLUSTER, REGION = "bench", "eu-west-1"
WRITES = ("Create", "Update", "Delete", "Associate", "Disassociate", "Tag", "Untag")


def claims(aws: Endpoint, tenants: int, members: int) -> list[Claim]:
    """Roles that exist, each to become an access entry."""
    iam = aws.client("iam")
    found = []
    for tenant in range(tenants):
        for member in range(members):
            made = iam.create_role(RoleName=f"t{tenant}-{member}", Path="/team/", AssumeRolePolicyDocument="{}")
            found.append(Claim(f"t{tenant}", made["Role"]["Arn"], f"cotenant:t{tenant}:owner", ""))
    return found


async def entries(tenants: int, members: int) -> tuple[float, int, list[Call], list[Call]]:
    """Seconds until all are there, how many there are, the EKS calls of that time, and those of one look afterwards."""
    with Endpoint(Cluster(name=CLUSTER, region=REGION, account="111122223333", mode="API")) as aws:
        os.environ.update(aws.env())
        wanted = claims(aws, tenants, members)
        calls = Calls(REGION, endpoint=aws.url)
        desk = EntryDesk(Eks(calls, CLUSTER), Iam(calls), time.monotonic, silent=True)
        aws.calls.clear()
        began = time.monotonic()
        while (found := await desk.settle(wanted)).again is not None:
            await asyncio.sleep(found.again)
        took, making = time.monotonic() - began, eks(aws.calls)
        aws.calls.clear()
        await desk.settle(wanted)
        calls.close()
        return took, Counter(one.operation for one in making)["CreateAccessEntry"], making, eks(aws.calls)


def eks(calls: Iterable[Call]) -> list[Call]:
    """Those of the service that throttles most."""
    return [one for one in calls if one.service == "eks"]


def most(calls: list[Call], seconds: float) -> int:
    """In any stretch of so many seconds."""
    moments = sorted(one.at for one in calls)
    return max(sum(1 for one in moments if begin <= one < begin + seconds) for begin in moments)


def writes(calls: list[Call]) -> int:
    """Those that change something."""
    return sum(one.operation.startswith(WRITES) for one in calls)
