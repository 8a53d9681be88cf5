"""Rows of walkthroughs 2 and 4 that begin at an IAM identity, with real aws, kubectl and cotenant."""

from __future__ import annotations

import json

import pytest

from cloud import ACCOUNT, NAME, REGION, Cloud, Shell
from cotenant.local.eks.accesspolicies import CLUSTER_ADMIN
from plane.iam.test_members import fresh
from vocabulary import eventually, expect_denied, given_tenant

pytestmark = pytest.mark.cluster
CREATED = "tenant.cotenant.dev/{} created"


def manifest(name: str, **spec: object) -> str:
    return json.dumps(
        {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec}
    )


def test_s2_01_s2_02_the_nodes_are_ready_and_a_namespace_is_made(administrator: Shell) -> None:
    rows = administrator.kubectl("get", "nodes", "--no-headers").out.splitlines()
    assert rows and all(row.split()[1] == "Ready" for row in rows)
    name = f"kiosk-{fresh()}"
    assert administrator.kubectl("create", "namespace", name).out == f"namespace/{name} created\n"


def test_s2_03_s4_05_the_installation_is_one_step_and_what_cannot_be_done_does_nothing(administrator: Shell) -> None:
    again = administrator.run("cotenant", "install", "--no-operator")
    assert again.ok, again
    assert "installed: " in again.err
    before = administrator.kubectl("get", "deployments", "-n", "cotenant-system", "-o", "name").out
    refused = administrator.run("cotenant", "install")
    assert refused.code == 2 and "Nothing was done" in refused.err
    assert administrator.kubectl("get", "deployments", "-n", "cotenant-system", "-o", "name").out == before


def test_s2_04_users_without_permissions_have_tokens_and_cannot_look_at_the_cluster(account: Cloud) -> None:
    for name in ("dev", "dba"):
        user = account.shell(f"s2-{name}", account.user(f"{name}-{fresh()}"))
        assert user.aws("eks", "get-token", "--cluster-name", NAME).ok
        refused = user.aws("eks", "describe-cluster", "--name", NAME)
        assert "AccessDeniedException" in refused.err and "eks:DescribeCluster" in refused.err


def test_s2_05_a_profile_of_the_aws_tools_makes_commands_run_as_the_creator(
    account: Cloud, administrator: Shell
) -> None:
    shell = account.shell("s2-profile")
    key = account.plane.aws.administrators[ACCOUNT]
    (shell.home / ".aws").mkdir(exist_ok=True)
    lines = ["[kube-cluster-admin]", f"aws_access_key_id = {key['AccessKeyId']}"]
    lines += [f"aws_secret_access_key = {key['SecretAccessKey']}", f"region = {REGION}", ""]
    (shell.home / ".aws" / "credentials").write_text("\n".join(lines))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        shell.env.pop(name, None)
    assert not shell.aws("sts", "get-caller-identity").ok
    shell.env["AWS_PROFILE"] = "kube-cluster-admin"
    assert f"arn:aws:iam::{ACCOUNT}:user/admin" in shell.aws("sts", "get-caller-identity").out
    assert shell.login().ok
    assert shell.kubectl("auth", "can-i", "*", "*").out == "yes\n"


def test_s2_09_s2_10_s2_11_an_account_for_each_user_and_the_list_of_them(account: Cloud, administrator: Shell) -> None:
    made = {}
    for team in ("node", "redis"):
        user = account.iam.create_user(UserName=fresh())["User"]["Arn"]
        name = made[team] = f"{team}-account-{fresh()}"
        members = [{"role": "owner", "iamUser": user}]
        done = administrator.kubectl("apply", "-f", "-", stdin=manifest(name, members=members, spaces={"limit": 2}))
        assert CREATED.format(name) in done.out, done
    head, *rows = administrator.kubectl("get", "cot").out.splitlines()
    assert {"NAME", "SPACES", "AGE"} <= set(head.split())
    assert set(made.values()) <= {row.split()[0] for row in rows}


def test_s4_04_s4_06_no_cert_manager_is_needed_and_one_operator_does_it_all(
    account: Cloud, administrator: Shell
) -> None:
    assert "cert-manager" not in administrator.kubectl("get", "namespaces", "-o", "name").out
    hooks = administrator.kubectl("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name")
    assert hooks.ok and "cotenant" not in hooks.out
    assert "cotenant" in administrator.kubectl("get", "validatingadmissionpolicies", "-o", "name").out
    assert account.cluster.operator.ready()


def test_s4_07_who_may_do_it_in_the_whole_cluster_is_exempt_and_a_namespaces_admin_is_not(
    account: Cloud, administrator: Shell
) -> None:
    team = given_tenant(account.cluster, "bypass", spaces=["dev"])
    space = team.namespace("dev")
    boss, local = account.role(fresh()), account.role(fresh())
    account.eks.create_access_entry(clusterName=NAME, principalArn=boss, kubernetesGroups=["cluster-admins"])
    account.eks.associate_access_policy(
        clusterName=NAME, principalArn=boss, policyArn=CLUSTER_ADMIN, accessScope={"type": "cluster"}
    )
    group = f"local-{fresh()}"
    account.eks.create_access_entry(clusterName=NAME, principalArn=local, kubernetesGroups=[group])
    bound = administrator.kubectl(
        "create", "rolebinding", group, "--clusterrole=admin", f"--group={group}", "-n", space
    )
    assert bound.ok, bound
    exempt, other = (account.shell(fresh(), account.session(one)) for one in (boss, local))
    assert exempt.login().ok and other.login().ok
    assert administrator.kubectl("create", "serviceaccount", "app", "-n", space).ok
    # `admin` of a namespace may make Secrets; this one is a token without end, which is for the platform only.
    metadata = {"name": "app", "namespace": space, "annotations": {"kubernetes.io/service-account.name": "app"}}
    kind = "kubernetes.io/service-account-token"
    secret = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind})
    eventually(lambda: other.kubectl("get", "secrets", "-n", space).ok, within=20)
    expect_denied(other.kubectl("create", "-f", "-", stdin=secret), saying="COTENANT-RIGHT-4")
    assert exempt.kubectl("create", "-f", "-", stdin=secret).ok


def test_s4_10_s4_15_a_tenant_of_an_iam_user_who_sets_up_kubectl_alone(account: Cloud, administrator: Shell) -> None:
    name, user = f"tenant-iam-{fresh()}", f"test-benzema-{fresh()}"
    find = {"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"}
    benzema = account.shell(user, account.user(user, {"Version": "2012-10-17", "Statement": [find]}))
    members = [{"role": "owner", "iamUser": f"arn:aws:iam::{ACCOUNT}:user/{user}", "username": user}]
    spaces = {"declared": ["dev", "build"]}
    done = administrator.kubectl("apply", "-f", "-", stdin=manifest(name, members=members, spaces=spaces))
    assert CREATED.format(name) in done.out, done
    assert benzema.login("--region", REGION).out.startswith(
        f"Added new context arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{NAME}"
    )
    eventually(lambda: benzema.kubectl("get", "pods", "-n", f"{name}-dev").ok, within=40)
    refused = benzema.kubectl("get", "services")
    assert f'User "{user}" cannot list resource "services" in API group "" in the namespace "default"' in refused.err
