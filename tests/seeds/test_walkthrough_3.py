"""Walkthrough 3: a role for the members of an IAM group, aws-auth, and a Role in one namespace; with real `aws` and kubectl.

Cluster and account have the names of the local plane. eksctl's part, an item in aws-auth, is written by kubectl.
"""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from plane.local.person import Person
from unit.local.eks.iam import ACCOUNT, CLUSTER, allow
from vocabulary import eventually

pytestmark = pytest.mark.cluster

VERBS = ["create", "delete", "describe", "get", "list", "patch", "update"]
RESOURCES = [
    "configmaps", "cronjobs", "deployments", "events", "ingresses", "jobs", "pods", "pods/attach", "pods/exec", "pods/log",
    "pods/portforward", "secrets", "services",
]  # fmt: skip
USER = "k8s-test-user"
UNAUTHORIZED = "You must be logged in to the server"


def printed(namespace):
    """role.yaml and rolebinding.yaml."""
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "k8s-test-role", "namespace": namespace},
        "rules": [{"apiGroups": ["", "apps", "batch", "extensions"], "resources": RESOURCES, "verbs": VERBS}],
    }  # fmt: skip
    binding = {
        "apiVersion": f"{group}/v1", "kind": "RoleBinding",
        "metadata": {"name": "k8s-test-rolebinding", "namespace": namespace},
        "subjects": [{"kind": "User", "name": USER, "apiGroup": group}],
        "roleRef": {"kind": "Role", "name": "k8s-test-role", "apiGroup": group},
    }  # fmt: skip
    return role, binding


@pytest.fixture(scope="module")
def admin(control_plane_eks, tmp_path_factory):
    one = Person(control_plane_eks, tmp_path_factory.mktemp("admin") / "home")
    one.sets_up_kubectl()
    return one


@pytest.fixture(scope="module")
def role(cloud):
    """S3-01: assumable through the account, so by whom a policy of a group sends."""
    return cloud.role(name=f"yourIAMRoleName{uuid4().hex[:6]}")


@pytest.fixture(scope="module")
def member(cloud, role, control_plane_eks, tmp_path_factory):
    """In the IAM group whose policy lets its people assume the role and describe the cluster."""
    _, key = cloud.user(allow("sts:AssumeRole", resource=role), allow("eks:DescribeCluster"))
    return Person(control_plane_eks, tmp_path_factory.mktemp("member") / "home", key)


@pytest.fixture(scope="module")
def namespace(admin):
    """S3-08 to S3-10."""
    name = f"test-{uuid4().hex[:6]}"
    assert admin.kubectl("create", "namespace", name).stdout == f"namespace/{name} created\n"
    path = admin.home / "printed.yaml"
    path.write_text("\n---\n".join(json.dumps(each) for each in printed(name)))
    done = admin.kubectl("apply", "-f", str(path))
    assert "role.rbac.authorization.k8s.io/k8s-test-role created" in done.stdout
    assert "rolebinding.rbac.authorization.k8s.io/k8s-test-rolebinding created" in done.stdout
    return name


@pytest.fixture
def signed_in(member, role, aws_auth):
    """S3-03 and what S3-11 leaves in aws-auth."""
    member.sets_up_kubectl("--role-arn", role)
    aws_auth(mapRoles=f"- rolearn: {role}\n  username: {USER}\n")
    eventually(lambda: member.who() == (USER, []), within=20)
    return member


def test_s3_01_members_may_assume_the_role_and_others_may_not(cloud, role, member, control_plane_eks, tmp_path):
    given = ("sts", "assume-role", "--role-arn", role, "--role-session-name", "abcde")
    assert member.aws(*given)["Credentials"]["SessionToken"]
    stranger = Person(control_plane_eks, tmp_path / "stranger", cloud.user()[1])
    done = stranger.run("aws", *given)
    assert "(AccessDenied) when calling the AssumeRole operation" in done.stderr
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in done.stderr


def test_s3_02_the_answer_names_a_session_and_not_the_role(member, role):
    answer = member.aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "abcde")
    assert answer["Credentials"].keys() == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    name = role.rpartition("/")[2]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/abcde"
    assert answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":abcde")


def test_s3_03_s3_04_a_kubeconfig_is_added_then_updated_and_lets_nobody_in_yet(member, role):
    arn = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}"
    path = member.home / "first"
    for verb, where in (("Added new", "to"), ("Updated", "in")):
        said = member.sets_up_kubectl("--role-arn", role, "--kubeconfig", str(path))
        assert said == f"{verb} context {arn} {where} {path}\n"
    config = json.loads(member.kubectl("config", "view", "-o", "json", KUBECONFIG=str(path)).stdout)
    assert config["users"][0]["user"]["exec"]["args"][-2:] == ["--role", role]
    assert UNAUTHORIZED in member.kubectl("get", "pods", KUBECONFIG=str(path)).stderr


def test_s3_03_it_needs_describe_cluster_of_the_user(cloud, role, control_plane_eks, tmp_path):
    without = Person(control_plane_eks, tmp_path / "home", cloud.user(allow("sts:AssumeRole", resource=role))[1])
    done = without.run("aws", "eks", "update-kubeconfig", "--name", CLUSTER, "--role-arn", role)
    assert "AccessDeniedException" in done.stderr and "eks:DescribeCluster" in done.stderr


def test_s3_05_s3_06_the_roles_of_the_cluster_can_be_looked_at(admin):
    listed = admin.kubectl("get", "clusterrole").stdout.split()
    assert {"admin", "cluster-admin", "edit", "view"} <= set(listed)
    assert "PolicyRule:" in admin.kubectl("describe", "clusterrole", "admin").stdout


def test_s3_07_a_binding_may_point_to_a_cluster_role_and_never_the_other_way(admin, namespace):
    made = admin.kubectl("create", "rolebinding", "ok", "--clusterrole=view", "--user=x", "-n", namespace)
    assert "rolebinding.rbac.authorization.k8s.io/ok created" in made.stdout
    group = "rbac.authorization.k8s.io"
    wrong = {
        "apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "wrong"},
        "subjects": [{"kind": "User", "name": "x", "apiGroup": group}],
        "roleRef": {"kind": "Role", "name": "k8s-test-role", "apiGroup": group},
    }  # fmt: skip
    path = admin.home / "wrong.json"
    path.write_text(json.dumps(wrong))
    said = admin.kubectl("apply", "-f", str(path)).stderr
    assert 'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"' in said


def test_s3_13_s3_14_s3_15_a_member_runs_a_job_to_its_end(signed_in, namespace):
    made = signed_in.kubectl("create", "job", "hello", "-n", namespace, "--image=busybox", "--", "echo", "Hello World")
    assert made.stdout == "job.batch/hello created\n"

    def listed():
        table = signed_in.kubectl("get", "job", "-n", namespace).stdout
        return table if "1/1" in table.split() else ""

    done = eventually(listed, within=60)
    assert "COMPLETIONS" in done and "Complete" in done
    pods = signed_in.kubectl("get", "pods", "-n", namespace).stdout
    assert "hello-" in pods and "Completed" in pods


def test_s3_16_a_member_may_read_the_logs_and_a_node_without_containers_has_none(admin, signed_in, namespace):
    made = admin.kubectl("create", "job", "said", "-n", namespace, "--image=busybox", "--", "echo", "Hello World")
    assert made.returncode == 0, made.stderr
    listed = ("get", "pods", "-n", namespace, "-l", "job-name=said", "-o", "name")
    eventually(lambda: "pod/" in signed_in.kubectl(*listed).stdout, within=30)
    assert signed_in.kubectl("auth", "can-i", "get", "pods/log", "-n", namespace).stdout == "yes\n"
    done = signed_in.kubectl("logs", "job/said", "-n", namespace)
    # The nodes of the local plane run nothing: what is asked for is let through, and ends at the kubelet.
    assert "Forbidden" not in done.stderr and "forbidden" not in done.stderr
    assert "forbidden" in signed_in.kubectl("logs", "job/said", "-n", "default").stderr


def test_s3_17_s3_18_s3_19_everywhere_else_and_everything_else_is_refused(signed_in, namespace):
    said = signed_in.kubectl("get", "pods", "-n", "default").stderr
    assert (
        f'pods is forbidden: User "{USER}" cannot list resource "pods" in API group "" in the namespace "default"'
        in said
    )
    watched = signed_in.kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods?watch=1&timeoutSeconds=1")
    assert f'User "{USER}" cannot watch resource "pods"' in watched.stderr
    for kind in ("statefulsets", "persistentvolumeclaims", "rolebindings"):
        asked = signed_in.kubectl("get", kind, "-n", namespace)
        assert f'User "{USER}" cannot list resource "{kind}"' in asked.stderr


def test_s3_20_the_creator_stands_nowhere_in_aws_auth(admin):
    assert admin.who() == (f"arn:aws:iam::{ACCOUNT}:user/admin", [])
    assert (
        'configmaps "aws-auth" not found' in admin.kubectl("get", "configmap", "aws-auth", "-n", "kube-system").stderr
    )


def test_s3_21_two_members_are_one_user_and_only_the_extras_tell_them_apart(
    cloud, role, signed_in, control_plane_eks, tmp_path
):
    seen = {}
    for name in ("ann@example.com", "bob@example.com"):
        person = Person(control_plane_eks, tmp_path / name[:3], cloud.session(role, name))
        person.env["KUBECONFIG"] = str(tmp_path / "shared")
        if not seen:
            signed_in.sets_up_kubectl("--kubeconfig", person.env["KUBECONFIG"])
        answer = person.kubectl("auth", "whoami", "-o", "json")
        info = json.loads(answer.stdout)["status"]["userInfo"]
        seen[name] = (info["username"], info["extra"]["sessionName"])
    assert seen == {name: (USER, [name]) for name in seen} and len(seen) == 2
