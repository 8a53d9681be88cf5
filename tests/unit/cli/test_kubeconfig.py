"""What is said before a kubeconfig is handed to somebody."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli import Failure
from cotenant.cli.kubeconfig import checked
from cotenant.kube.errors import Forbidden
from unit.cluster import Cluster

ROLE = "arn:aws:iam::111122223333:role/"
SSO = "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Team_0123456789abcdef"


@pytest.fixture
def cluster() -> Any:
    found = Cluster()
    team = {"name": "Team", "account": "111122223333"}
    members = [{"role": "owner", "iamRole": f"{ROLE}teams/Dev"}, {"role": "viewer", "permissionSet": team}]
    found.put("Tenant", "red", spec={"members": members})
    return found


async def test_a_tenant_that_is_not_there_gets_no_kubeconfig(cluster: Any) -> None:
    with pytest.raises(Failure, match="there is no tenant blue"):
        await checked(cluster, "blue", None)


async def test_a_role_that_is_no_member_is_named(cluster: Any) -> None:
    for good in (None, f"{ROLE}Dev", f"{ROLE}teams/Dev", f"{ROLE}{SSO}"):
        assert await checked(cluster, "red", good) == ""
    assert await checked(cluster, "red", f"{ROLE}Ops") == (
        f"{ROLE}Ops is no member of tenant red: who signs in by it has no rights there"
    )


async def test_a_member_who_may_not_read_tenants_gets_his_all_the_same(cluster: Any) -> None:
    cluster.refuse("get", "Tenant", error=Forbidden(403, "Forbidden", "no"))
    assert await checked(cluster, "red", f"{ROLE}Ops") == ""
