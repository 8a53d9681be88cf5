"""Walkthrough 1, S1-18 to S1-21: IAM roles of people and of Pods, each within its tenant.

There is no S3 on the local plane: a folder of a bucket is a path of IAM roles here, which policies name alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cloud import ACCOUNT, NAME, REGION, Cloud, Shell
from cotenant.local.eks.cluster import Cluster
from plane.iam.test_members import entered, entry, fresh, synced
from unit.render.reachability import End, reaches
from vocabulary import Team, eventually, expect_denied, given_tenant

pytestmark = pytest.mark.cluster
PROVIDER = Cluster().provider
WHERE = ("--eks-cluster", NAME, "--region", REGION)


@pytest.fixture
def admin(account: Cloud, administrator: Shell) -> Shell:
    """The administrator; IAM knows the cluster's issuer."""
    known = [one["Arn"] for one in account.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    if not any(one.endswith(PROVIDER) for one in known):
        account.iam.create_open_id_connect_provider(Url=f"https://{PROVIDER}", ClientIDList=["sts.amazonaws.com"])
    return administrator


def pair(account: Cloud) -> tuple[Team, Team, str, str]:
    """Two tenants with a space each and a role each for their ServiceAccounts."""
    roles = [f"arn:aws:iam::{ACCOUNT}:role/{fresh()}" for _ in "ab"]
    teams = [
        given_tenant(account.cluster, "pods", spaces=["dev"], serviceAccounts={"iamRoles": [one]}) for one in roles
    ]
    return teams[0], teams[1], roles[0], roles[1]


def made(account: Cloud, admin: Shell, team: Team, role: str, *flags: str) -> None:
    """The role, with the trust that cotenant prints and a policy for what is its tenant's."""
    printed = admin.cotenant("iam", "trust", team.name, *flags, *WHERE)
    assert printed.ok, printed
    name = role.rpartition("/")[2]
    account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=printed.out)
    mine = {"Effect": "Allow", "Action": "iam:GetRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/{team.name}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [mine]})
    account.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)


def serviceaccount(name: str, namespace: str, role: str) -> str:
    metadata = {"name": name, "namespace": namespace, "annotations": {"eks.amazonaws.com/role-arn": role}}
    return json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


def inside(account: Cloud, admin: Shell, namespace: str, role: str, name: str = "app") -> Shell:
    """The environment that the Pod Identity webhook of EKS gives to a Pod with an annotated ServiceAccount."""
    shell = account.shell(f"pod-{fresh()}")
    token = admin.kubectl("create", "token", name, "-n", namespace, "--audience", "sts.amazonaws.com")
    assert token.ok, token
    (shell.home / "token").write_text(token.out.strip())
    for one in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        shell.env.pop(one, None)
    shell.env |= {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(shell.home / "token"), "AWS_ROLE_SESSION_NAME": "web"}  # fmt: skip
    return shell


def test_s1_18_an_iam_role_is_a_role_in_the_namespaces_of_its_tenant(account: Cloud) -> None:
    role = account.role(fresh())
    team = given_tenant(account.cluster, "map", spaces=["dev"], members=[{"role": "viewer", "iamRole": role}])
    synced(account, team.name)
    group = f"cotenant:{team.name}:viewer"
    assert entry(account, role)["kubernetesGroups"] == [group]
    bound = account.cluster.there("RoleBinding", "cotenant-viewer", team.namespace("dev"))
    assert (bound["roleRef"]["kind"], [one["name"] for one in bound["subjects"]]) == ("ClusterRole", [group])
    ann = entered(account, team.name, role)
    assert ann.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    expect_denied(ann.kubectl("create", "configmap", "x", "-n", team.namespace("dev")), by="RBAC")


def test_s1_19_a_pod_is_its_tenants_role_by_irsa_and_reaches_what_is_its_tenants(account: Cloud, admin: Shell) -> None:
    team, other, role, _ = pair(account)
    space = team.namespace("dev")
    made(account, admin, team, role, "--for", "irsa", "--service-account", "app")
    assert team.owner.apply(serviceaccount("app", space, role)).ok
    pod = inside(account, admin, space, role)
    told = json.loads(pod.aws("sts", "get-caller-identity").out)
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/web"
    names = {one: account.role(fresh(), f"/{one.name}/").rpartition("/")[2] for one in (team, other)}
    assert pod.aws("iam", "get-role", "--role-name", names[team]).ok
    assert "AccessDenied" in pod.aws("iam", "get-role", "--role-name", names[other]).err


def test_s1_19_the_agent_of_pod_identity_gets_the_tenants_role_for_its_pods(account: Cloud, admin: Shell) -> None:
    team, other, role, _ = pair(account)
    made(account, admin, team, role)
    for one in (team, other):
        assert admin.kubectl("create", "serviceaccount", "app", "-n", one.namespace("dev")).ok
        whose = ("--namespace", one.namespace("dev"), "--service-account", "app", "--role-arn", role)
        done = admin.aws("eks", "create-pod-identity-association", "--cluster-name", NAME, *whose)
        assert done.ok, done

    def asked(one: Team) -> object:
        token = admin.kubectl(
            "create", "token", "app", "-n", one.namespace("dev"), "--audience", "pods.eks.amazonaws.com"
        )
        return admin.aws(
            "eks-auth", "assume-role-for-pod-identity", "--cluster-name", NAME, "--token", token.out.strip()
        )

    mine = asked(team)
    assert json.loads(mine.out)["subject"] == {"namespace": team.namespace("dev"), "serviceAccount": "app"}
    # The association of the other tenant is there, and the trust that cotenant printed keeps it out.
    assert "AccessDeniedException" in asked(other).err
    found = admin.cotenant("iam", "workloads", other.name, *WHERE)
    assert found.code == 1 and f"has by Pod Identity a role of tenant {team.name}" in found.out


def test_s1_20_the_metadata_of_the_node_is_out_of_reach_and_the_agent_is_not(account: Cloud) -> None:
    team = given_tenant(account.cluster, "imds", spaces=["dev"])
    space = team.namespace("dev")
    policies = account.cluster.list("NetworkPolicy", space)
    labels = account.cluster.there("Namespace", space)["metadata"]["labels"]
    pod = End("10.0.0.1", space, labels)
    assert not reaches(policies, pod, End("169.254.169.254"), 80)
    assert not reaches(policies, pod, End("fd00:ec2::254"), 80)
    assert reaches(policies, pod, End("169.254.170.23"), 80)
    assert reaches(policies, pod, End("1.1.1.1"), 443)


def test_s1_21_anothers_role_is_refused_by_admission_by_trust_and_found_where_a_platform_gave_it(
    account: Cloud, admin: Shell
) -> None:
    team, other, mine, theirs = pair(account)
    space = team.namespace("dev")
    made(account, admin, other, theirs, "--for", "irsa")
    expect_denied(team.owner.apply(serviceaccount("app", space, theirs)), saying="COTENANT-ACCOUNT-1")
    assert admin.kubectl("create", "serviceaccount", "app", "-n", space).ok
    refused = inside(account, admin, space, theirs).aws("sts", "get-caller-identity")
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in refused.err
    assert admin.cotenant("iam", "workloads", team.name, *WHERE).code == 0
    # Nobody gives it past the rule; what a wider list once allowed stays when the list gets narrower.
    given = ("annotate", "serviceaccount", "app", "-n", space, f"eks.amazonaws.com/role-arn={theirs}")
    assert "COTENANT-ACCOUNT-1" in admin.kubectl(*given).err
    team.change(serviceAccounts={"iamRoles": [theirs]})
    eventually(lambda: admin.kubectl(*given).ok)
    team.change(serviceAccounts={"iamRoles": [mine]})
    found = admin.cotenant("iam", "workloads", team.name, *WHERE)
    assert found.code == 1 and f"has by IRSA a role of tenant {other.name}" in found.out
    everybody = {"StringLike": {f"{PROVIDER}:sub": "system:serviceaccount:*:app"}}
    federated = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{PROVIDER}"}
    statement = {
        "Effect": "Allow",
        "Principal": federated,
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": everybody,
    }
    account.iam.update_assume_role_policy(
        RoleName=theirs.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    found = admin.cotenant("iam", "workloads", team.name, other.name, *WHERE)
    assert f"any Pod of {space} can take it on" in found.out
    assert f"tenant {other.name}: its trust lets in by IRSA every namespace of the cluster" in found.out
    account.iam.delete_role_policy(RoleName=theirs.rpartition("/")[2], PolicyName="own")
    account.iam.delete_role(RoleName=theirs.rpartition("/")[2])


def test_s1_21_an_association_with_anothers_role_is_told_to_its_tenant_with_the_command(
    account: Cloud, admin: Shell
) -> None:
    team, _, mine, theirs = pair(account)
    space = team.namespace("dev")
    made(account, admin, team, mine, "--service-account", "app")
    account.iam.create_role(RoleName=theirs.rpartition("/")[2], AssumeRolePolicyDocument="{}")
    assert admin.kubectl("create", "serviceaccount", "app", "-n", space).ok
    free = admin.cotenant("iam", "workloads", team.name, *WHERE)
    command = f"aws eks create-pod-identity-association --cluster-name {NAME} --namespace {space} --service-account app"
    assert (free.code, f"{command} --role-arn {mine}" in free.out) == (0, True), free
    assert admin.run(*command.split(), "--role-arn", theirs).ok
    looks = iter(range(1_000_000))

    def told() -> str:
        # A change of any tenant is a look; else there is one every ten minutes.
        team.change(displayName=f"look {next(looks)}")
        return synced(account, team.name, "False", "ForeignRole", seconds=15)["message"]

    said = eventually(told, within=60)
    assert f"ServiceAccount {space}/app has by Pod Identity {theirs}" in said
    assert f"tenant {team.name}, ForeignRole" in admin.cotenant("doctor").out
    events = (
        "get",
        "events",
        "-n",
        "default",
        "--field-selector",
        f"reason=ForeignRole,involvedObject.name={team.name}",
    )
    eventually(lambda: "Warning" in admin.kubectl(*events).out, within=20)
    undo = said.rpartition("; ")[2]
    assert admin.run(*undo.split()).ok
    eventually(lambda: gone(account, team, looks), within=60)


def gone(account: Cloud, team: Team, looks: Iterator[int]) -> bool:
    team.change(displayName=f"look {next(looks)}")
    return bool(synced(account, team.name, "True", "NoIAMMembers", seconds=15))
