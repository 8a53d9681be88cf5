"""Access entries by EKS' rules, refused in EKS' words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from cotenant.local.eks import accesspolicies
from unit.local.eks.conftest import FOREIGN
from unit.local.eks.iam import ACCOUNT, CLUSTER, given_entry, given_role, given_user

VIEW = f"{accesspolicies.ARN}AmazonEKSViewPolicy"
EVERYWHERE = {"type": "cluster"}


def refused(call, code, saying="", **given):
    with pytest.raises(ClientError) as caught:
        call(clusterName=CLUSTER, **given)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert saying in error["Message"], error


def test_an_entry_of_a_role_has_a_username_without_the_path_and_one_of_a_user_its_arn(aws):
    role, (user, _) = given_role(aws, path="/a/b/"), given_user(aws)
    entry = given_entry(aws, role)
    name = role.rpartition("/")[2]
    assert entry["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}"
    assert (entry["type"], entry["kubernetesGroups"], entry["tags"]) == ("STANDARD", [], {})
    assert entry["accessEntryArn"].startswith(
        f"arn:aws:eks:us-east-1:{ACCOUNT}:access-entry/{CLUSTER}/role/{ACCOUNT}/{name}/"
    )
    assert given_entry(aws, user)["username"] == user


def test_a_second_entry_for_a_principal_is_refused_unless_it_is_the_same_request(aws):
    role = given_role(aws)
    entry = given_entry(aws, role, clientRequestToken="one")
    assert given_entry(aws, role, clientRequestToken="one") == entry
    text = "The specified access entry resource is already in use on this cluster."
    refused(aws.client("eks").create_access_entry, "ResourceInUseException", text, principalArn=role)


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:iam::{ACCOUNT}:role/nobody",
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:group/devs",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/x/ann",
        "arn:aws:iam::1234:role/x",
        "arn:aws:iam::999999999999:role/x",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        "nonsense",
    ],
)
def test_a_principal_that_is_none_is_refused(aws, principal):
    text = "The specified principalArn is invalid: invalid principal."
    refused(aws.client("eks").create_access_entry, "InvalidParameterException", text, principalArn=principal)


def test_a_role_without_its_path_is_no_principal(aws):
    role = given_role(aws, path="/team/")
    bare = role.replace("/team/", "/")
    refused(aws.client("eks").create_access_entry, "InvalidParameterException", "invalid principal", principalArn=bare)
    assert given_entry(aws, role)["principalArn"] == role


def test_a_role_of_another_account_may_have_an_entry(aws):
    role = given_role(aws, key=aws.administrator(FOREIGN), by=("*",))
    assert f"::{FOREIGN}:" in role
    assert given_entry(aws, role)["principalArn"] == role


@pytest.mark.parametrize(
    ("fields", "saying"),
    [
        (
            {"kubernetesGroups": ["system:masters"]},
            "The kubernetes group name system:masters is invalid, it cannot start with system:",
        ),
        ({"kubernetesGroups": ["ok", "eks:x"]}, "cannot start with eks:"),
        ({"username": "system:node:x"}, "cannot start with system:"),
        ({"username": "aws:x"}, "cannot start with aws:"),
        ({"username": "{{SessionName}}"}, "a colon must come before"),
        ({"username": "team-{{SessionNameRaw}}"}, "a colon must come before"),
        ({"type": "ROOT"}, "type is invalid"),
        ({"type": "EC2_LINUX", "kubernetesGroups": ["x"]}, "neither username nor groups"),
    ],
)
def test_reserved_names_and_impossible_types_are_refused_at_create_and_at_update(aws, fields, saying):
    role, eks = given_role(aws), aws.client("eks")
    refused(eks.create_access_entry, "InvalidParameterException", saying, principalArn=role, **fields)
    if "type" not in fields:
        given_entry(aws, role)
        refused(eks.update_access_entry, "InvalidParameterException", saying, principalArn=role, **fields)


def test_an_update_changes_what_it_names_and_keeps_the_rest(aws):
    role, eks = given_role(aws), aws.client("eks")
    before = given_entry(aws, role, kubernetesGroups=["a"], username="x:{{SessionName}}")
    after = eks.update_access_entry(clusterName=CLUSTER, principalArn=role, kubernetesGroups=[])["accessEntry"]
    assert (after["kubernetesGroups"], after["username"]) == ([], "x:{{SessionName}}")
    assert after["accessEntryArn"] == before["accessEntryArn"] and after["modifiedAt"] >= before["modifiedAt"]


def test_an_entry_of_nodes_is_neither_updated_nor_given_policies(aws):
    role, eks = given_role(aws), aws.client("eks")
    assert given_entry(aws, role, type="EC2_LINUX")["username"] == "system:node:{{EC2PrivateDNSName}}"
    text = 'This operation can only be performed on Access Entries with a type of "STANDARD".'
    refused(eks.update_access_entry, "InvalidRequestException", text, principalArn=role, kubernetesGroups=["x"])
    refused(
        eks.associate_access_policy, "InvalidRequestException", text,
        principalArn=role, policyArn=VIEW, accessScope=EVERYWHERE,
    )  # fmt: skip


def test_what_is_not_there_is_not_found_in_the_words_of_eks(aws):
    role, eks = given_role(aws), aws.client("eks")
    text = "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'."
    for call in (eks.describe_access_entry, eks.delete_access_entry, eks.list_associated_access_policies):
        refused(call, "ResourceNotFoundException", text, principalArn=role)
    given_entry(aws, role)
    refused(eks.disassociate_access_policy, "ResourceNotFoundException", principalArn=role, policyArn=VIEW)


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        (VIEW, {"type": "cluster", "namespaces": ["a"]}),
        (VIEW, {"type": "namespace"}),
        (VIEW, {"type": "namespace", "namespaces": []}),
        (f"{VIEW}s", EVERYWHERE),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", EVERYWHERE),
    ],
)
def test_a_policy_that_is_none_or_a_scope_without_sense_is_refused(aws, policy, scope):
    role = given_role(aws)
    given_entry(aws, role)
    call = aws.client("eks").associate_access_policy
    refused(call, "InvalidParameterException", principalArn=role, policyArn=policy, accessScope=scope)


def test_a_policy_is_associated_once_and_again_with_another_scope(aws):
    role, eks = given_role(aws), aws.client("eks")
    given_entry(aws, role)
    whose = {"clusterName": CLUSTER, "principalArn": role}
    for scope in (EVERYWHERE, {"type": "namespace", "namespaces": ["dev-*"]}):
        eks.associate_access_policy(**whose, policyArn=VIEW, accessScope=scope)
    (one,) = eks.list_associated_access_policies(**whose)["associatedAccessPolicies"]
    assert one["accessScope"] == {"type": "namespace", "namespaces": ["dev-*"]}
    assert eks.list_access_entries(clusterName=CLUSTER, associatedPolicyArn=VIEW)["accessEntries"] == [role]
    eks.delete_access_entry(**whose)
    given_entry(aws, role)
    assert eks.list_associated_access_policies(**whose)["associatedAccessPolicies"] == []


def test_a_new_entry_may_show_itself_only_later(aws, clock):
    aws.delay(60)
    role, eks = given_role(aws), aws.client("eks")
    given_entry(aws, role)
    assert role not in eks.list_access_entries(clusterName=CLUSTER)["accessEntries"]
    refused(eks.describe_access_entry, "ResourceNotFoundException", principalArn=role)
    refused(eks.create_access_entry, "ResourceInUseException", principalArn=role)
    clock.ahead = timedelta(seconds=61)
    assert role in eks.list_access_entries(clusterName=CLUSTER)["accessEntries"]


def test_a_pod_identity_association_is_one_a_service_account(aws):
    role, eks = given_role(aws), aws.client("eks")
    given = {"namespace": "shop", "serviceAccount": "cart", "roleArn": role}
    made = eks.create_pod_identity_association(clusterName=CLUSTER, **given)["association"]
    refused(eks.create_pod_identity_association, "ResourceInUseException", made["associationId"], **given)
    other = {**given, "serviceAccount": "x", "roleArn": f"{role}-missing"}
    refused(eks.create_pod_identity_association, "InvalidParameterException", "does not exist", **other)
    eks.delete_pod_identity_association(clusterName=CLUSTER, associationId=made["associationId"])
    refused(eks.describe_pod_identity_association, "ResourceNotFoundException", associationId=made["associationId"])
