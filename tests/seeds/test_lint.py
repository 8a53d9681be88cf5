"""The walkthroughs as they are printed: `cotenant lint` names each of their traps, and finds nothing in what it corrects."""

from __future__ import annotations

import json

import pytest

from cotenant.cli import answer

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
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: same-namespace-only
  namespace: tenant-a
spec:
  podSelector:
    matchLabels:
      app: api
  policyTypes:
  - ingress
  - egress
  ingress:
  - from:
    - namespaceSelector:
        matchLabels:
          tenant: a
  egress:
  - to:
    - namespaceSelector:
        matchLabels:
          tenant: a
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant-a, labels: {tenant: a}}\n"
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: workload
  namespace: tenant-a
spec:
  tolerations:
  - key: \u201ctenant\u201d
    operator: \u201cEqual\u201d
    value: \u201cA\u201d
    effect: \u201cNoSchedule\u201d
  nodeSelector:
    tenant: A
  containers:
  - name: app
    image: nginx
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
QUOTA = """\
apiVersion: tenantoperator.stakater.com/v1beta1
kind: Quota
metadata:
  name: small
spec:
  resourcequota:
    hard:
      configmaps: "10\u201d
"""
TENANT = """\
apiVersion: tenantoperator.stakater.com/v1beta3
kind: Tenant
metadata:
  name: tenant-sso
spec:
  accessControl:
    owners:
      groups:
     - sso-devteam
  quota: small
"""


class Linted(list):
    """What lint says about some files; the files stay where they are."""

    def __init__(self, folder, code: int, findings: list[dict]) -> None:
        super().__init__(findings)
        self.folder, self.code = folder, code

    def named(self) -> list[tuple[str, int]]:
        """(rule, line) of everything."""
        return [(one["name"], one["line"]) for one in self]

    def of(self, name: str) -> dict:
        """The only finding of a rule."""
        (found,) = [one for one in self if one["name"] == name]
        return found


@pytest.fixture
def lint(tmp_path, capsys):
    """Writes files and runs the command on their folder."""

    def run(*flags: str, **files: str) -> Linted:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        code = answer(["lint", "-f", str(tmp_path), "-o", "json", *flags], "cotenant")
        found = json.loads(capsys.readouterr().out)
        assert (found["apiVersion"], found["kind"], found["unread"]) == ("cli.cotenant.dev/v1", "LintReport", [])
        assert code == bool(found["findings"])
        return Linted(tmp_path, code, found["findings"])

    return run


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


def test_s1_04_a_quota_that_refuses_every_pod_without_requests(lint):
    quota = (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: tenant-a}\nspec: {hard: {limits.cpu: 4}}\n"
    )
    found = lint(a_yaml=quota + "---\n" + POD.replace("\u201c", "").replace("\u201d", ""))
    told = found.of("quota-without-defaults")
    assert "Pod workload is refused" in told["message"]
    assert [one["name"] for one in lint(a_yaml=f"{quota}---\n{told['write']}\n")] == []


def test_s1_09_a_label_that_a_kubelet_may_forge(lint):
    found = lint(a_yaml=POD.replace("\u201c", '"').replace("\u201d", '"'))
    assert found.named() == [("label-of-the-kubelet", 13)]
    assert found[0]["write"] == "node-restriction.kubernetes.io/tenant: A"


def test_s1_11_curly_quotes_are_letters(lint):
    found = lint(a_yaml=POD)
    assert [one["line"] for one in found if one["name"] == "curly-quotes"] == [8, 9, 10, 11]
    assert [one["write"] for one in found if one["line"] == 11] == ['effect: "NoSchedule"']
    lint("--fix")
    assert lint().named() == [("label-of-the-kubelet", 13)]


def test_s1_12_nodes_that_only_the_label_reserves(lint):
    nodes = CLUSTER.replace("1.28", "1.35") + "  labels: {tenant: A}\n"
    found = lint(a_yaml=nodes)
    assert found.named() == [("label-without-taint", 11)]
    assert lint(a_yaml=nodes + "  taints: [{key: tenant, value: A, effect: NoSchedule}]\n") == []


def test_s1_13_a_toleration_alone_keeps_nobody_off_shared_nodes(lint):
    pod = POD.replace("\u201c", '"').replace("\u201d", '"')
    found = lint(a_yaml=pod.replace("  nodeSelector:\n    tenant: A\n", ""))
    assert found.named() == [("toleration-without-selector", 8)]
    assert lint(a_yaml=pod.replace("    tenant: A", "    node-restriction.kubernetes.io/tenant: A")) == []


def test_s1_17_a_tenant_that_is_bound_on_the_whole_cluster(lint):
    inside = "kind: RoleBinding\nmetadata: {name: a, namespace: tenant-a}\nsubjects: [{kind: Group, name: team-a}]\nroleRef: {kind: ClusterRole, name: edit}\n"
    assert lint(a_yaml=inside) == []
    outside = "kind: ClusterRoleBinding\nmetadata: {name: a}\nsubjects: [{kind: Group, name: team-a}]\nroleRef: {kind: ClusterRole, name: view}\n"
    assert lint(a_yaml=f"{inside}---\n{outside}").named() == [("tenant-bound-everywhere", 8)]


def test_s1_24_policy_types_in_lower_case(lint):
    found = lint(a_yaml=POLICY)
    assert [(one["line"], one["write"]) for one in found if one["name"] == "letter-case"] == [
        (11, "- Ingress"),
        (12, "- Egress"),
    ]


def test_s1_24_the_restored_policy_with_labels_that_nobody_can_forge_is_clean(lint):
    lint("--fix", a_yaml=POLICY, b_yaml=NAMESPACE)
    found = lint()
    assert found.named() == [("no-dns", 18)]  # a rule more in a policy is for a person to decide
    rest = (found.folder / "a.yaml").read_text()
    assert rest.count("kubernetes.io/metadata.name: tenant-a") == 2
    indented = "".join(f"  {line}\n" for line in found[0]["write"].splitlines())
    assert lint(a_yaml=rest + indented) == []


def test_s1_26_egress_without_dns(lint):
    told = lint(a_yaml=POLICY).of("no-dns")
    assert told["line"] == 18
    assert "port: 53, protocol: UDP" in told["write"] and "kube-system" in told["write"]


def test_s1_27_a_label_that_its_owner_may_change(lint):
    found = [one for one in lint(a_yaml=POLICY) if one["name"] == "writable-label"]
    assert [one["line"] for one in found] == [17, 22]
    assert found[0]["write"] == "kubernetes.io/metadata.name: <name of the namespace>"


def test_s1_28_a_pod_security_policy_becomes_a_label(lint):
    printed = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata:\n  name: privileged\nspec:\n  privileged: true\n  hostNetwork: true\n"
    found = lint(a_yaml=printed)
    assert found.named() == [("pod-security-policy", 2)]
    assert "pod-security.kubernetes.io/enforce: privileged" in found[0]["write"]
    assert lint(a_yaml=found[0]["write"].replace("<namespace>", "tenant-a")) == []


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


def test_s2_28_an_en_dash_is_no_hyphen(lint):
    found = lint(a_sh="kubectl apply -f node-quota.yml \u2013-as=dev\n")
    assert found.named() == [("dash-is-no-hyphen", 1)]
    assert found[0]["write"] == "kubectl apply -f node-quota.yml --as=dev"
    assert lint(a_sh=found[0]["write"] + "\n") == []


def test_s2_35_a_bare_pod_below_a_network_policy(lint):
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: nginx, namespace: redis-space}\nspec: {containers: []}\n"
    policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: redis-space}\nspec: {podSelector: {}}\n"
    assert lint(a_yaml=pod) == []
    assert lint(b_yaml=policy).named() == [("policy-on-a-bare-pod", 2)]


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


def test_s4_14_a_curly_closing_quote(lint):
    found = lint(a_yaml=QUOTA)
    assert found.named() == [("curly-quotes", 8)]
    assert found[0]["write"] == 'configmaps: "10"'
    assert lint(a_yaml=QUOTA.replace("\u201d", '"')) == []


def test_s4_16_a_list_item_left_of_its_key(lint):
    found = lint(a_yaml=TENANT)
    assert found.named() == [("broken-yaml", 9)]
    lint("--fix")
    assert lint() == []


def test_s4_29_a_permission_set_that_everybody_holds(lint):
    role = "arn:aws:iam::111122223333:role/AWSReservedSSO_{}_b0ad9936c75e5bcc"
    item = "    - groups: [sso-devteam]\n      rolearn: {}\n      username: sso-devteam:{{{{SessionName}}}}\n"
    found = lint(a_yaml=AUTH + item.format(role.format("PowerUserAccess")))
    assert found.named() == [("everybodys-permission-set", 14)]
    assert "everybody with permission set PowerUserAccess becomes group sso-devteam" in found[0]["message"]
    assert lint(a_yaml=AUTH + item.format(role.format("DevTeam"))) == []
