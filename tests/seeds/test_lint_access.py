"""The walkthroughs' clusters, accounts and roles as they are printed: `cotenant lint` names each of their traps, and finds nothing in what it corrects."""

from __future__ import annotations

import json

RBAC = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {team}-team-developer-role
  namespace: {team}-team
rules:
- apiGroups: ["", "apps", "extensions"]
  resources: ["pods", "deployments", "services", "configmaps"]
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"]
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["get", "list"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {team}-team-developer-rolebinding
  namespace: {team}-team
subjects:
- kind: User
{indent}name: arn:aws:iam::123456789012:role/{role}TeamDeveloper
  apiGroup: rbac.authorization.k8s.io
roleRef:
  kind: Role
  name: {team}-team-developer-role
  apiGroup: rbac.authorization.k8s.io
"""


ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: k8s-test-role
  namespace: test
rules:
- apiGroups:
  - ""
  - "apps"
  - "batch"
  - "extensions"
  resources:
  - "configmaps"
  - "cronjobs"
  - "deployments"
  - "events"
  - "ingresses"
  - "jobs"
  - "pods"
  - "pods/attach"
  - "pods/exec"
  - "pods/log"
  - "pods/portforward"
  - "secrets"
  - "services"
  verbs:
  - "create"
  - "delete"
  - "describe"
  - "get"
  - "list"
  - "patch"
  - "update"
"""


NODES = """\
    - groups:
      - system:bootstrappers
      - system:nodes
      rolearn: arn:aws:iam::111122223333:role/node-role
      username: system:node:{{EC2PrivateDNSName}}
"""


AUTH = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n  mapRoles: |\n"
    + NODES
)


SSO = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-north-1/AWSReservedSSO_{}_b0ad9936c75e5bcc"


CLUSTER = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: multi-tenancy-demo
  region: us-east-1
  version: "1.28"
managedNodeGroups:
- name: standard-nodes
  instanceType: t3.medium
  desiredCapacity: 2
"""


def test_s0_01_a_version_that_eks_runs_no_more(lint):
    found = lint(a_yaml=CLUSTER)
    assert found.named() == [("version-ended", 6)]
    assert "1.28" in found[0]["message"] and found[0]["write"].startswith('version: "1.')
    assert lint(a_yaml=CLUSTER.replace('version: "1.28"', found[0]["write"])) == []


def test_s0_06_an_access_entry_on_one_line_with_nine_digits(lint):
    printed = (
        "eksctl create accessentry \\ --cluster multi-tenancy-demo \\ --principal-arn "
        "arn:aws:iam::123456789:role/BackendTeamDeveloper \\ --type STANDARD\n"
    )
    found = lint(a_sh=printed)
    assert sorted(found.named()) == [("account-id-length", 1), ("stray-backslash", 1)]
    assert found.of("account-id-length")["write"] == "arn:aws:iam::<12 digits>:role/BackendTeamDeveloper"
    assert lint(a_sh=found.of("stray-backslash")["write"].replace("123456789", "123456789012")) == []


def test_s0_09_an_entry_without_groups_and_policies_gives_nothing(lint):
    entry = "accessConfig:\n  authenticationMode: API\n  accessEntries:\n  - principalARN: arn:aws:iam::123456789012:role/BackendTeamDeveloper\n"
    cluster = CLUSTER.replace("1.28", "1.35")
    assert lint(a_yaml=cluster + entry).named() == [("entry-gives-nothing", 14)]
    assert lint(a_yaml=cluster + entry + "    kubernetesGroups: [backend-team]\n") == []


def test_s0_12_a_name_out_of_its_column_hides_nothing_of_the_rest(lint):
    found = lint(a_yaml=RBAC.format(team="frontend", role="Frontend", indent=" "))
    assert found.named() == [("extensions-group", 7), ("broken-yaml", 21), ("role-arn-as-user", 21)]
    assert found.of("broken-yaml")["write"] == "name: arn:aws:iam::123456789012:role/FrontendTeamDeveloper"
    assert "write 2 spaces" in found.of("broken-yaml")["message"]


def test_s0_16_a_role_arn_as_user_matches_nobody(lint):
    found = lint(a_yaml=RBAC.format(team="backend", role="Backend", indent="  "))
    assert found.named() == [("extensions-group", 7), ("role-arn-as-user", 21)]
    told = found.of("role-arn-as-user")
    assert (told["column"], told["level"]) == (9, "error")
    assert "{{SessionName}}" in told["why"] and told["why"].endswith("bind a group.")
    assert told["write"] == "- kind: Group\n  name: backend-team-developer"


def test_s0_17_the_corrected_forms_are_clean(lint):
    for indent in ("  ", " "):
        lint("--fix", a_yaml=RBAC.format(team="backend", role="Backend", indent=indent))
        corrected = RBAC.format(team="backend", role="Backend", indent="  ").replace(', "extensions"', "")
        corrected = corrected.replace("kind: User", "kind: Group")
        corrected = corrected.replace("arn:aws:iam::123456789012:role/BackendTeamDeveloper", "backend-team-developer")
        found = lint()
        assert found == []
        assert (found.folder / "a.yaml").read_text() == corrected


def test_s1_12_nodes_that_only_the_label_reserves(lint):
    nodes = CLUSTER.replace("1.28", "1.35") + "  labels: {tenant: A}\n"
    found = lint(a_yaml=nodes)
    assert found.named() == [("label-without-taint", 11)]
    assert lint(a_yaml=nodes + "  taints: [{key: tenant, value: A, effect: NoSchedule}]\n") == []


def test_s1_17_a_tenant_that_is_bound_on_the_whole_cluster(lint):
    inside = "kind: RoleBinding\nmetadata: {name: a, namespace: tenant-a}\nsubjects: [{kind: Group, name: team-a}]\nroleRef: {kind: ClusterRole, name: edit}\n"
    assert lint(a_yaml=inside) == []
    outside = "kind: ClusterRoleBinding\nmetadata: {name: a}\nsubjects: [{kind: Group, name: team-a}]\nroleRef: {kind: ClusterRole, name: view}\n"
    assert lint(a_yaml=f"{inside}---\n{outside}").named() == [("tenant-bound-everywhere", 8)]


def test_s2_06_eleven_digits(lint):
    printed = AUTH + "  mapUsers: |\n    - userarn: arn:aws:iam::11112222333:user/dev\n      username: dev\n"
    found = lint(a_yaml=printed)
    assert found.named() == [("account-id-length", 14)]
    assert found[0]["column"] == 16
    assert lint(a_yaml=printed.replace("11112222333:", "111122223333:")) == []


def test_s2_07_who_is_mapped_and_not_bound_may_not_even_read(lint):
    users = AUTH + "  mapUsers: |\n    - {userarn: arn:aws:iam::111122223333:user/dev, username: dev}\n"
    bound = "apiVersion: tenancy.kiosk.sh/v1alpha1\nkind: Account\nmetadata: {name: node-account}\nspec:\n  subjects:\n  - {kind: User, name: {}}\n"
    found = lint(a_yaml=users, b_yaml=bound.replace("{}", "dba"))
    assert found.named() == [("bound-nowhere", 14)]
    assert "may sign in and do nothing, not even read" in found[0]["why"]
    assert lint(b_yaml=bound.replace("{}", "dev")) == []


def test_s3_02_the_arn_of_a_session_is_no_role(lint):
    item = "    - rolearn: {}\n      username: 'k8s-test:{{{{SessionName}}}}'\n"
    found = lint(a_yaml=AUTH + item.format("arn:aws:sts::111122223333:assumed-role/yourIAMRoleName/abcde"))
    assert found.named() == [("session-arn", 13)]
    assert found[0]["write"] == "- rolearn: arn:aws:iam::111122223333:role/yourIAMRoleName"
    assert lint(a_yaml=AUTH + item.format("arn:aws:iam::111122223333:role/yourIAMRoleName")) == []


def test_s3_07_a_cluster_role_binding_to_a_role(lint):
    printed = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: k8s-test-role}\n"
    corrected = ROLE.replace('  - "extensions"\n', '  - "networking.k8s.io"\n').replace(
        '  - "describe"\n', '  - "watch"\n'
    )
    found = lint(a_yaml=printed, b_yaml=corrected)
    assert found.named() == [("cluster-binding-of-a-role", 4)]
    assert found[0]["write"] == "kind: RoleBinding\nmetadata:\n  name: b\n  namespace: test"


def test_s3_09_verbs_and_groups_that_grant_nothing(lint):
    found = lint(a_yaml=ROLE)
    assert found.named() == [("extensions-group", 11), ("no-watch", 26), ("no-such-verb", 29)]
    assert "ingresses are in networking.k8s.io" in found[0]["message"]
    lint("--fix")
    found = lint()
    assert found == []
    text = (found.folder / "a.yaml").read_text()
    assert '- "describe"' not in text and '- "networking.k8s.io"' in text and text.endswith('  - "watch"\n')


def test_s3_11_a_second_item_shadows_the_first(lint):
    item = "    - rolearn: arn:aws:iam::111122223333:role/yourIAMRoleName\n      username: 'k8s-test:{{SessionName}}'\n"
    assert lint(a_yaml=AUTH + item) == []
    assert lint(a_yaml=AUTH + item + item).named() == [("mapped-twice", 15)]


def test_s3_18_a_role_that_lists_and_cannot_watch(lint):
    told = lint(a_yaml=ROLE).of("no-watch")
    assert told["write"] == '- "watch"'
    assert "kubectl get -w" in told["why"]


def test_s3_21_one_user_name_for_everybody_who_assumes_the_role(lint):
    item = "    - rolearn: arn:aws:iam::111122223333:role/yourIAMRoleName\n      username: k8s-test-user\n"
    found = lint(a_yaml=AUTH + item)
    assert found.named() == [("one-name-for-all", 14)]
    assert found[0]["write"] == "username: k8s-test-user:{{SessionName}}\ngroups:\n- k8s-test-user"
    indented = "".join(f"      {line}\n" for line in found[0]["write"].splitlines())
    assert lint(a_yaml=AUTH + item.replace("      username: k8s-test-user\n", indented)) == []


def test_s4_08_describe_cluster_on_every_cluster(lint):
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["eks:DescribeCluster"], "Resource": "*"}],
    }
    found = lint(a_json=json.dumps(policy, indent=2))
    assert found.named() == [("every-cluster", 9)]
    policy["Statement"][0]["Resource"] = "arn:aws:eks:eu-north-1:111122223333:cluster/demo"
    assert lint(a_json=json.dumps(policy)) == []


def test_s4_09_aws_auth_lists_without_a_bar(lint):
    printed = (
        AUTH
        + "  mapUsers:\n  - userarn: arn:aws:iam::111122223333:user/test-benzema-mto\n    username: test-benzema-mto\n"
    ).replace("mapRoles: |\n" + NODES, "mapRoles:\n" + NODES.replace("    - ", "  - ").replace("      ", "    "))
    found = lint(a_yaml=printed)
    assert found.named() == [("aws-auth-list", 7), ("aws-auth-list", 13)]
    assert found[1]["write"].splitlines() == [
        "mapUsers: |",
        "  - userarn: arn:aws:iam::111122223333:user/test-benzema-mto",
        "    username: test-benzema-mto",
    ]
    lint("--fix")
    found = lint()
    assert found == []
    text = (found.folder / "a.yaml").read_text()
    assert text.startswith(AUTH)
    assert text.endswith(
        "  mapUsers: |\n    - userarn: arn:aws:iam::111122223333:user/test-benzema-mto\n      username: test-benzema-mto\n"
    )


def test_s4_12_a_role_path_in_aws_auth(lint):
    item = "    - groups:\n      - sso-devteam\n      rolearn: {}\n      username: sso-devteam:{{{{SessionName}}}}\n"
    found = lint(a_yaml=AUTH + item.format(SSO.format("DevTeam")))
    assert found.named() == [("role-path", 15)]
    assert found[0]["write"] == "rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_DevTeam_b0ad9936c75e5bcc"
    lint("--fix")
    assert lint() == []


def test_s4_12_an_access_entry_has_the_path(lint):
    cluster = CLUSTER.replace("1.28", "1.35") + "accessConfig:\n  authenticationMode: API\n  accessEntries:\n"
    bare = "arn:aws:iam::111122223333:role/AWSReservedSSO_DevTeam_b0ad9936c75e5bcc"
    entry = "  - {{principalARN: '{}', kubernetesGroups: [sso-devteam]}}\n"
    found = lint(a_yaml=cluster + entry.format(bare))
    assert found.named() == [("sso-role-without-path", 14)]
    assert found[0]["write"] == SSO.format("DevTeam").replace("eu-north-1", "us-east-1")
    assert lint(a_yaml=cluster + entry.format(SSO.format("DevTeam"))) == []


def test_s4_29_a_permission_set_that_everybody_holds(lint):
    role = "arn:aws:iam::111122223333:role/AWSReservedSSO_{}_b0ad9936c75e5bcc"
    item = "    - groups: [sso-devteam]\n      rolearn: {}\n      username: sso-devteam:{{{{SessionName}}}}\n"
    found = lint(a_yaml=AUTH + item.format(role.format("PowerUserAccess")))
    assert found.named() == [("everybodys-permission-set", 14)]
    assert "everybody with permission set PowerUserAccess becomes group sso-devteam" in found[0]["message"]
    assert lint(a_yaml=AUTH + item.format(role.format("DevTeam"))) == []
