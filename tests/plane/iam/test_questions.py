"""`can`, `why access` and `verify` know what an access policy gives; the API server decides the same."""

from __future__ import annotations

import pytest

from cloud import NAME, REGION, Cloud, Shell
from cotenant.local.eks.accesspolicies import ARN
from plane.iam.test_members import entered, fresh, synced
from vocabulary import given_tenant

pytestmark = pytest.mark.cluster
WHERE = ("--eks-cluster", NAME, "--region", REGION)


def test_a_right_by_an_access_policy_is_found_explained_and_breaks_the_proof(
    account: Cloud, administrator: Shell
) -> None:
    role = account.role(fresh())
    team = given_tenant(account.cluster, "ask", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    other = given_tenant(account.cluster, "ask", spaces=["dev"])
    synced(account, team.name)
    ann = entered(account, team.name, role)
    question = ("get", "pods", "--iam", role, "-n", other.namespace("dev"), *WHERE)
    assert administrator.cotenant("can", *question).out == "no\n"
    assert administrator.cotenant("why", "access", *question).out.startswith("DENIED: get pods in ")
    assert not ann.kubectl("get", "pods", "-n", other.namespace("dev")).ok
    account.eks.associate_access_policy(
        clusterName=NAME,
        principalArn=role,
        policyArn=f"{ARN}AmazonEKSViewPolicy",
        accessScope={"type": "namespace", "namespaces": [other.namespace("*")]},
    )
    assert administrator.cotenant("can", *question).out == "yes\n"
    why = administrator.cotenant("why", "access", *question)
    assert why.code == 1
    assert why.out.startswith(f"ALLOWED, and not as a member of tenant {other.name}: get pods in ")
    assert "EKS access policy AmazonEKSViewPolicy" in why.out and "(entry made by cotenant)" in why.out
    proof = administrator.cotenant("verify", team.name, other.name, "--static")
    assert proof.code == 1
    assert (
        f"{team.name} → {other.name}: {role}, what AmazonEKSViewPolicy gives in {other.namespace('dev')}" in proof.out
    )
    own = ("get", "pods", "-n", team.namespace("dev"), *WHERE)
    assert administrator.cotenant("can", *own, "--iam", role).out == "yes\n"
    said = administrator.cotenant("why", "access", *own)
    assert said.out.startswith("ALLOWED") and "AmazonEKSClusterAdminPolicy on the whole cluster" in said.out
