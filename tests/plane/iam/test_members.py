"""A Tenant lists an IAM role, and its people sign in with real AWS tools and find exactly their own rights."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest

from cloud import ACCOUNT, NAME, Cloud, Shell
from vocabulary import BUSY, TooLate, eventually, given_tenant

pytestmark = pytest.mark.cluster


def synced(
    account: Cloud, tenant: str, status: str = "True", reason: str = "Synced", seconds: float = 40 * BUSY
) -> dict:
    """The condition IAMSynced once it says this."""
    deadline = time.monotonic() + seconds
    while True:
        found = account.cluster.there("Tenant", tenant)
        said = {one["type"]: one for one in found.get("status", {}).get("conditions", [])}.get("IAMSynced", {})
        if (said.get("status"), said.get("reason")) == (status, reason):
            return said
        if time.monotonic() > deadline:
            raise TooLate(f"{said}\n{account.cluster.operator.tail()}")
        time.sleep(0.2)


def entry(account: Cloud, principal: str) -> dict:
    return account.eks.describe_access_entry(clusterName=NAME, principalArn=principal)["accessEntry"]


def entered(account: Cloud, name: str, role: str, who: str = "ann") -> Shell:
    shell = account.shell(f"{name}-{who}", account.session(role, who))
    assert shell.login().ok
    return shell


def fresh() -> str:
    return f"r{uuid4().hex[:6]}"


def test_the_people_of_a_role_enter_their_tenant_and_no_other(account: Cloud) -> None:
    mine, theirs = account.role(fresh(), "/teams/a/"), account.role(fresh())
    team = given_tenant(account.cluster, "iam", spaces=["dev"], members=[{"role": "editor", "iamRole": mine}])
    other = given_tenant(account.cluster, "iam", spaces=["dev"], members=[{"role": "editor", "iamRole": theirs}])
    synced(account, team.name)
    synced(account, other.name)
    made = entry(account, mine)
    assert made["kubernetesGroups"] == [f"cotenant:{team.name}:editor"]
    ann = entered(account, team.name, mine)
    who = json.loads(ann.kubectl("auth", "whoami", "-o", "json").out)["status"]["userInfo"]
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{mine.rpartition('/')[2]}/ann"
    assert who["username"] == session
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    assert ann.kubectl("create", "configmap", "x", "-n", team.namespace("dev")).ok
    refusal = ann.kubectl("get", "pods", "-n", other.namespace("dev"))
    assert f'User "{session}" cannot list resource "pods"' in refusal.err
    assert "cannot list" in ann.kubectl("get", "namespaces").err


def test_a_member_who_leaves_is_refused_at_once_and_his_entry_goes(account: Cloud) -> None:
    role = account.role(fresh())
    team = given_tenant(account.cluster, "iam", spaces=["dev"], members=[{"role": "viewer", "iamRole": role}])
    synced(account, team.name)
    ann = entered(account, team.name, role)
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    team.change(members=[{"role": "owner", "group": "somebody"}])
    eventually(lambda: not ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok, within=20)

    def entries() -> list[str]:
        return account.eks.list_access_entries(clusterName=NAME)["accessEntries"]

    eventually(lambda: role not in entries(), within=20, every=0.2)


def test_a_permission_set_is_followed_to_its_new_role(account: Cloud) -> None:
    name, path = f"Set{fresh()}", "/aws-reserved/sso.amazonaws.com/eu-north-1/"
    first = account.role(f"AWSReservedSSO_{name}_0123456789abcdef", path)
    member = {
        "role": "editor",
        "permissionSet": {"name": name, "account": ACCOUNT},
        "username": "sso-devteam:{{SessionName}}",
    }
    team = given_tenant(account.cluster, "iam", spaces=["dev"], members=[member])
    synced(account, team.name)
    ann = entered(account, team.name, first, "random-user@stakater.com")
    refusal = ann.kubectl("get", "svc")
    assert 'User "sso-devteam:random-user-stakater.com" cannot list resource "services"' in refusal.err
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok


def test_what_cannot_be_mapped_is_told_and_the_rest_of_the_tenant_works(account: Cloud) -> None:
    role = account.role(fresh())
    account.eks.create_access_entry(
        clusterName=NAME, principalArn=role, kubernetesGroups=["view"], tags={"Owner": "terraform"}
    )
    members = [{"role": "editor", "iamRole": role}, {"role": "owner", "group": "leads"}]
    team = given_tenant(account.cluster, "iam", spaces=["dev"], members=members)
    said = synced(account, team.name, "False", "EntryConflict")
    assert "of Terraform" in said["message"]
    assert entry(account, role)["kubernetesGroups"] == ["view"]
    conditions = {one["type"]: one["status"] for one in team.tenant()["status"]["conditions"]}
    assert (conditions["Ready"], conditions["AccessSynced"]) == ("True", "True")
    team.change(members=[{"role": "editor", "iamRole": f"arn:aws:iam::{ACCOUNT}:role/{fresh()}"}])
    synced(account, team.name, "False", "PrincipalNotFound")


def test_the_operators_policy_lets_it_touch_nothing_else(account: Cloud) -> None:
    role = account.role(fresh())
    key = account.iam.create_access_key(UserName="cotenant-operator")["AccessKey"]
    operator = account.shell("operator", key)
    where = ("--cluster-name", NAME, "--principal-arn", role)
    for groups, tags in (("view", "cotenant.dev/managed-by=cotenant"), ("cotenant:x:owner", "a=b")):
        done = operator.aws("eks", "create-access-entry", *where, "--kubernetes-groups", groups, "--tags", tags)
        assert "AccessDeniedException" in done.err, done
    account.eks.create_access_entry(clusterName=NAME, principalArn=role)
    for command in (
        ("delete-access-entry", *where),
        ("update-access-entry", *where, "--kubernetes-groups", "cotenant:x:owner"),
        (
            "associate-access-policy",
            *where,
            "--policy-arn",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "--access-scope",
            "type=cluster",
        ),
    ):
        assert "AccessDeniedException" in operator.aws("eks", *command).err


def test_a_missing_permission_is_named_and_nothing_else_suffers(account: Cloud) -> None:
    role = account.role(fresh())
    account.plane.aws.fail("CreateAccessEntry", "AccessDeniedException", "nope", status=403, times=1)
    team = given_tenant(account.cluster, "iam", spaces=["dev"], members=[{"role": "viewer", "iamRole": role}])
    said = synced(account, team.name, "False", "AWSPermissionMissing")
    assert "lacks eks:CreateAccessEntry" in said["message"]
    assert account.cluster.there("Namespace", team.namespace("dev"))


def test_the_operator_sees_within_a_look_that_somebody_broke_aws_auth(account: Cloud) -> None:
    def unread() -> str:
        lines = account.cluster.operator.http("/metrics")[1].splitlines()
        (found,) = [one for one in lines if one.startswith("cotenant_aws_auth_unread_sections ")]
        return found.split()[1]

    def written(**data: str) -> None:
        metadata = {"name": "aws-auth", "namespace": "kube-system"}
        account.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    written(mapRoles="- rolearn: [")
    eventually(lambda: unread() == "1.0", within=40)
    eventually(lambda: "nobody in mapRoles can sign in" in account.cluster.operator.tail())
    written(mapRoles="[]")
    eventually(lambda: unread() == "0.0", within=40)


def test_rbac_22_a_session_named_after_another_tenants_user_stays_out_of_that_tenant(account: Cloud) -> None:
    role = account.role(fresh())
    ann = f"{fresh()}:ann"
    blue = given_tenant(account.cluster, "iam", spaces=["dev"], members=[{"role": "owner", "user": ann}])
    borrowed = {"role": "viewer", "iamRole": role, "username": ann.replace("ann", "{{SessionName}}")}
    red = given_tenant(account.cluster, "iam", spaces=["dev"], members=[borrowed])
    synced(account, red.name, "False", "UsernameConflict")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/ann"
    assert entry(account, role)["username"] == session.replace("/ann", "/{{SessionName}}")
    shell = entered(account, red.name, role)
    assert json.loads(shell.kubectl("auth", "whoami", "-o", "json").out)["status"]["userInfo"]["username"] == session
    assert shell.kubectl("get", "pods", "-n", red.namespace("dev")).ok
    assert (
        f'User "{session}" cannot list resource "pods"' in shell.kubectl("get", "pods", "-n", blue.namespace("dev")).err
    )
    red.change(members=[borrowed | {"username": f"{fresh()}:{{{{SessionName}}}}"}])
    synced(account, red.name)
