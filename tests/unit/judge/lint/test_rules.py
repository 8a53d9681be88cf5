"""Each rule with a text that breaks it, and the same text corrected, which no rule finds anything in."""

from __future__ import annotations

from datetime import date
from textwrap import dedent
from typing import NamedTuple

import pytest

from cotenant.cli.manifests.mending import read
from cotenant.judge.lint.bundle import Broken, Bundle, Script
from cotenant.judge.lint.catalogue import FAULTY, RULES
from cotenant.judge.lint.edit import applied
from cotenant.judge.lint.report import lint

TODAY = date(2026, 11, 21)
NODES = """\
    - rolearn: arn:aws:iam::111122223333:role/node
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
"""
AUTH = f"kind: ConfigMap\napiVersion: v1\nmetadata: {{name: aws-auth, namespace: kube-system}}\ndata:\n  mapRoles: |\n{NODES}"
ROLE = "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: dev, namespace: team}\nrules:\n"
BINDING = "kind: RoleBinding\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: dev, namespace: team}\n"
ROLE_REF = "roleRef: {kind: Role, name: dev, apiGroup: rbac.authorization.k8s.io}\n"
CLUSTER = (
    'kind: ClusterConfig\napiVersion: eksctl.io/v1alpha5\nmetadata: {name: c, region: eu-west-1, version: "1.35"}\n'
)
ENTRY = CLUSTER + "accessConfig:\n  authenticationMode: API\n  accessEntries:\n"
POD = "kind: Pod\napiVersion: v1\nmetadata: {name: web, namespace: team, labels: {app: web}}\nspec:\n"
POLICY = "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: web, namespace: team}\nspec:\n  podSelector: {}\n"
QUOTA = "kind: ResourceQuota\napiVersion: v1\nmetadata: {name: q, namespace: team}\nspec:\n  hard: {pods: 5, limits.cpu: 4}\n"


class Case(NamedTuple):
    """`wrong` becomes `right`. `place` is line:column; `write` is printed; `fixed`: --fix does all of it."""

    wrong: str
    right: str
    place: str
    write: str
    fixed: bool = False
    script: bool = False


def line(text: str, old: str, new: str) -> tuple[str, str]:
    """A text, and the same with another line."""
    assert old in text
    return text, text.replace(old, new)


def both(head: str, wrong: str, right: str) -> tuple[str, str]:
    """Two texts that begin alike."""
    return head + wrong, head + right


CASES: dict[str, Case] = {
    "L101": Case(*line("kind: X\nspec:\n  a: 1\n   b: 2\n", "   b", "  b"), "4:0", "b: 2", fixed=True),
    "L102": Case(*line("kind: X\nspec:\n  a: “b”\n", "“b”", '"b"'), "3:0", 'a: "b"', fixed=True),
    "L103": Case(
        *line(POD + "  containers:\n  - name: c\n    args: [\u2013-as=dev]\n", "\u2013-as", "--as"),
        "7:12", "args: [--as=dev]", fixed=True,
    ),
    "L104": Case(
        *line("kind: X\nspec:\n  a\u00a0: b\n", "\u00a0", ""), "3:0", "a: b", fixed=True
    ),
    "L105": Case(
        *line("kind: X\nspec: arn:aws:iam::123456789:role/Dev\n", "123456789", "123456789012"),
        "2:7", "arn:aws:iam::<12 digits>:role/Dev",
    ),
    "L106": Case(
        *line(POLICY + "  policyTypes: [ingress]\n", "[ingress]", "[Ingress]"), "6:17", "policyTypes: [Ingress]", fixed=True
    ),
    "L107": Case(
        *line("kind: ConfigMap\nmetadata: {name: a}\ndata:\n  port: 5432\n", "5432", '"5432"'), "4:9", 'port: "5432"', fixed=True
    ),
    "L108": Case(*line("apiversion: v1\nkind: Secret\n", "apiversion", "apiVersion"), "1:1", "apiVersion: v1", fixed=True),
    "L201": Case(
        *both(ROLE, '- {apiGroups: ["apps", "extensions"], resources: [deployments], verbs: [get]}\n',
              '- {apiGroups: ["apps"], resources: [deployments], verbs: [get]}\n'),
        "5:24", '- {apiGroups: ["apps"], resources: [deployments], verbs: [get]}', fixed=True,
    ),
    "L202": Case(
        *both(ROLE, '- apiGroups: [""]\n  resources: [pods]\n  verbs:\n  - get\n  - describe  # of kubectl\n  - list\n',
              '- apiGroups: [""]\n  resources: [pods]\n  verbs:\n  - get\n  - list\n'),
        "9:5", 'verbs: ["get", "list"]', fixed=True,
    ),
    "L203": Case(
        *both(ROLE, '- apiGroups: [""]\n  resources: [pods]\n  verbs: [get, list, create]\n',
              '- apiGroups: [""]\n  resources: [pods]\n  verbs: [get, list, create, watch]\n'),
        "7:3", "verbs: [get, list, create, watch]", fixed=True,
    ),
    "L204": Case(
        *both(ROLE, '- apiGroups: ["apps"]\n  resources: [ingresses]\n  verbs: [get]\n',
              '- apiGroups: ["apps", "networking.k8s.io"]\n  resources: [ingresses]\n  verbs: [get]\n'),
        "6:15", '- apiGroups: ["apps", "networking.k8s.io"]', fixed=True,
    ),
    "L205": Case(
        *both(ROLE, '- apiGroups: [""]\n  resources: [pod/log]\n  verbs: [get]\n',
              '- apiGroups: [""]\n  resources: [pods/log]\n  verbs: [get]\n'),
        "6:15", "resources: [pods/log]", fixed=True,
    ),
    "L211": Case(
        *both(BINDING + ROLE_REF, "subjects:\n- kind: User\n  name: arn:aws:iam::123456789012:role/BackendTeamDeveloper\n",
              "subjects:\n- kind: Group\n  name: backend-team-developer\n"),
        "7:9", "- kind: Group\n  name: backend-team-developer", fixed=True,
    ),
    "L212": Case(
        *both(BINDING + ROLE_REF, "subjects:\n- kind: User\n  name: arn:aws:sts::123456789012:assumed-role/Dev/ann\n",
              "subjects:\n- kind: Group\n  name: dev\n"),
        "7:9", "- kind: Group\n  name: dev",
    ),
    "L213": Case(
        "kind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: dev}\n---\n" + ROLE + "- {verbs: [get]}\n",
        BINDING + ROLE_REF + "---\n" + ROLE + "- {verbs: [get]}\n",
        "3:17", "kind: RoleBinding\nmetadata:\n  name: b\n  namespace: team",
    ),
    "L214": Case(
        *line(BINDING + ROLE_REF + "---\n" + ROLE.replace("namespace: team", "namespace: other") + "- {verbs: [get]}\n",
              "namespace: team", "namespace: other"),
        "3:34", "metadata: {name: dev, namespace: other}", fixed=True,
    ),
    "L215": Case(
        *line("apiVersion: v1\nkind: Namespace\nmetadata: {name: backend-team}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: backend-teams}\n",
              "backend-teams", "backend-team"),
        "7:32", "metadata: {name: s, namespace: backend-team}", fixed=True,
    ),
    "L216": Case(
        *both(BINDING + ROLE_REF, "subjects:\n- {kind: ServiceAccount, name: ci}\n",
              "subjects:\n- {kind: ServiceAccount, name: ci, namespace: team}\n"),
        "6:3", "- kind: ServiceAccount\n  name: ci\n  namespace: team",
    ),
    "L217": Case(
        BINDING + ROLE_REF + "subjects: [{kind: Group, name: devs}]\n---\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
        "subjects: [{kind: Group, name: devs}]\nroleRef: {kind: ClusterRole, name: edit}\n",
        BINDING + ROLE_REF + "subjects: [{kind: Group, name: devs}]\n---\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
        "subjects: [{kind: Group, name: admins}]\nroleRef: {kind: ClusterRole, name: edit}\n",
        "9:32", "kind: RoleBinding\nmetadata:\n  name: b\n  namespace: team",
    ),
    "L301": Case(
        AUTH.replace("mapRoles: |\n", "mapRoles:\n"), AUTH, "5:3", "mapRoles: |", fixed=True
    ),
    "L302": Case(*line(AUTH, "      username", "     username")[::-1], "7:0", "username: system:node:{{EC2PrivateDNSName}}", fixed=True),
    "L303": Case(*line(AUTH + "  mapusers: |\n    []\n", "mapusers", "mapUsers"), "9:3", "mapUsers: |", fixed=True),
    "L304": Case(
        *both(AUTH, "    - {rolearn: arn:aws:iam::111122223333:role/team/dev, username: 'dev:{{SessionName}}'}\n",
              "    - {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}'}\n"),
        "9:17", "- {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}'}", fixed=True,
    ),
    "L305": Case(
        *both(AUTH, "    - {rolearn: arn:aws:sts::111122223333:assumed-role/dev/abcde, username: 'dev:{{SessionName}}'}\n",
              "    - {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}'}\n"),
        "9:17", "- {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}'}", fixed=True,
    ),
    "L306": Case(
        *both(AUTH, "  mapUsers: |\n    - {userarn: arn:aws:iam::111122223333:group/devs, username: devs}\n",
              "  mapUsers: |\n    - {userarn: arn:aws:iam::111122223333:user/dev, username: dev}\n"),
        "10:17", "userarn: arn:aws:iam::<12 digits>:role/<name>",
    ),
    "L307": Case(
        *both(AUTH, "    - rolearn: arn:aws:iam::111122223333:role/NODE\n      username: system:node:{{EC2PrivateDNSName}}\n      groups: [x]\n", ""),
        "9:16", "groups:\n- system:bootstrappers\n- system:nodes\n- x",
    ),
    "L308": Case(
        *both(AUTH, "  mapUsers: |\n    - userarn: arn:aws:iam::111122223333:user/dev\n      groups: [devs]\n",
              "  mapUsers: |\n    - userarn: arn:aws:iam::111122223333:user/dev\n      groups: [devs]\n      username: dev\n"),
        "10:7", "username: dev",
    ),
    "L309": Case(
        *both(AUTH, '    - {rolearn: arn:aws:iam::111122223333:role/dev, username: "{{SessionName}}"}\n',
              '    - {rolearn: arn:aws:iam::111122223333:role/dev, username: "dev:{{SessionName}}"}\n'),
        "9:63", '- {rolearn: arn:aws:iam::111122223333:role/dev, username: "dev:{{SessionName}}"}', fixed=True,
    ),
    "L310": Case(
        *both(AUTH, '    - {rolearn: arn:aws:iam::111122223333:role/dev, username: "dev:{{SessionName}}", groups: ["{{SessionName}}"]}\n',
              '    - {rolearn: arn:aws:iam::111122223333:role/dev, username: "dev:{{SessionName}}", groups: [dev]}\n'),
        "9:95", "- <a fixed group>",
    ),
    "L311": Case(
        *both(AUTH, "    - {rolearn: arn:aws:iam::111122223333:role/dev, username: k8s-test-user}\n",
              "    - rolearn: arn:aws:iam::111122223333:role/dev\n      username: k8s-test-user:{{SessionName}}\n      groups:\n      - k8s-test-user\n"),
        "9:63", "username: k8s-test-user:{{SessionName}}\ngroups:\n- k8s-test-user",
    ),
    "L312": Case(
        *both(AUTH, "  mapUsers: |\n    - {userarn: arn:aws:iam::111122223333:user/dev, username: dev, groups: devs}\n",
              "  mapUsers: |\n    - {userarn: arn:aws:iam::111122223333:user/dev, username: dev, groups: [devs]}\n"),
        "10:76", "- {userarn: arn:aws:iam::111122223333:user/dev, username: dev, groups: [devs]}", fixed=True,
    ),
    "L313": Case(
        *line(AUTH + "    - {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}'}\n", NODES, "")[::-1],
        "5:3",
        "- rolearn: arn:aws:iam::<12 digits>:role/<node role>\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n"
        "  - system:bootstrappers\n  - system:nodes",
    ),
    "L314": Case(
        *line(AUTH + "  mapAccounts: |\n    - 111122223333\n", "    - 111122223333", '    - "111122223333"'), "10:7", '- "111122223333"', fixed=True
    ),
    "L315": Case(
        *line(AUTH + "    - {rolearn: arn:aws:iam::111122223333:role/dev, username: 'dev:{{SessionName}}', groups: [devs]}\n---\n"
              + BINDING + ROLE_REF + "subjects: [{kind: Group, name: others}]\n", "name: others", "name: devs"),
        "9:94", "subjects:\n- kind: Group\n  name: devs\n  apiGroup: rbac.authorization.k8s.io",
    ),
    "L316": Case(
        *line(AUTH + "    - {rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_PowerUserAccess_b0ad9936c75e5bcc, username: 'dev:{{SessionName}}'}\n",
              "PowerUserAccess", "TeamDev"),
        "9:17", "arn:aws:iam::111122223333:role/AWSReservedSSO_<the team's permission set>_b0ad9936c75e5bcc",
    ),
    "L317": Case(
        *both(ENTRY, "  - principalARN: arn:aws:iam::111122223333:role/AWSReservedSSO_Dev_b0ad9936c75e5bcc\n    kubernetesGroups: [devs]\n",
              "  - principalARN: arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Dev_b0ad9936c75e5bcc\n    kubernetesGroups: [devs]\n"),
        "7:19", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Dev_b0ad9936c75e5bcc",
    ),
    "L318": Case(
        *both(ENTRY, "  - {principalARN: arn:aws:iam::111122223333:role/dev, kubernetesGroups: [eks:devs]}\n",
              "  - {principalARN: arn:aws:iam::111122223333:role/dev, kubernetesGroups: [devs]}\n"),
        "7:75", "devs",
    ),
    "L319": Case(
        *both(ENTRY, "  - principalARN: arn:aws:iam::111122223333:role/Dev\n",
              "  - principalARN: arn:aws:iam::111122223333:role/Dev\n    kubernetesGroups:\n    - dev\n"),
        "7:5", "kubernetesGroups:\n- dev",
    ),
    "L320": Case(
        *both(ENTRY, "  - principalARN: arn:aws:iam::111122223333:role/dev\n    accessPolicies:\n    - accessScope: {type: cluster, namespaces: [a]}\n",
              "  - principalARN: arn:aws:iam::111122223333:role/dev\n    accessPolicies:\n    - accessScope: {type: namespace, namespaces: [a]}\n"),
        "9:20", "accessScope: {type: namespace, namespaces: [a]}",
    ),
    "L321": Case(
        *both(CLUSTER, "accessConfig: {authenticationMode: CONFIG_MAP, accessEntries: [{principalARN: arn:aws:iam::111122223333:role/dev, kubernetesGroups: [d]}]}\n",
              "accessConfig: {authenticationMode: API_AND_CONFIG_MAP, accessEntries: [{principalARN: arn:aws:iam::111122223333:role/dev, kubernetesGroups: [d]}]}\n"),
        "4:36", "accessConfig: {authenticationMode: API_AND_CONFIG_MAP, accessEntries: [{principalARN: arn:aws:iam::111122223333:role/dev, kubernetesGroups: [d]}]}",
    ),
    "L401": Case(
        *both(POLICY, "  policyTypes: [Egress]\n  egress:\n  - to:\n    - podSelector: {}\n",
              "  policyTypes: [Egress]\n  egress:\n  - to:\n    - podSelector: {}\n  - to:\n    - namespaceSelector:\n        matchLabels:\n"
              "          kubernetes.io/metadata.name: kube-system\n    ports:\n    - {port: 53, protocol: UDP}\n    - {port: 53, protocol: TCP}\n"),
        "7:3",
        "- to:\n  - namespaceSelector:\n      matchLabels:\n        kubernetes.io/metadata.name: kube-system\n  ports:\n"
        "  - {port: 53, protocol: UDP}\n  - {port: 53, protocol: TCP}",
    ),
    "L402": Case(
        *both(POLICY, "  ingress:\n  - from:\n    - namespaceSelector:\n        matchLabels:\n          tenant: a\n",
              "  ingress:\n  - from:\n    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: tenant-a\n"),
        "10:11", "kubernetes.io/metadata.name: <name of the namespace>",
    ),
    "L403": Case(
        *both(POLICY, "  policyTypes: [Egress]\n  ingress: []\n", "  policyTypes: [Egress, Ingress]\n  ingress: []\n"),
        "7:3", "policyTypes: [Egress, Ingress]", fixed=True,
    ),
    "L404": Case(
        POLICY + "---\n" + POD + "  containers: []\n",
        POLICY + "---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: web, namespace: team}\n",
        "7:7", "kind: Deployment\nmetadata:\n  name: web",
    ),
    "L501": Case(
        *both(POD, "  tolerations:\n  - {key: tenant, value: A, effect: NoSchedule}\n",
              "  tolerations:\n  - {key: tenant, value: A, effect: NoSchedule}\n  nodeSelector:\n    node-restriction.kubernetes.io/tenant: A\n"),
        "6:5", "nodeSelector:\n  node-restriction.kubernetes.io/tenant: A",
    ),
    "L502": Case(
        *both(POD, "  nodeSelector: {tenant: A}\n", "  nodeSelector: {node-restriction.kubernetes.io/tenant: A}\n"),
        "5:18", "nodeSelector: {node-restriction.kubernetes.io/tenant: A}",
    ),
    "L503": Case(
        *both(CLUSTER + "nodeGroups:\n- {name: n, labels: {example.com/pool: gold}, taints: [{key: pool, value: gold, effect: NoSchedule}]}\n---\n" + POD,
              "  nodeSelector: {example.com/pool: gold}\n",
              "  nodeSelector: {example.com/pool: gold}\n  tolerations: [{key: pool, value: gold, effect: NoSchedule}]\n"),
        "11:3", "tolerations:\n- key: pool\n  operator: Equal\n  value: gold\n  effect: NoSchedule",
    ),
    "L504": Case(
        *both(CLUSTER + "nodeGroups:\n", "- {name: n, labels: {tenant: A}}\n",
              "- {name: n, labels: {tenant: A}, taints: [{key: tenant, value: A, effect: NoSchedule}]}\n"),
        "5:22", "taints:\n- key: tenant\n  value: A\n  effect: NoSchedule",
    ),
    "L601": Case(
        QUOTA,
        QUOTA + "---\nkind: LimitRange\nmetadata: {name: d, namespace: team}\nspec:\n  limits:\n  - {type: Container, max: {cpu: 1}}\n",
        "5:3",
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: team}\nspec:\n  limits:\n  - type: Container\n    default: {cpu: 500m}",
    ),
    "L701": Case(*line(CLUSTER, '"1.35"', '"1.28"')[::-1], "3:49", 'metadata: {name: c, region: eu-west-1, version: "1.35"}'),
    "L702": Case(*line(CLUSTER, '"1.35"', "1.35")[::-1], "3:49", 'metadata: {name: c, region: eu-west-1, version: "1.35"}'),
    "L703": Case(
        *both(CLUSTER + "managedNodeGroups:\n", "- {name: n, labels: {node-restriction.kubernetes.io/team: a}}\n", "- {name: n, labels: {example.com/team: a}}\n"),
        "5:22", "kubectl label nodes -l eks.amazonaws.com/nodegroup=n node-restriction.kubernetes.io/team=a",
    ),
    "L711": Case(
        *line("apiVersion: extensions/v1beta1\nkind: Ingress\n", "extensions/v1beta1", "networking.k8s.io/v1"), "1:13", "apiVersion: networking.k8s.io/v1", fixed=True
    ),
    "L712": Case(
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\nspec: {runAsUser: {rule: RunAsAny}}\n",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {pod-security.kubernetes.io/enforce: baseline}}\n",
        "2:7",
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: <namespace>\n  labels:\n    pod-security.kubernetes.io/enforce: baseline\n"
        "    pod-security.kubernetes.io/enforce-version: latest",
    ),
    "L713": Case(
        *line('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"}]}\n',
              '"*"', '"arn:aws:eks:eu-west-1:111122223333:cluster/shared"'),
        "1:106", "arn:aws:eks:<region>:<12 digits>:cluster/<name>",
    ),
    "L801": Case(
        *line("eksctl create accessentry \\ --cluster c\n", "\\ ", ""), "1:27", "eksctl create accessentry --cluster c", fixed=True, script=True
    ),
    "L802": Case(
        *line("eksctl create iamidentitymapping --arn arn:aws:iam::111122223333:role/a/dev --username d\n", "role/a/dev", "role/dev"),
        "1:40", "eksctl create iamidentitymapping --arn arn:aws:iam::111122223333:role/dev --username d", fixed=True, script=True,
    ),
    "L803": Case(
        *line("eksctl create cluster --version 1.28\n", "1.28", "1.35"), "1:33", "eksctl create cluster --version 1.35", script=True
    ),
}  # fmt: skip


def bundle(text: str, *, script: bool = False) -> tuple[Bundle, list[str]]:
    """What is read of a text, and its lines with mended ones."""
    if script:
        return Bundle([], TODAY, [Script("t", text.splitlines())]), text.splitlines()
    found = read("t", text)
    broken = [Broken(one.source, one.line, one.message, one.mended, where) for one, where in found.faults]
    return Bundle(found.documents, TODAY, [], broken), found.lines


def test_every_rule_is_tried_here():
    assert set(CASES) == {one.id for one in RULES}


@pytest.mark.parametrize("id_", CASES)
def test_a_trap_is_named_with_its_place_and_the_corrected_text(id_):
    case = CASES[id_]
    found = lint(bundle(case.wrong, script=case.script)[0]).traps
    assert [one.rule for one in found] == [id_], [f"{one.rule} {one.message}" for one in found]
    assert f"{found[0].line}:{found[0].column}" == case.place
    assert dedent(found[0].write) == case.write


@pytest.mark.parametrize("id_", CASES)
def test_the_corrected_text_is_clean(id_):
    case = CASES[id_]
    assert [f"{one.rule} {one.message}" for one in lint(bundle(case.right, script=case.script)[0]).traps] == []


@pytest.mark.parametrize("id_", [id_ for id_, case in CASES.items() if case.fixed])
def test_corrections_that_need_no_decision_change_exactly_that(id_):
    case = CASES[id_]
    found, lines = bundle(case.wrong, script=case.script)
    assert applied(lines, lint(found).edits.get("t", [])) == case.right


@pytest.mark.parametrize("id_", [id_ for id_, case in CASES.items() if not case.fixed])
def test_what_only_a_person_can_decide_is_not_written(id_):
    case = CASES[id_]
    found, lines = bundle(case.wrong, script=case.script)
    assert applied(lines, lint(found).edits.get("t", [])) == case.wrong


@pytest.mark.parametrize("rule", [FAULTY, *RULES], ids=lambda one: one.id)
def test_a_rule_explains_itself_in_one_sentence(rule):
    assert rule.why.endswith(".") and ". " not in rule.why.removesuffix(".").replace("… ", ""), rule.why
    assert len(rule.why) < 200
    assert rule.fix.endswith((".", "….", "`."))


def test_ids_and_names_are_there_once():
    for values in ([one.id for one in RULES], [one.name for one in RULES]):
        assert len(values) == len(set(values))


def test_a_rule_that_is_ignored_is_silent():
    found = bundle(CASES["L711"].wrong)[0]
    assert lint(found, ignored=["L711"]).traps == lint(found, ignored=["api-gone"]).traps == []
