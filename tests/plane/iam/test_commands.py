"""`cotenant iam`, access, who-can, kubeconfig and whoami against a cluster that people enter by IAM."""

from __future__ import annotations

import pytest

from cloud import ACCOUNT, NAME, NODES, AwsAuth, Cloud, Shell
from plane.iam.test_members import entered, fresh, synced
from vocabulary import Team, given_tenant

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def team(account: Cloud) -> tuple[Team, str]:
    role = account.role(fresh(), "/teams/a/")
    made = given_tenant(account.cluster, "cmd", spaces=["dev"], members=[{"role": "editor", "iamRole": role}])
    synced(account, made.name)
    return made, role


def test_aws_auth_is_written_listed_and_rolled_back(administrator: Shell, mapped: AwsAuth, team) -> None:
    made, role = team
    plan = administrator.cotenant("iam", "plan", made.name, "--store", "aws-auth")
    assert (plan.code, role.replace("teams/a/", "") in plan.out) == (1, True), plan
    assert mapped.data() == {"mapRoles": NODES}
    done = administrator.cotenant("iam", "apply", made.name, "--store", "aws-auth")
    assert done.ok, done
    assert "revision 1: cotenant iam rollback" in done.err
    assert mapped.data()["mapRoles"].startswith(NODES)
    assert f"- cotenant:{made.name}:editor" in mapped.data()["mapRoles"]
    again = administrator.cotenant("iam", "apply", made.name, "--store", "aws-auth")
    assert "0 added, 0 changed, 0 removed, 0 in conflict, 1 as they are" in again.err
    listed = administrator.cotenant("iam", "list")
    assert "without effect: its access entry holds" in listed.out
    assert listed.code == 1
    assert "authentication mode API_AND_CONFIG_MAP" in listed.err
    assert administrator.cotenant("iam", "rollback", "--dry-run").code == 1
    assert administrator.cotenant("iam", "rollback").ok
    assert mapped.data() == {"mapRoles": NODES}
    assert "cotenant iam rollback --to 1" in administrator.cotenant("iam", "rollback", "--list").out


def test_a_rollback_that_loses_nodes_is_refused(administrator: Shell, mapped: AwsAuth, team) -> None:
    made, _ = team
    assert administrator.cotenant("iam", "apply", made.name, "--store", "aws-auth").ok
    more = NODES.replace("node-role", "new-node-role")
    mapped.write(mapRoles=mapped.data()["mapRoles"] + more)
    refused = administrator.cotenant("iam", "rollback")
    assert refused.code == 2
    assert f"nodes join by arn:aws:iam::{ACCOUNT}:role/new-node-role, which would be lost" in refused.err
    assert more in mapped.data()["mapRoles"]


def test_without_aws_auth_nothing_is_written(administrator: Shell, team) -> None:
    refused = administrator.cotenant("iam", "apply", team[0].name, "--store", "aws-auth")
    assert (refused.code, "kubectl create configmap aws-auth" in refused.err) == (2, True)


def test_entries_are_as_tenants_say_and_a_second_apply_does_nothing(administrator: Shell, team) -> None:
    plan = administrator.cotenant("iam", "plan", team[0].name)
    assert plan.ok, plan
    assert "0 added, 0 changed, 0 removed, 0 in conflict" in plan.err
    done = administrator.cotenant("iam", "apply", team[0].name)
    assert done.ok, done


def test_an_entry_is_made_by_hand_where_no_operator_does(account: Cloud, administrator: Shell) -> None:
    account.cluster.operator.stop()
    try:
        role = account.role(fresh())
        made = given_tenant(account.cluster, "cmd", members=[{"role": "owner", "iamRole": role}], ready=False)
        assert administrator.cotenant("iam", "plan", made.name).code == 1
        done = administrator.cotenant("iam", "apply", made.name)
        assert done.ok, done
        found = account.eks.describe_access_entry(clusterName=NAME, principalArn=role)["accessEntry"]
        assert found["kubernetesGroups"] == [f"cotenant:{made.name}:owner"]
    finally:
        account.cluster.operator.start()


def test_the_import_proposes_entries_and_names_what_stays_behind(
    account: Cloud, administrator: Shell, mapped: AwsAuth
) -> None:
    role = account.role(fresh(), "/ops/")
    short = role.replace("ops/", "")
    items = f"- rolearn: {short}\n  username: ops:{{{{SessionName}}}}\n  groups: [system:masters, ops]\n"
    items += f"- rolearn: arn:aws:iam::{ACCOUNT}:role/gone\n  username: x\n"
    mapped.write(mapRoles=items, mapAccounts=f'- "{ACCOUNT}"\n')
    found = administrator.cotenant("iam", "import", "aws-auth")
    assert found.code == 1
    assert (
        f"--principal-arn '{role}' --type STANDARD --username 'ops:{{{{SessionName}}}}' --kubernetes-groups 'ops'"
        in found.out
    )
    assert "AmazonEKSClusterAdminPolicy" in found.out
    assert "role/gone: does not exist in IAM" in found.err
    assert f"mapAccounts {ACCOUNT}" in found.err


def test_who_somebody_is_and_what_he_may_do_is_told_with_the_way(account: Cloud, administrator: Shell, team) -> None:
    made, role = team
    space = made.namespace("dev")
    found = administrator.cotenant("access", "--iam", role)
    assert found.ok, found
    assert f"{role} --access entry--> user" in found.out
    assert f"groups cotenant:{made.name}:editor (made by cotenant)" in found.out
    assert [space, "ClusterRole", "cotenant:editor"] in [line.split()[:3] for line in found.out.splitlines()]
    who = administrator.cotenant("who-can", "create", "pods", "--tenant", made.name)
    assert f"{role}" in who.out
    assert "EKS AmazonEKSClusterAdminPolicy on the whole cluster" in who.out
    assert administrator.cotenant("access", "--iam", f"arn:aws:iam::{ACCOUNT}:role/nobody").code == 1
    ann = entered(account, made.name, role)
    me = ann.cotenant("whoami", "-n", space)
    assert f"(role arn:aws:iam::{ACCOUNT}:role/{role.rpartition('/')[2]}, session ann)" in me.out
    assert made.name in me.out


def test_an_access_policy_that_reaches_into_a_tenant_is_shown(account: Cloud, administrator: Shell, team) -> None:
    made, _ = team
    sneaky = account.role(fresh())
    account.eks.create_access_entry(clusterName=NAME, principalArn=sneaky)
    account.eks.associate_access_policy(
        clusterName=NAME,
        principalArn=sneaky,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
        accessScope={"type": "namespace", "namespaces": [f"{made.name}-*"]},
    )
    who = administrator.cotenant("who-can", "list", "pods", "-n", made.namespace("dev"))
    assert f"{sneaky}" in who.out
    assert f"EKS AmazonEKSViewPolicy on {made.name}-*" in who.out
    assert sneaky not in administrator.cotenant("who-can", "list", "secrets", "-n", made.namespace("dev")).out
    assert "outside RBAC" in administrator.cotenant("access", "--iam", sneaky).out


def test_the_kubeconfig_of_a_tenant_has_a_context_for_each_space(account: Cloud, administrator: Shell, team) -> None:
    made, role = team
    done = administrator.cotenant("kubeconfig", made.name, "--role-arn", role)
    assert done.ok, done
    ann = account.shell("handed", account.session(role))
    (ann.home / "config").write_text(administrator.cotenant("kubeconfig", made.name).out)
    assert ann.kubectl("config", "get-contexts", "-o", "name").out.split() == [made.namespace("dev"), made.home]
    assert ann.kubectl("get", "pods").ok
    assert "role/teams/a/" in done.out
