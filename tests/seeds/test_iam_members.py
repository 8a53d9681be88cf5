"""The walkthroughs' IAM principals as members of tenants: what the product does where the walkthroughs edit by hand."""

from __future__ import annotations

import json

import pytest

from cloud import ACCOUNT, NAME, NODES, AwsAuth, Cloud, Shell
from plane.iam.test_members import entered, entry, fresh, synced
from vocabulary import eventually, given_tenant

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("mapped")]


def test_s0_06_s0_10_a_member_by_role_is_entered_once_and_again_is_no_change(
    account: Cloud, administrator: Shell
) -> None:
    role = account.role(fresh())
    team = given_tenant(account.cluster, "backend", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    synced(account, team.name)
    made = entry(account, role)
    name = role.rpartition("/")[2]
    assert made["type"] == "STANDARD"
    assert made["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}"
    again = administrator.cotenant("iam", "apply", team.name)
    assert again.ok, again
    assert "0 added, 0 changed, 0 removed, 0 in conflict" in again.err
    assert entry(account, role)["modifiedAt"] == made["modifiedAt"]
    nine = {"role": "editor", "iamRole": f"arn:aws:iam::123456789:role/{name}"}
    patch = json.dumps({"spec": {"members": [nine]}})
    refused = administrator.kubectl("patch", "cot", team.name, "--type", "merge", "-p", patch)
    assert "12 digits" in refused.err


def test_s0_26_off_boarding_takes_the_entry_and_every_right(account: Cloud, administrator: Shell) -> None:
    role = account.role(fresh())
    team = given_tenant(account.cluster, "gone", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    synced(account, team.name)
    ann = entered(account, team.name, role)
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    assert administrator.cotenant("delete", "tenant", team.name, "--yes", "--wait").ok
    eventually(lambda: role not in account.eks.list_access_entries(clusterName=NAME)["accessEntries"], every=0.2)
    eventually(lambda: not ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok)


def test_s2_06_a_user_is_mapped_in_aws_auth_and_nodes_stay(
    account: Cloud, administrator: Shell, mapped: AwsAuth
) -> None:
    user = account.iam.create_user(UserName=fresh())["User"]["Arn"]
    member = {"role": "owner", "iamUser": user, "username": "dev"}
    team = given_tenant(account.cluster, "node", members=[member], ready=False)
    done = administrator.cotenant("iam", "apply", team.name, "--store", "aws-auth")
    assert done.ok, done
    assert mapped.data()["mapRoles"] == NODES
    assert (
        mapped.data()["mapUsers"] == f"- userarn: {user}\n  username: dev\n  groups:\n  - cotenant:{team.name}:owner\n"
    )
    eleven = {"role": "owner", "iamUser": "arn:aws:iam::12345678901:user/dev"}
    patch = json.dumps({"spec": {"members": [eleven]}})
    assert "12 digits" in administrator.kubectl("patch", "cot", team.name, "--type", "merge", "-p", patch).err


def test_s3_11_s3_12_the_walkthroughs_user_name_in_either_store_and_twice_is_once(
    account: Cloud, administrator: Shell, mapped: AwsAuth
) -> None:
    role = account.role(fresh())
    member = {"role": "editor", "iamRole": role, "username": "k8s-test-user"}
    team = given_tenant(account.cluster, "post", spaces=["test"], members=[member])
    synced(account, team.name)
    assert entry(account, role)["username"] == "k8s-test-user"
    assert administrator.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    once = mapped.data()
    assert once["mapRoles"].startswith(NODES)
    assert "username: k8s-test-user" in once["mapRoles"]
    assert administrator.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    assert mapped.data() == once
    ann = entered(account, team.name, role)
    assert ann.kubectl(
        "create", "job", "hello", "-n", team.namespace("test"), "--image=busybox", "--", "echo", "Hello"
    ).ok
    refusal = ann.kubectl("get", "pods")
    assert 'User "k8s-test-user" cannot list resource "pods" in API group "" in the namespace "default"' in refusal.err


def test_s4_09_s4_12_an_sso_role_is_without_path_in_aws_auth_and_with_it_in_an_entry(
    account: Cloud, administrator: Shell, mapped: AwsAuth
) -> None:
    name = f"PowerUserAccess{fresh()}"
    path = "/aws-reserved/sso.amazonaws.com/eu-north-1/"
    role = account.role(f"AWSReservedSSO_{name}_b0ad9936c75e5bcc", path)
    user = account.iam.create_user(UserName=fresh())["User"]["Arn"]
    members = [
        {
            "role": "owner",
            "permissionSet": {"name": name, "account": ACCOUNT},
            "username": "sso-devteam:{{SessionName}}",
        },
        {"role": "owner", "iamUser": user, "username": "test-benzema-mto"},
    ]
    team = given_tenant(account.cluster, "sso", members=members, ready=False)
    synced(account, team.name)
    assert entry(account, role)["username"] == "sso-devteam:{{SessionName}}"
    assert entry(account, user)["username"] == "test-benzema-mto"
    assert administrator.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    found = mapped.data()
    assert found["mapRoles"].startswith(NODES)
    assert f"- rolearn: arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_{name}_b0ad9936c75e5bcc\n" in found["mapRoles"]
    assert "username: sso-devteam:{{SessionName}}" in found["mapRoles"]
    assert f"- userarn: {user}" in found["mapUsers"]
