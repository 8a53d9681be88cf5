"""What objects other than pods are charged for, and which objects a quota key is about.

Source: Kubernetes 1.36 `pkg/quota/v1/evaluator/core/{services,persistent_volume_claims,registry}.go`.
"""

from __future__ import annotations

import math
from datetime import datetime
from fractions import Fraction

from cotenant.api.builtin import Manifest
from cotenant.model.quantity import parse
from cotenant.model.usage import pods

ONE = Fraction(1)
BY_CLASS = ".storageclass.storage.k8s.io/"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
ALIASES = ("configmaps", "secrets", "replicationcontrollers", "resourcequotas")
"""Core kinds whose count has a second, older key without `count/`."""
COUNT = "count/"
COUNTED = frozenset(
    {
        "pods",
        "services",
        "persistentvolumeclaims",
        "resourcequotas",
        "limitranges",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "jobs.batch",
        "networkpolicies.networking.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "spaces.cotenant.dev",
        "spacepolicies.cotenant.dev",
        "tenantledgers.cotenant.dev",
    }
)
"""Kinds that the operator counts and gives back, by the name that a quota key has for them. What it may not read by design
(secrets, configmaps, objects of others), and DaemonSets and ReplicationControllers, the quota controller counts by itself.
"""
COMPUTE = ("cpu", "memory", "ephemeral-storage")
DEVICES = (".deviceclass.resource.k8s.io/devices", "requests.deviceclass.resource.kubernetes.io/")
"""How keys of devices by claim end, or begin."""


def usage(kind: str, found: Manifest, now: datetime) -> dict[str, Fraction]:
    """What one object of a kind (`pods`, `services`, `deployments.apps`) is charged for, by quota key."""
    match kind:
        case "pods":
            return pods.usage(found, now)
        case "services":
            return service(found)
        case "persistentvolumeclaims":
            return claim(found)
    counted = {COUNT + kind: ONE}
    return counted | {kind: ONE} if kind in ALIASES else counted


def service(found: Manifest) -> dict[str, Fraction]:
    """A load balancer counts the node ports that it may get, not those that it has got."""
    spec = found["spec"]
    ports, kind = spec.get("ports") or (), spec.get("type", "ClusterIP")
    nodeports = len(ports) if kind in ("NodePort", "LoadBalancer") else 0
    if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
        nodeports = sum(1 for port in ports if port.get("nodePort"))
    return {
        "count/services": ONE,
        "services": ONE,
        "services.loadbalancers": Fraction(kind == "LoadBalancer"),
        "services.nodeports": Fraction(nodeports),
    }


def claim(found: Manifest) -> dict[str, Fraction]:
    """A PersistentVolumeClaim: one, its bytes, and both again for its storage class."""
    spec = found["spec"]
    charged = {"count/persistentvolumeclaims": ONE, "persistentvolumeclaims": ONE}
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if wanted is not None:
        allocated = (found.get("status", {}).get("allocatedResources") or {}).get("storage", "0")
        charged["requests.storage"] = Fraction(math.ceil(max(parse(wanted), parse(allocated))))
    annotations = found["metadata"].get("annotations") or {}
    name = annotations.get(CLASS_ANNOTATION, spec.get("storageClassName"))
    if name:
        by_class = {key: charged[key] for key in ("persistentvolumeclaims", "requests.storage") if key in charged}
        charged |= {name + BY_CLASS + key: amount for key, amount in by_class.items()}
    return charged


def native(key: str) -> bool:
    """Whether a quota key counts objects that nobody but the quota controller counts, see COUNTED."""
    if key.startswith(COUNT):
        return key.removeprefix(COUNT) not in COUNTED
    return devices(key) or (key in ALIASES and key not in COUNTED)


def devices(key: str) -> bool:
    """Whether a quota key counts devices that are claimed: claims are not read."""
    return key.endswith(DEVICES[0]) or key.startswith(DEVICES[1])


def claimable(key: str) -> bool:
    """Whether claims may be charged for the same key as pods: a DeviceClass can stand for an extended resource."""
    bare = key.removeprefix(pods.REQUESTS)
    return bare != key and pods.extended(bare) and not devices(key)


def kind_of(key: str) -> str | None:
    """The kind that a quota key counts, as in `usage`; None for what is not reckoned here (devices by claim)."""
    if key.startswith(COUNT):
        return key.removeprefix(COUNT) if key != COUNT + "resourceclaims.resource.k8s.io" else None
    if devices(key):
        return None
    if key in ALIASES:
        return key
    if key in ("services", "services.loadbalancers", "services.nodeports"):
        return "services"
    if key in ("persistentvolumeclaims", "requests.storage") or BY_CLASS in key:
        return "persistentvolumeclaims"
    if key == "pods" or key.removeprefix("requests.").removeprefix("limits.") in COMPUTE:
        return "pods"
    bare = key.removeprefix(pods.REQUESTS)
    return "pods" if bare.startswith(pods.HUGE_PAGES) or (bare != key and pods.extended(bare)) else None
