"""What else a pod may ask of the platform: schedulers, drivers on the node, users of the node, and to stay where it is."""

from __future__ import annotations

from cotenant.render.install.admission.rule import Rule, short, told

_P = "params.spec.pods"
_ASK = "a platform administrator changes {} of the Tenant"
_SCHEDULERS = f"(['default-scheduler'] + {_P}.?schedulers.orValue([]))"
_DRIVERS = f"{_P}.?csiDrivers.orValue([])"
_INLINE = f"variables.pod.?volumes.orValue([]).filter(v, has(v.csi) && !(v.csi.driver in {_DRIVERS}))"
PINS = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Annotations of pods, with the value at which no node autoscaler takes the node away."""
_DEDICATED = "params.spec.?nodes.?dedicated.orValue(false)"


def pins(metadata: str) -> str:
    """CEL: the annotations that pin a pod, of those that it has."""
    return (
        "["
        + ", ".join(
            f"{metadata}.?annotations[?'{name}'].orValue('') == '{value}' ? '{name}' : ''"
            for name, value in PINS.items()
        )
        + "].filter(a, a != '')"
    )


RULES = (
    Rule(
        id="COTENANT-POD-10",
        title="A pod is scheduled by an allowed scheduler",
        why="Another scheduler may know nothing of taints, priorities and pools; whoever runs one says so.",
        way_out="leave spec.schedulerName out, or " + _ASK.format("pods.schedulers"),
        leaf="pods.schedulers",
        holds=f"variables.pod.?schedulerName.orValue('default-scheduler') in {_SCHEDULERS}",
        says=told(
            "scheduler {} is not allowed; allowed: {}",
            short("variables.pod.schedulerName"),
            short(f"{_SCHEDULERS}.join(', ')", 60),
        ),
    ),
    Rule(
        id="COTENANT-POD-11",
        title="A pod has volumes of allowed CSI drivers in its own text",
        why="The driver runs as root on the node and does what the pod's text says: whose share, which path, which secret. "
        "Claims are not meant: there the StorageClass says it.",
        way_out="use a PersistentVolumeClaim, or " + _ASK.format("pods.csiDrivers"),
        leaf="pods.csiDrivers",
        holds=f"{_INLINE}.size() == 0",
        says=told(
            "inline volumes of driver {} are not allowed; allowed: {}",
            short(f"{_INLINE}[0].csi.driver"),
            short(f"{_DRIVERS}.size() == 0 ? 'none' : {_DRIVERS}.join(', ')", 60),
        ),
    ),
    Rule(
        id="COTENANT-POD-12",
        title="A pod has users of its own where the tenant says so",
        why="Root in a container that was left is nobody on the node then, and no file of others is its own.",
        way_out="write hostUsers: false into the pod, or " + _ASK.format("pods.userNamespaces"),
        leaf="pods.userNamespaces",
        holds=f"!{_P}.?userNamespaces.orValue(false) || !variables.pod.?hostUsers.orValue(true)",
        says=told("the pod shares the users of its node"),
    ),
    Rule(
        id="COTENANT-POD-13",
        title="A pod does not keep a shared node from going away",
        why="The platform pays for a node that is never emptied, and cannot mend it. On nodes of its own a tenant may.",
        way_out="leave the annotation out, or " + _ASK.format("nodes.dedicated"),
        holds=f"variables.pins.size() == 0 || {_DEDICATED}",
        says=told("annotation {} keeps a shared node from going away", "variables.pins[0]"),
    ),
)
