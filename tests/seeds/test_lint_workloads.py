"""The walkthroughs' pods, quotas and policies as they are printed: `cotenant lint` names each of their traps, and finds nothing in what it corrects."""

from __future__ import annotations

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


def test_s1_13_a_toleration_alone_keeps_nobody_off_shared_nodes(lint):
    pod = POD.replace("\u201c", '"').replace("\u201d", '"')
    found = lint(a_yaml=pod.replace("  nodeSelector:\n    tenant: A\n", ""))
    assert found.named() == [("toleration-without-selector", 8)]
    assert lint(a_yaml=pod.replace("    tenant: A", "    node-restriction.kubernetes.io/tenant: A")) == []


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
