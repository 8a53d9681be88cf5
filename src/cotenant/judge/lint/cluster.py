"""Rules of the cluster itself: versions that ended, APIs that are gone, labels and IAM policies that reach too far."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from cotenant.judge.lint.bundle import Bundle, get, items, name, words
from cotenant.judge.lint.edit import Edit, quote, swap
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.document import Path, spelled

ENDS = {
    (1, 29): (date(2025, 3, 23), date(2026, 3, 23)),
    (1, 30): (date(2025, 7, 23), date(2026, 7, 23)),
    (1, 31): (date(2025, 11, 26), date(2026, 11, 26)),
    (1, 32): (date(2026, 3, 23), date(2027, 3, 23)),
    (1, 33): (date(2026, 7, 29), date(2027, 7, 29)),
    (1, 34): (date(2026, 12, 2), date(2027, 12, 2)),
    (1, 35): (date(2027, 3, 27), date(2028, 3, 27)),
}
"""End of standard and of extended support on EKS, docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html.
What is older ended before; what is newer is not known here: `aws eks describe-cluster-versions` is."""
GONE = {
    "extensions/v1beta1": {
        "Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1",
        "Deployment": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
    },
    "apps/v1beta1": {"Deployment": "apps/v1", "StatefulSet": "apps/v1"},
    "apps/v1beta2": {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1"},
    "networking.k8s.io/v1beta1": {"Ingress": "networking.k8s.io/v1", "IngressClass": "networking.k8s.io/v1"},
    "rbac.authorization.k8s.io/v1beta1": dict.fromkeys(
        ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), "rbac.authorization.k8s.io/v1"
    ),
    "rbac.authorization.k8s.io/v1alpha1": dict.fromkeys(
        ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), "rbac.authorization.k8s.io/v1"
    ),
    "batch/v1beta1": {"CronJob": "batch/v1"},
    "policy/v1beta1": {"PodDisruptionBudget": "policy/v1"},
    "autoscaling/v2beta1": {"HorizontalPodAutoscaler": "autoscaling/v2"},
    "autoscaling/v2beta2": {"HorizontalPodAutoscaler": "autoscaling/v2"},
    "scheduling.k8s.io/v1beta1": {"PriorityClass": "scheduling.k8s.io/v1"},
    "apiextensions.k8s.io/v1beta1": {"CustomResourceDefinition": "apiextensions.k8s.io/v1"},
    "admissionregistration.k8s.io/v1beta1": dict.fromkeys(
        ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"), "admissionregistration.k8s.io/v1"
    ),
}  # fmt: skip
"""Removed by 1.26. Source: kubernetes.io/docs/reference/using-api/deprecation-guide."""
RESERVED = ("kubernetes.io", "k8s.io", "eks.amazonaws.com")


def version(text: object) -> tuple[int, int] | None:
    """`1.28` as numbers."""
    major, _, minor = str(text).partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def ended(found: tuple[int, int] | None, today: date) -> bool:
    """Whether EKS runs this version no more."""
    if found is None:
        return False
    return found < min(ENDS) or (found in ENDS and ENDS[found][1] < today)


def newest(today: date) -> str:
    """The newest version that is known to be in standard support; the newest at all once this list is old."""
    known = [one for one, (standard, _) in ENDS.items() if standard >= today] or [max(ENDS)]
    return "{}.{}".format(*max(known))


@rule("L701", "error", by_hand=True, fix="A version that `aws eks describe-cluster-versions` lists.")
def version_ended(bundle: Bundle) -> Iterator[Hit]:
    """EKS makes no cluster of a version whose extended support is over."""
    for document in bundle.of("ClusterConfig"):
        path, found = ("metadata", "version"), get(document.value, "metadata", "version")
        if isinstance(found, str) and ended(version(found), bundle.today):
            new = newest(bundle.today)
            message = f"metadata.version: Kubernetes {found} is over on EKS{since(found)}"
            yield hit(document, path, message, swap(document, path, new), f'version: "{new}"')


def since(text: str) -> str:
    """When it ended, if that is known."""
    found = version(text)
    return f" since {ENDS[found][1]}" if found in ENDS else ""


@rule("L702", "error", by_hand=True, fix="The version in quotes.")
def version_is_a_number(bundle: Bundle) -> Iterator[Hit]:
    """Without quotes a version is a number to YAML: 1.30 is 1.3."""
    for document in bundle.of("ClusterConfig"):
        path = ("metadata", "version")
        if isinstance(get(document.value, *path), int | float):
            span = document.spans.get(path)
            raw = document.raw(span) if span else ""
            old = ended(version(raw), bundle.today)
            new = newest(bundle.today) if old or not raw else raw
            edits = quote(document, path) if not old else (Edit(span, f'"{new}"'),) if span else ()
            message = f"metadata.version: {raw} is a number" + (" and over on EKS" if old else "")
            yield hit(document, path, message, edits, f'version: "{new}"')


@rule("L703", "error", fix="A label of your own domain; or set it on the Node objects.")
def reserved_node_label(bundle: Bundle) -> Iterator[Hit]:
    """EKS refuses managed node groups with labels below kubernetes.io, k8s.io and eks.amazonaws.com."""
    for document in bundle.of("ClusterConfig"):
        for path, one in items(document, "managedNodeGroups"):
            found = get(one, "labels")
            for key in found if isinstance(found, dict) else ():
                domain = str(key).rpartition("/")[0]
                if any(domain == each or domain.endswith(f".{each}") for each in RESERVED):
                    at = (*path, "labels", key)
                    write = f"kubectl label nodes -l eks.amazonaws.com/nodegroup={get(one, 'name')} {key}={found[key]}"
                    yield hit(document, at, f"{spelled(at[:-1])}: {key} has a reserved prefix", write=write, key=True)


@rule("L711", "error", fix="The version that serves the kind today.")
def api_gone(bundle: Bundle) -> Iterator[Hit]:
    """The API server knows this version no more: `no matches for kind`."""
    for document in bundle.documents:
        found, kind = str(document.value.get("apiVersion")), str(document.value.get("kind"))
        if new := GONE.get(found, {}).get(kind):
            message = f"{found} serves no {kind} any more"
            yield hit(document, ("apiVersion",), message, swap(document, ("apiVersion",), new), f"apiVersion: {new}")


@rule("L712", "error", fix="The Pod Security label on each namespace that it was for.")
def pod_security_policy(bundle: Bundle) -> Iterator[Hit]:
    """PodSecurityPolicy is gone since Kubernetes 1.25: `no matches for kind`; Pod Security Admission takes its place."""
    for document in bundle.of("PodSecurityPolicy"):
        level = standard(get(document.value, "spec"))
        write = (
            f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: <namespace>\n  labels:\n    pod-security.kubernetes.io/enforce: {level}\n"
            f"    pod-security.kubernetes.io/enforce-version: latest"
        )
        message = f"PodSecurityPolicy {name(document)} does nothing; it is what Pod Security calls {level}"
        yield hit(document, ("kind",), message, write=write)


def standard(spec: Any) -> str:
    """The Pod Security Standard that a PodSecurityPolicy comes nearest to."""
    open_ = ("privileged", "hostNetwork", "hostIPC", "hostPID", "hostPorts")
    volumes = words(get(spec, "volumes"))
    if any(get(spec, one) for one in open_) or "hostPath" in volumes or "*" in volumes:
        return "privileged"
    non_root = get(spec, "runAsUser", "rule") == "MustRunAsNonRoot"
    closed = get(spec, "allowPrivilegeEscalation") is False and "ALL" in words(get(spec, "requiredDropCapabilities"))
    return "restricted" if non_root and closed else "baseline"


@rule("L713", "warning", fix="The ARN of the cluster.")
def every_cluster(bundle: Bundle) -> Iterator[Hit]:
    """With `*` the holder reads the endpoint and settings of every cluster in the account; one ARN is enough to sign in."""
    for document in bundle.documents:
        statements = get(document.value, "Statement")
        heads: list[Path] = [("Statement",)] if isinstance(statements, dict) else []
        heads += [path for path, _ in items(document, "Statement")]
        for head in heads:
            one = get(document.value, *head)
            actions = one.get("Action") if isinstance(one, dict) else None
            named = [actions] if isinstance(actions, str) else words(actions)
            if not isinstance(one, dict) or one.get("Effect") != "Allow" or named != ["eks:DescribeCluster"]:
                continue
            for path in ((*head, "Resource"), (*head, "Resource", 0)):
                if get(document.value, *path) == "*":
                    write = "arn:aws:eks:<region>:<12 digits>:cluster/<name>"
                    yield hit(document, path, f"{spelled(path)}: every cluster of the account", write=write)
