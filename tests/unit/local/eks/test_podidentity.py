"""A Pod's token becomes a session of a role exactly where the trust of the role says so."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from unit.local.eks.iam import CLUSTER, fresh
from unit.local.eks.pods import AGENT, PROVIDER, given_pod_role, given_provider


def irsa(aws, *subjects, like=False):
    """A role for these subjects, by IRSA."""
    condition = {
        "StringLike" if like else "StringEquals": {f"{PROVIDER}:sub": list(subjects)},
        "StringEqualsIgnoreCase": {f"{PROVIDER}:aud": "sts.amazonaws.com"},
    }
    return given_pod_role(aws, {"Federated": given_provider(aws)}, "sts:AssumeRoleWithWebIdentity", condition)


def assumed(aws, role, token):
    given = {"RoleArn": role, "RoleSessionName": "web", "WebIdentityToken": token}
    return aws.client("sts").assume_role_with_web_identity(**given)


def associated(aws, role, namespace, account="app", **more):
    """A role with a Pod Identity association."""
    given = {"clusterName": CLUSTER, "namespace": namespace, "serviceAccount": account, "roleArn": role}
    return aws.client("eks").create_pod_identity_association(**given, **more)["association"]


def by_agent(aws, token):
    return aws.client("eks-auth").assume_role_for_pod_identity(clusterName=CLUSTER, token=token)


def service(aws, **condition):
    return given_pod_role(aws, {"Service": AGENT}, ["sts:AssumeRole", "sts:TagSession"], condition)


def test_irsa_gives_the_role_to_the_account_that_its_trust_names(aws, issuer):
    role = irsa(aws, "system:serviceaccount:red-dev:app")
    found = assumed(aws, role, issuer.token("red-dev", "app"))
    assert found["SubjectFromWebIdentityToken"] == "system:serviceaccount:red-dev:app"
    told = aws.client("sts", found["Credentials"]).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::111122223333:assumed-role/{role.rpartition('/')[2]}/web"


@pytest.mark.parametrize(("namespace", "account"), [("blue-dev", "app"), ("red-dev", "other"), ("red-dev.x", "app")])
def test_irsa_refuses_every_other_account(aws, issuer, namespace, account):
    role = irsa(aws, "system:serviceaccount:red-dev:app")
    with pytest.raises(ClientError, match=r"AccessDenied.*Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        assumed(aws, role, issuer.token(namespace, account))


def test_a_pattern_in_the_trust_lets_a_foreign_namespace_in_as_it_does_on_aws(aws, issuer):
    assert assumed(aws, irsa(aws, "system:serviceaccount:*:app", like=True), issuer.token("blue-dev", "app"))


@pytest.mark.parametrize(
    ("change", "saying"),
    [
        ({"audience": "vault"}, "Incorrect token audience"),
        ({"seconds": -1}, "ExpiredTokenException.*Token expired"),
        ({"iss": "https://elsewhere"}, "No OpenIDConnect provider found in your account for https://elsewhere"),
        ({"sub": "system:node:a"}, "not one of a ServiceAccount"),
    ],
)
def test_a_token_that_is_not_for_aws_is_refused(aws, issuer, change, saying):
    role = irsa(aws, "system:serviceaccount:red-dev:app")
    with pytest.raises(ClientError, match=saying):
        assumed(aws, role, issuer.token("red-dev", "app", **change))


@pytest.mark.parametrize("bend", ["signature", "claims", "algorithm", "shape"])
def test_a_bent_token_is_refused(aws, issuer, bend):
    role = irsa(aws, "system:serviceaccount:red-dev:app")
    good = issuer.token("red-dev", "app")
    head, claims, signature = good.split(".")
    bent = {
        "signature": f"{head}.{claims}.{signature[:-4]}AAAA",
        "claims": f"{head}.{issuer.token('red-dev', 'app', jti='1').split('.')[1]}.{signature}",
        "algorithm": issuer.signed({"sub": "x"}, {"alg": "none"}),
        "shape": good + ".x",
    }[bend]
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        assumed(aws, role, bent)


def test_pod_identity_gives_the_associated_role_with_tags_that_policies_can_read(aws, issuer):
    namespace = fresh("red-")
    role = service(aws, StringEquals={"aws:RequestTag/kubernetes-namespace": namespace})
    made = associated(aws, role, namespace)
    found = by_agent(aws, issuer.token(namespace, "app", AGENT))
    assert found["podIdentityAssociation"]["associationId"] == made["associationId"]
    assert found["subject"] == {"namespace": namespace, "serviceAccount": "app"}
    given = found["credentials"]
    key = {"AccessKeyId": given["accessKeyId"], "SecretAccessKey": given["secretAccessKey"], "SessionToken": given["sessionToken"]}  # fmt: skip
    assert role.rpartition("/")[2] in aws.client("sts", key).get_caller_identity()["Arn"]
    session = aws.front.sts.session(given["accessKeyId"])
    assert session.tags["kubernetes-namespace"] == namespace


def test_pod_identity_refuses_without_association_and_where_trust_names_another_namespace(aws, issuer):
    namespace = fresh("blue-")
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*not associated"):
        by_agent(aws, issuer.token(namespace, "app", AGENT))
    associated(aws, service(aws, StringEquals={"aws:RequestTag/kubernetes-namespace": "red-dev"}), namespace)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*EKS does not have permissions"):
        by_agent(aws, issuer.token(namespace, "app", AGENT))
    with pytest.raises(ClientError, match="InvalidTokenException"):
        by_agent(aws, issuer.token(namespace, "app"))
