"""What walkthroughs 0, 2 and 4 do with IAM principals, with real `aws` and kubectl against the local EKS.

Cluster and account have the names of the local plane. `eksctl create accessentry` is `aws eks create-access-entry` here.
"""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from cotenant.local.eks.accesspolicies import ARN, CLUSTER_ADMIN
from plane.local.person import Person
from unit.local.eks.iam import ACCOUNT, CLUSTER, allow
from vocabulary import eventually

pytestmark = pytest.mark.cluster

ON = ("--cluster-name", CLUSTER)
UNAUTHORIZED = "You must be logged in to the server"
SERVICES = 'services is forbidden: User "{}" cannot list resource "services" in API group "" in the namespace "default"'
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def admin(control_plane_eks, tmp_path_factory):
    one = Person(control_plane_eks, tmp_path_factory.mktemp("admin") / "home")
    one.sets_up_kubectl()
    return one


@pytest.fixture(scope="module")
def developer(cloud):
    """S0-05: a role without any permission."""
    return cloud.role(name=f"BackendTeamDeveloper{uuid4().hex[:6]}")


@pytest.fixture
def session(cloud, admin, person):
    """Somebody in a session of a role, with the administrator's kubeconfig: it names no credentials."""

    def of(role, name="BackendTeamSession"):
        made = person(cloud.session(role, name), name)
        made.env["KUBECONFIG"] = admin.env["KUBECONFIG"]
        return made

    return of


def mapped_group(group, namespace, subject):
    """The printed Role and RoleBinding of walkthrough 0, for some subject."""
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get", "list", "create", "patch"]}
    ]
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": "dev", "namespace": namespace},
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": group, "namespace": namespace},
        "subjects": [{**subject, "apiGroup": RBAC}], "roleRef": {"kind": "Role", "name": "dev", "apiGroup": RBAC},
    }  # fmt: skip
    return "\n---\n".join(json.dumps(each) for each in (role, binding))


def applied(admin, text):
    path = admin.home / f"{uuid4().hex}.yaml"
    path.write_text(text)
    done = admin.kubectl("apply", "-f", str(path))
    assert done.returncode == 0, done.stderr


APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend-app, namespace: NAMESPACE}
spec:
  replicas: 1
  selector: {matchLabels: {app: backend-app}}
  template:
    metadata: {labels: {app: backend-app}}
    spec: {containers: [{name: nginx, image: "nginx:latest"}]}
"""


@pytest.mark.parametrize("team", ["BackendTeamDeveloper", "FrontendTeamDeveloper"])
def test_s0_06_s0_07_s0_08_s0_09_s0_10_an_entry_as_the_walkthrough_makes_it_for_each_team(admin, cloud, team):
    role = cloud.role(name=f"{team}{uuid4().hex[:6]}")
    whose = (*ON, "--principal-arn", role)
    admin.aws("eks", "create-access-entry", *whose, "--type", "STANDARD")
    nine = role.replace(ACCOUNT, ACCOUNT[:9])
    refused = admin.run("aws", "eks", "create-access-entry", *ON, "--principal-arn", nine)
    assert "The specified principalArn is invalid: invalid principal." in refused.stderr
    entry = admin.aws("eks", "describe-access-entry", *whose)["accessEntry"]
    name = role.rpartition("/")[2]
    assert (entry["type"], entry["kubernetesGroups"]) == ("STANDARD", [])
    assert entry["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}"
    assert admin.aws("eks", "list-associated-access-policies", *whose)["associatedAccessPolicies"] == []
    again = admin.run("aws", "eks", "create-access-entry", *whose, "--type", "STANDARD")
    assert "(ResourceInUseException)" in again.stderr
    assert "The specified access entry resource is already in use on this cluster." in again.stderr


def test_s0_13_s0_14_the_session_says_who_it_is(admin, developer, person):
    given = ("--role-arn", developer, "--role-session-name", "BackendTeamSession")
    answer = admin.aws("sts", "assume-role", *given)
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{developer.rpartition('/')[2]}/BackendTeamSession"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    told = person(answer["Credentials"]).aws("sts", "get-caller-identity")
    assert (told["Arn"], told["Account"]) == (arn, ACCOUNT)
    assert told["UserId"].startswith("AROA") and told["UserId"].endswith(":BackendTeamSession")


def test_s0_15_a_role_without_permissions_has_a_token_and_no_kubeconfig(developer, session):
    member = session(developer)
    done = member.run("aws", "eks", "update-kubeconfig", "--name", CLUSTER)
    assert "(AccessDeniedException)" in done.stderr and "eks:DescribeCluster" in done.stderr
    assert member.token()


def test_s0_16_s0_17_the_printed_subject_never_matches_and_a_group_does(admin, cloud, session):
    namespace, role = f"backend-{uuid4().hex[:6]}", cloud.role()
    admin.kubectl("create", "namespace", namespace)
    cloud.entry(role)
    applied(admin, mapped_group("printed", namespace, {"kind": "User", "name": role}))
    member = session(role)
    app = member.home / "backend-app.yaml"
    app.write_text(APP.replace("NAMESPACE", namespace))
    user = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/BackendTeamSession"
    refused = member.kubectl("apply", "-f", str(app)).stderr
    assert f'deployments.apps "backend-app" is forbidden: User "{user}" cannot get resource "deployments"' in refused
    cloud.eks.update_access_entry(clusterName=CLUSTER, principalArn=role, kubernetesGroups=["backend-team"])
    applied(admin, mapped_group("mended", namespace, {"kind": "Group", "name": "backend-team"}))
    # A token of the same second is the same token, and the API server remembers what it meant.
    made = eventually(lambda: member.kubectl("apply", "-f", str(app)).stdout, within=15)
    assert made == "deployment.apps/backend-app created\n"
    elsewhere = member.kubectl("get", "pods", "-n", "default").stderr
    assert f'pods is forbidden: User "{user}" cannot list resource "pods"' in elsewhere


def test_s0_26_the_token_of_a_role_that_is_gone_opens_nothing(cloud, session):
    role = cloud.role()
    cloud.entry(role, username="leaver")
    member = session(role)
    assert member.who() == ("leaver", [])
    cloud.iam.delete_role(RoleName=role.rpartition("/")[2])
    # A token of the same second is the same token, and the API server remembers what it meant.
    eventually(lambda: UNAUTHORIZED in member.who(), within=15)


def test_s2_06_s2_07_s2_08_a_user_in_aws_auth_is_somebody_and_may_nothing(
    admin, cloud, person, aws_auth, control_plane_eks
):
    node = cloud.role(name=f"EKS-Worker-NodeInstanceRole-{uuid4().hex[:8].upper()}")
    nodes = (
        f"- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: {node}\n"
        "  username: system:node:{{EC2PrivateDNSName}}\n"
    )
    arn, key = cloud.user()
    aws_auth(mapRoles=nodes, mapUsers=f"- userarn: {arn}\n  username: dev\n")
    dev = person(key, "dev")
    dev.env["KUBECONFIG"] = admin.env["KUBECONFIG"]
    assert "AccessDeniedException" in dev.run("aws", "eks", "describe-cluster", "--name", CLUSTER).stderr
    eventually(lambda: dev.who() == ("dev", []), within=20)
    refused = dev.kubectl("get", "pods").stderr
    assert (
        'pods is forbidden: User "dev" cannot list resource "pods" in API group "" in the namespace "default"'
        in refused
    )
    assert admin.kubectl("auth", "whoami", "--as=dev").returncode == 0
    imposter = dev.kubectl("get", "pods", "--as=dba").stderr
    # 1.36 says `cannot impersonate-on:user-info:list resource "pods"`, older ones `cannot impersonate resource "users"`.
    assert "Forbidden" in imposter and 'User "dev" cannot impersonate' in imposter


def test_s4_01_s4_02_s4_03_the_administrator_by_access_policy_in_a_group(admin, cloud, session):
    mode = admin.aws("eks", "describe-cluster", "--name", CLUSTER)["cluster"]["accessConfig"]["authenticationMode"]
    assert mode == "API_AND_CONFIG_MAP"
    name = f"AWSReservedSSO_AdministratorAccess_{uuid4().hex[:16]}"
    role = cloud.role(path="/aws-reserved/sso.amazonaws.com/eu-north-1/", name=name)
    cloud.entry(role, kubernetesGroups=["cluster-admins"])
    whose = (*ON, "--principal-arn", role)
    admin.aws("eks", "associate-access-policy", *whose, "--policy-arn", CLUSTER_ADMIN, "--access-scope", "type=cluster")
    (one,) = admin.aws("eks", "list-associated-access-policies", *whose)["associatedAccessPolicies"]
    assert (one["policyArn"], one["accessScope"]["type"]) == (f"{ARN}AmazonEKSClusterAdminPolicy", "cluster")
    boss = session(role, "boss@example.com")
    assert boss.kubectl("auth", "can-i", "*", "*").stdout == "yes\n"
    assert boss.who()[1] == ["cluster-admins"]


def test_s4_08_s4_09_s4_10_s4_11_an_iam_user_with_describe_cluster_and_a_group_in_aws_auth(cloud, person, aws_auth):
    arn, key = cloud.user(allow("eks:DescribeCluster", resource=f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}"))
    benzema = person(key)
    assert benzema.sets_up_kubectl("--region", "us-east-1").startswith("Added new context")
    aws_auth(mapUsers=f"- groups:\n  - iam-devteam\n  userarn: {arn}\n  username: test-benzema-mto\n")
    eventually(lambda: benzema.who() == ("test-benzema-mto", ["iam-devteam"]), within=20)
    assert SERVICES.format("test-benzema-mto") in benzema.kubectl("get", "svc").stderr


def test_s4_12_s4_13_an_sso_role_with_its_path_lets_nobody_in_and_without_it_everybody_by_name(
    cloud, session, aws_auth
):
    name = f"AWSReservedSSO_PowerUserAccess_{uuid4().hex[:16]}"
    path = "/aws-reserved/sso.amazonaws.com/eu-north-1/"
    role = cloud.role(path=path, name=name)
    user = session(role, "random-user@stakater.com")
    item = "- groups:\n  - sso-devteam\n  rolearn: {}\n  username: sso-devteam:{{{{SessionName}}}}\n"
    aws_auth(mapRoles=item.format(role))
    assert UNAUTHORIZED in user.kubectl("get", "svc").stderr
    aws_auth(mapRoles=item.format(role.replace(path, "/")))
    said = eventually(lambda: (text := user.kubectl("get", "svc").stderr) and "Forbidden" in text and text, within=20)
    assert SERVICES.format("sso-devteam:random-user-stakater.com") in said
    cloud.entry(role, username="entry:{{SessionName}}")  # which wants the path
    # A token of the same second is the same token, and the API server remembers what it meant.
    eventually(lambda: user.who() == ("entry:random-user-stakater.com", []), within=15)
