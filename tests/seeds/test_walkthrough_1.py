"""Walkthrough 1: the considerations, tenants A and B side by side in namespaces of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from installation import Answer, Person
from vocabulary import (
    Team,
    deployment,
    eventually,
    expect_created,
    expect_denied,
    expect_ready,
    given_namespace,
    given_role,
    given_space,
    given_tenant,
    in_force,
    may_not_touch,
    pod,
    subjects,
)

pytestmark = pytest.mark.cluster
NETWORK_POLICY = """
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
  - {ingress}
  - {egress}
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
POD_SECURITY_POLICY = """
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata:
  name: privileged
spec:
  privileged: true
  runAsUser: {rule: RunAsAny}
  seLinux: {rule: RunAsAny}
  supplementalGroups: {rule: RunAsAny}
  fsGroup: {rule: RunAsAny}
"""
QUOTA = {"requests.cpu": "1", "requests.memory": "1Gi", "requests.storage": "10Gi", "count/configmaps": 3, "pods": 5}


@dataclass
class Sides:
    """Tenant A in namespace tenant-a, tenant B in tenant-b, one user each."""

    a: Team
    b: Team
    user_a: Person
    user_b: Person


@pytest.fixture(scope="module")
def sides(installation) -> Sides:
    """Developers, not owners: the role is the platform's own. A may run as root, B is restricted."""
    kinds = "pods deployments configmaps persistentvolumeclaims"
    given_role(installation, "developer", ("get list watch create update patch delete", "core apps", kinds))
    teams = []
    for letter, security in (("a", "baseline"), ("b", "restricted")):
        name = f"tenant-{letter}"
        given_namespace(installation, "", named=name, adopt=f"{name}/main")
        team = given_tenant(
            installation,
            "",
            named=name,
            members=[
                {"role": "owner", "group": f"{name}-owners"},
                {"role": "developer", "group": f"{name}-developers"},
            ],
            quota={"hard": QUOTA},
            limits=[{"type": "Container", "defaultRequest": {"cpu": "100m", "memory": "64Mi"}, "max": {"cpu": "900m"}}],
            pods={"security": security},
            network={"isolation": "space"},
        )
        given_space(team, "main", namespace=name)
        wanted = {"pods": "5", "requests.cpu": "1", "requests.storage": "10Gi", "count/configmaps": "3"}
        eventually(lambda at=name, wanted=wanted: wanted.items() <= in_force(installation, at).items())
        teams.append(team)
    people = [installation.user(f"user-of-{letter}", f"tenant-{letter}-developers") for letter in "ab"]
    return Sides(*teams, *people)


@pytest.fixture
def user_a(cluster, sides) -> Person:
    return sides.user_a


@pytest.fixture
def user_b(cluster, sides) -> Person:
    return sides.user_b


def test_s1_01_each_tenant_has_its_own_namespace_closed_to_others_by_default(cluster, sides):
    for team, namespace in ((sides.a, "tenant-a"), (sides.b, "tenant-b")):
        labels = cluster.there("Namespace", namespace)["metadata"]["labels"]
        assert labels["cotenant.dev/tenant"] == team.name
        bound = set().union(*subjects(cluster, namespace).values())
        assert bound == {f"{team.name}-owners", f"{team.name}-developers"}
        inside = cluster.there("NetworkPolicy", "cotenant-allow-space", namespace)["spec"]
        assert inside["ingress"] == [{"from": [{"podSelector": {}}]}]


@pytest.mark.parametrize("namespace", ["tenant-b", "home-tenant-b"])
def test_s1_02_without_a_grant_everything_of_the_other_tenant_is_forbidden(user_a, namespace):
    may_not_touch(user_a, namespace)
    for what in ("pods", "configmaps", "deployments.apps"):
        expect_denied(user_a.kubectl("get", what, "-n", namespace), by="RBAC", saying=f"{what} is forbidden: ")


def claim(name: str, namespace: str, size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3", "resources": {"requests": {"storage": size}}}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("manifest", "what", "over"),
    [
        (pod("cpu", "tenant-a", resources={"requests": {"cpu": "800m"}}), 'pods "cpu"', "requests.cpu=800m"),
        (pod("ram", "tenant-a", resources={"requests": {"memory": "2Gi"}}), 'pods "ram"', "requests.memory=2Gi"),
        (claim("disk", "tenant-a", "11Gi"), 'persistentvolumeclaims "disk"', "requests.storage=11Gi"),
    ],
)
def test_s1_03_more_than_the_quota_is_refused_with_the_numbers(cluster, user_a, manifest, what, over):
    user_a.apply(pod("filler", "tenant-a", resources={"requests": {"cpu": "300m"}}))
    used = eventually(lambda: cluster.there("ResourceQuota", "cotenant", "tenant-a")["status"]["used"])
    key = over.partition("=")[0]

    expect_denied(
        user_a.apply(manifest),
        by="quota",
        saying=f"{what} is forbidden: exceeded quota: cotenant, requested: {over}, "
        f"used: {key}={used[key]}, limited: {key}={QUOTA[key]}",
    )


def test_s1_03_objects_are_counted_too(user_a):
    # kube-root-ca.crt is the first of three.
    for name in ("one", "two"):
        expect_created(user_a.kubectl("create", "configmap", name, "-n", "tenant-a"), f"configmap/{name}")

    expect_denied(
        user_a.kubectl("create", "configmap", "three", "-n", "tenant-a"),
        by="quota",
        saying='configmaps "three" is forbidden: exceeded quota: cotenant, requested: count/configmaps=1, '
        "used: count/configmaps=3, limited: count/configmaps=3",
    )


def test_s1_04_a_pod_without_limits_under_a_compute_quota_is_refused_by_name(cluster):
    team = given_tenant(cluster, "strict", spaces=["main"], quota={"hard": {"limits.cpu": "4"}})
    namespace = team.namespace("main")

    expect_denied(
        team.owner.apply(pod("bare", namespace)),
        by="quota",
        saying='pods "bare" is forbidden: failed quota: cotenant: must specify limits.cpu for: c',
    )

    expect_created(team.owner.apply(deployment("quiet", namespace)), "deployment.apps/quiet")

    def said() -> bool:
        events = cluster.list("Event", namespace)
        notes = [one["note"] for one in events if one["reason"] == "FailedCreate"]
        return any("failed quota: cotenant: must specify limits.cpu for: nginx" in note for note in notes)

    eventually(said)


def test_s1_05_a_premium_tenant_has_a_larger_quota_than_a_regular_one(cluster):
    for name, pods in (("regular", 2), ("premium", 20)):
        profile = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "TenantProfile", "metadata": {"name": name}}
        cluster.apply(profile | {"spec": {"quota": {"hard": {"pods": pods}}, "pods": {"security": "baseline"}}})
    regular, premium = (given_tenant(cluster, name, spaces=["main"], profile=name) for name in ("regular", "premium"))
    for team in (regular, premium):
        eventually(lambda it=team: it.owner.apply(deployment("web", it.namespace("main"), replicas=5)).ok)

    eventually(lambda: len(cluster.names("Pod", premium.namespace("main"))) == 5)
    eventually(lambda: len(cluster.names("Pod", regular.namespace("main"))) == 2)
    expect_denied(
        regular.owner.apply(pod("more", regular.namespace("main"))),
        by="quota",
        saying='pods "more" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=2, limited: pods=2',
    )


def test_s1_05_a_quota_for_one_priority_class_is_refused_with_what_there_is_instead(cluster):
    selector = {"matchExpressions": [{"operator": "In", "scopeName": "PriorityClass", "values": ["premium"]}]}
    tenant = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "scoped"}}
    answer = cluster.admin.apply(tenant | {"spec": {"quota": {"hard": {"pods": 20}, "scopeSelector": selector}}})
    expect_denied(answer, by="validation", saying="spec.quota.scopeSelector: Invalid value")
    assert "spec.pods.priorityClasses of the Tenant says which PriorityClasses pods may name" in answer.err


def test_s1_07_defaults_are_filled_in(cluster, user_a):
    expect_created(user_a.apply(pod("plain", "tenant-a")), "pod/plain")

    resources = cluster.there("Pod", "plain", "tenant-a")["spec"]["containers"][0]["resources"]
    assert resources == {"limits": {"cpu": "900m"}, "requests": {"cpu": "100m", "memory": "64Mi"}}


def test_s1_07_a_container_beyond_the_maximum_is_refused(user_a):
    expect_denied(
        user_a.apply(pod("large", "tenant-a", resources={"limits": {"cpu": "2"}})),
        by="limits",
        saying='pods "large" is forbidden: maximum cpu usage per Container is 900m, but limit is 2',
    )


def test_s1_17_no_tenant_is_bound_cluster_wide(cluster, sides):
    tenants = {"tenant-a-owners", "tenant-b-owners", "tenant-a-developers", "tenant-b-developers"}
    for one in cluster.list("ClusterRoleBinding"):
        assert not tenants & {who["name"] for who in one.get("subjects", [])}, one["metadata"]["name"]


def test_s1_17_the_same_roles_are_bound_in_each_namespace_of_a_tenant(cluster):
    team = given_tenant(
        cluster,
        "uniform",
        spaces=["dev", "test", "live"],
        members=[{"role": "viewer", "user": "vera"}, {"role": "developer", "group": "devs"}],
    )
    expect_ready(team, "dev", "test", "live")

    roles = [
        {one["metadata"]["name"]: one["roleRef"]["name"] for one in cluster.list("RoleBinding", team.namespace(space))}
        for space in ("dev", "test", "live")
    ]
    expected = {f"cotenant-{role}": f"cotenant:{role}" for role in ("owner", "viewer", "developer")}
    assert roles == [expected] * 3
    assert cluster.list("Role", team.namespace("dev")) == []


def test_s1_22_an_administrator_labels_the_namespace(cluster, sides):
    answer = cluster.admin.kubectl("label", "namespace/tenant-a", "tenant=a", "--overwrite")
    assert answer.out == "namespace/tenant-a labeled\n"
    # A label of somebody else's stays: cotenant repairs only its own.
    assert cluster.there("Namespace", "tenant-a")["metadata"]["labels"]["tenant"] == "a"


@pytest.mark.parametrize("namespace", ["tenant-a", "tenant-b"])
def test_s1_23_a_tenant_cannot_change_isolation_labels(cluster, sides, namespace):
    for person in (sides.user_a, cluster.user("owner-of-a", "tenant-a-owners")):
        for label in ("tenant=b", "cotenant.dev/tenant=tenant-b", "cotenant.dev/tenant-"):
            answer = person.kubectl("label", "namespace", namespace, label, "--overwrite")
            expect_denied(
                answer, by="RBAC", saying=f'namespaces "{namespace}" is forbidden: User "{person.name}" cannot'
            )


def test_s1_24_the_printed_network_policy_is_invalid(cluster, sides):
    expect_denied(
        cluster.admin.apply(NETWORK_POLICY.format(ingress="ingress", egress="egress")),
        by="validation",
        saying='The NetworkPolicy "same-namespace-only" is invalid: \n* spec.policyTypes[0]: Unsupported value: "ingress"',
    )


def test_s1_24_the_restored_network_policy_is_created(cluster, sides):
    expect_created(
        cluster.admin.apply(NETWORK_POLICY.format(ingress="Ingress", egress="Egress")),
        "networkpolicy.networking.k8s.io/same-namespace-only",
    )


def test_s1_26_dns_is_open_over_udp_and_tcp_although_egress_is_closed(cluster, sides):
    egress = cluster.there("NetworkPolicy", "cotenant-allow-platform", "tenant-a")["spec"]["egress"]
    (dns,) = [rule for rule in egress if {"port": 53, "protocol": "UDP"} in rule["ports"]]

    assert {"port": 53, "protocol": "TCP"} in dns["ports"]
    pods = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    assert pods in dns["to"]
    assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in dns["to"]  # NodeLocal DNSCache
    assert all(rule.get("to") for rule in egress)  # a rule by port alone would be a tunnel to anywhere


def test_s1_26_no_egress_reaches_another_tenant(cluster, sides):
    found = cluster.list("NetworkPolicy", "tenant-a", labels="app.kubernetes.io/managed-by=cotenant")
    specs = {one["metadata"]["name"]: one["spec"] for one in found}
    assert specs["cotenant-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    peers = [to for spec in specs.values() for rule in spec.get("egress", []) for to in rule["to"]]
    assert {"podSelector": {}} in peers  # pods of the same namespace
    selectors = [to["namespaceSelector"] for to in peers if "namespaceSelector" in to]
    assert selectors == [{"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}]
    (internet,) = [to["ipBlock"] for to in peers if to.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(internet["except"])


def test_s1_27_default_deny_covers_every_pod(cluster, sides):
    for namespace in ("tenant-a", "tenant-b"):
        spec = cluster.there("NetworkPolicy", "cotenant-default-deny", namespace)["spec"]
        assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_s1_28_a_pod_security_policy_matches_nothing(cluster):
    answer = cluster.admin.apply(POD_SECURITY_POLICY)
    assert not answer.ok
    assert 'no matches for kind "PodSecurityPolicy" in version "policy/v1beta1"' in answer.err, answer


C = "containers"
VIOLATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "privileged": (
        {"privileged": True, "allowPrivilegeEscalation": True},
        {},
        'privileged (container "c" must not set securityContext.privileged=true)',
    ),
    "host-network": ({}, {"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
    "host-pid": ({}, {"hostPID": True}, "host namespaces (hostPID=true)"),
    "host-ipc": ({}, {"hostIPC": True}, "host namespaces (hostIPC=true)"),
    "host-path": (
        {},
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        'restricted volume types (volume "v" uses',
    ),
    "host-port": ({}, {"ports": [{"containerPort": 80, "hostPort": 80}]}, 'hostPort (container "c" uses hostPort 80)'),
    "capabilities": ({"capabilities": {"add": ["SYS_ADMIN"]}}, {}, 'unrestricted capabilities (container "c" must set'),
    "escalation": (
        {"allowPrivilegeEscalation": True},
        {},
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
    ),
    "root": ({"runAsNonRoot": False, "runAsUser": 0}, {}, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
}


def breaking(name: str) -> dict[str, Any]:
    """A pod that satisfies `restricted` but for one thing."""
    security, spec, _ = VIOLATIONS[name]
    manifest = pod(name, "tenant-b", restricted=True)
    container = manifest["spec"][C][0]
    container["securityContext"] = container["securityContext"] | security
    if "ports" in spec:
        container |= spec
    else:
        manifest["spec"] |= spec
    return manifest


@pytest.mark.parametrize("name", list(VIOLATIONS))
def test_s1_29_pod_security_restricted_refuses(user_b, name):
    answer = user_b.apply(breaking(name))

    expect_denied(
        answer, by="pod security", saying=f'pods "{name}" is forbidden: violates PodSecurity "restricted:v1.36": '
    )
    expect_denied(answer, by="pod security", saying=VIOLATIONS[name][2])


def test_s1_29_a_pod_that_contradicts_itself_is_refused_by_validation(user_b):
    manifest = pod("torn", "tenant-b", restricted=True)
    manifest["spec"][C][0]["securityContext"] |= {"privileged": True}

    expect_denied(user_b.apply(manifest), by="validation", saying="cannot set `allowPrivilegeEscalation` to false")


def test_s1_29_a_pod_that_keeps_to_restricted_is_admitted(user_b):
    expect_created(user_b.apply(pod("decent", "tenant-b", restricted=True)), "pod/decent")


@pytest.mark.parametrize(
    "label", ["pod-security.kubernetes.io/enforce-", "pod-security.kubernetes.io/enforce=privileged"]
)
def test_s1_30_a_tenant_cannot_loosen_pod_security(cluster, sides, label):
    for person in (sides.user_b, cluster.user("owner-of-b", "tenant-b-owners")):
        answer: Answer = person.kubectl("label", "namespace", "tenant-b", label, "--overwrite")
        expect_denied(answer, by="RBAC", saying=f'namespaces "tenant-b" is forbidden: User "{person.name}" cannot')
