"""The walkthroughs' IAM principals as members of tenants: what the product does where the walkthroughs edit by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cloud import ACCOUNT, NAME, Cloud, Shell
from cotenant.model.iam.awsauth import NAME as AWS_AUTH
from cotenant.model.iam.awsauth import NAMESPACE
from plane.iam.conftest import NODES
from plane.iam.test_members import entered, entry, fresh, synced
from vocabulary import given_tenant

pytestmark = pytest.mark.cluster


@pytest.fixture
def admin(cloud: Cloud) -> Iterator[Shell]:
    """The administrator of a cluster whose node group made an aws-auth."""
    shell = cloud.shell("administrator")
    assert shell.login().ok
    metadata = {"name": AWS_AUTH, "namespace": NAMESPACE}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mapRoles": NODES}}
    shell.kubectl("delete", "configmap", AWS_AUTH, "-n", NAMESPACE, "--ignore-not-found")
    assert shell.kubectl("create", "-f", "-", stdin=json.dumps(manifest)).ok
    yield shell
    shell.kubectl("delete", "configmap", AWS_AUTH, "-n", NAMESPACE)


def texts(admin: Shell) -> dict[str, str]:
    found = json.loads(admin.kubectl("get", "cm", AWS_AUTH, "-n", NAMESPACE, "-o", "json").out)
    return found["data"]


def test_s0_06_s0_10_a_member_by_role_is_entered_once_and_again_is_no_change(cloud: Cloud, admin: Shell) -> None:
    role = cloud.role(fresh())
    team = given_tenant(cloud.cluster, "backend", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    synced(cloud, team.name)
    made = entry(cloud, role)
    name = role.rpartition("/")[2]
    assert made["type"] == "STANDARD"
    assert made["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}"
    again = admin.cotenant("iam", "apply", team.name)
    assert again.ok, again
    assert "0 added, 0 changed, 0 removed, 0 in conflict" in again.err
    assert entry(cloud, role)["modifiedAt"] == made["modifiedAt"]
    nine = {"role": "editor", "iamRole": f"arn:aws:iam::123456789:role/{name}"}
    patch = json.dumps({"spec": {"members": [nine]}})
    refused = admin.kubectl("patch", "cot", team.name, "--type", "merge", "-p", patch)
    assert "12 digits" in refused.err


def test_s0_26_off_boarding_takes_the_entry_and_every_right(cloud: Cloud, admin: Shell) -> None:
    role = cloud.role(fresh())
    team = given_tenant(cloud.cluster, "gone", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    synced(cloud, team.name)
    ann = entered(cloud, team.name, role)
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    assert admin.cotenant("delete", "tenant", team.name, "--yes", "--wait").ok
    left = cloud.eks.list_access_entries(clusterName=NAME)["accessEntries"]
    for _ in range(100):
        if role not in left:
            break
        left = cloud.eks.list_access_entries(clusterName=NAME)["accessEntries"]
    assert not ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok


def test_s2_06_a_user_is_mapped_in_aws_auth_and_nodes_stay(cloud: Cloud, admin: Shell) -> None:
    user = cloud.iam.create_user(UserName=fresh())["User"]["Arn"]
    member = {"role": "owner", "iamUser": user, "username": "dev"}
    team = given_tenant(cloud.cluster, "node", members=[member], ready=False)
    done = admin.cotenant("iam", "apply", team.name, "--store", "aws-auth")
    assert done.ok, done
    assert texts(admin)["mapRoles"] == NODES
    assert (
        texts(admin)["mapUsers"] == f"- userarn: {user}\n  username: dev\n  groups:\n  - cotenant:{team.name}:owner\n"
    )
    eleven = {"role": "owner", "iamUser": "arn:aws:iam::12345678901:user/dev"}
    patch = json.dumps({"spec": {"members": [eleven]}})
    assert "12 digits" in admin.kubectl("patch", "cot", team.name, "--type", "merge", "-p", patch).err


def test_s3_11_s3_12_the_walkthroughs_user_name_in_either_store_and_twice_is_once(cloud: Cloud, admin: Shell) -> None:
    role = cloud.role(fresh())
    member = {"role": "editor", "iamRole": role, "username": "k8s-test-user"}
    team = given_tenant(cloud.cluster, "post", spaces=["test"], members=[member])
    synced(cloud, team.name)
    assert entry(cloud, role)["username"] == "k8s-test-user"
    assert admin.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    once = texts(admin)
    assert once["mapRoles"].startswith(NODES)
    assert "username: k8s-test-user" in once["mapRoles"]
    assert admin.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    assert texts(admin) == once
    ann = entered(cloud, team.name, role)
    assert ann.kubectl(
        "create", "job", "hello", "-n", team.namespace("test"), "--image=busybox", "--", "echo", "Hello"
    ).ok
    refusal = ann.kubectl("get", "pods")
    assert 'User "k8s-test-user" cannot list resource "pods" in API group "" in the namespace "default"' in refusal.err


def test_s4_09_s4_12_an_sso_role_is_without_path_in_aws_auth_and_with_it_in_an_entry(
    cloud: Cloud, admin: Shell
) -> None:
    name = f"PowerUserAccess{fresh()}"
    path = "/aws-reserved/sso.amazonaws.com/eu-north-1/"
    role = cloud.role(f"AWSReservedSSO_{name}_b0ad9936c75e5bcc", path)
    user = cloud.iam.create_user(UserName=fresh())["User"]["Arn"]
    members = [
        {
            "role": "owner",
            "permissionSet": {"name": name, "account": ACCOUNT},
            "username": "sso-devteam:{{SessionName}}",
        },
        {"role": "owner", "iamUser": user, "username": "test-benzema-mto"},
    ]
    team = given_tenant(cloud.cluster, "sso", members=members, ready=False)
    synced(cloud, team.name)
    assert entry(cloud, role)["username"] == "sso-devteam:{{SessionName}}"
    assert entry(cloud, user)["username"] == "test-benzema-mto"
    assert admin.cotenant("iam", "apply", team.name, "--store", "aws-auth").ok
    found = texts(admin)
    assert found["mapRoles"].startswith(NODES)
    assert f"- rolearn: arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_{name}_b0ad9936c75e5bcc\n" in found["mapRoles"]
    assert "username: sso-devteam:{{SessionName}}" in found["mapRoles"]
    assert f"- userarn: {user}" in found["mapUsers"]
