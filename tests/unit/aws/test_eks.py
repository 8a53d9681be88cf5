"""What is read of EKS and IAM, and by how many calls."""

from __future__ import annotations

import json

from cotenant.local.eks.accesspolicies import ALL, ARN
from cotenant.model.iam.workloads import Bond
from unit.aws.conftest import NAME, Rig

TRUST = {"Version": "2012-10-17", "Statement": []}


async def test_who_holds_access_policies_is_found_without_a_call_for_each_entry(rig: Rig) -> None:
    roles = [rig.role(f"R{at}") for at in range(20)]
    for one in roles:
        rig.eks.create_access_entry(clusterName=NAME, principalArn=one)
    scope = {"type": "namespace", "namespaces": ["red-*"]}
    rig.eks.associate_access_policy(
        clusterName=NAME, principalArn=roles[3], policyArn=f"{ARN}AmazonEKSViewPolicy", accessScope=scope
    )
    rig.counted()
    found = await rig.desk.eks.holders()
    assert {one for one in found if not one.endswith(":user/admin")} == {roles[3]}
    assert rig.counted() == {"ListAccessPolicies": 1, "ListAccessEntries": len(ALL)}


async def test_an_association_is_told_with_its_role_and_a_trust_with_its_document(rig: Rig) -> None:
    role = rig.iam.create_role(RoleName="Pods", Path="/red/", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    where = {"clusterName": NAME, "namespace": "red-dev", "serviceAccount": "app", "roleArn": role}
    made = rig.eks.create_pod_identity_association(**where)["association"]
    assert await rig.desk.eks.associations() == [Bond("red-dev", "app", role, "Pod Identity", made["associationId"])]
    assert (await rig.desk.iam.trusts())[role] == TRUST


async def test_the_cluster_is_told_as_trust_policies_name_it(rig: Rig) -> None:
    place = await rig.desk.eks.place()
    assert place.provider == f"arn:aws:iam::111122223333:oidc-provider/{place.issuer}"
    assert place.issuer.startswith("oidc.eks.us-east-1.amazonaws.com/id/")
