"""What else a pod may ask of the platform: schedulers, drivers on the node, users of the node, and to stay where it is."""

from __future__ import annotations

from cotenant.render.install.admission.endings import DEDICATED
from cotenant.render.install.admission.rule import Rule, several, short, told

_P = "params.spec.pods"
_ASK = "a platform administrator changes {} of the Tenant"
_MORE = f"{_P}.?schedulers.orValue([])"
_SCHEDULERS = f"(['default-scheduler'] + {_MORE})"
_SCHEDULER = "variables.pod.?schedulerName.orValue('default-scheduler')"
_DRIVERS = f"{_P}.?csiDrivers.orValue([])"
_FOREIGN_DRIVER = f"has(v.csi) && !(v.csi.driver in {_DRIVERS})"
_INLINE = f"variables.pod.?volumes.orValue([]).filter(v, {_FOREIGN_DRIVER})"
PINS = {
    # Karpenter takes durations too.
    "karpenter.sh/do-not-disrupt": "!({} in ['', 'false'])",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "{} == 'false'",
}
"""Annotations of pods, and with which values no node autoscaler takes the node away, in CEL."""
LONGEST = 86400
"""Seconds that a mounted token is valid: what the webhook of EKS asks for."""
_MOUNTED = "s.serviceAccountToken"
# The token for EKS Pod Identity is worth nothing but where the account associates a role.
_ABROAD = (
    f"{_MOUNTED}.?audience.orValue('').contains('amazonaws.com') && {_MOUNTED}.audience != 'pods.eks.amazonaws.com'"
)
_MODEST = (
    f"{_MOUNTED}.?expirationSeconds.orValue(3600) <= {LONGEST} && "
    f"(params.spec.serviceAccounts.?iamRoles.orValue([]).size() > 0 || !({_ABROAD}))"
)
_SOURCES = " || ".join(
    f"has(v.{source})"
    for source in (
        "configMap", "secret", "projected", "downwardAPI", "emptyDir", "persistentVolumeClaim", "ephemeral", "csi", "image",
        "gitRepo",
    )
)  # fmt: skip
_FOREIGN = f"variables.pod.volumes.filter(v, !({_SOURCES}))[0]"


def pinned(metadata: str) -> str:
    """CEL: whether it has one of them."""
    return " || ".join(
        condition.format(f"{metadata}.?annotations[?'{name}'].orValue('')") for name, condition in PINS.items()
    )


def pins(metadata: str) -> str:
    """CEL: the annotations that pin a pod, of those that it has."""
    return (
        "["
        + ", ".join(
            condition.format(f"{metadata}.?annotations[?'{name}'].orValue('')") + f" ? '{name}' : ''"
            for name, condition in PINS.items()
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
        holds=f"{_SCHEDULER} == 'default-scheduler' || {_SCHEDULER} in {_MORE}",
        says=told(
            "scheduler {} is not allowed; allowed: {}",
            short("variables.pod.schedulerName"),
            several(_SCHEDULERS),
        ),
    ),
    Rule(
        id="COTENANT-POD-11",
        title="A pod has volumes of allowed CSI drivers in its own text",
        why="The driver runs as root on the node and does what the pod's text says: whose share, which path, which secret. "
        "Claims are not meant: there the StorageClass says it.",
        way_out="use a PersistentVolumeClaim, or " + _ASK.format("pods.csiDrivers"),
        leaf="pods.csiDrivers",
        holds=f"!variables.pod.?volumes.orValue([]).exists(v, {_FOREIGN_DRIVER})",
        says=told(
            "inline volumes of driver {} are not allowed; allowed: {}",
            short(f"{_INLINE}[0].csi.driver"),
            several(_DRIVERS),
        ),
    ),
    Rule(
        id="COTENANT-POD-12",
        absence=True,
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
        holds=f"!(variables.pinned) || ({DEDICATED})",
        says=told("annotation {} keeps a shared node from going away", "variables.pins[0]"),
    ),
    Rule(
        id="COTENANT-POD-14",
        firm=True,
        title="A pod mounts no token for AWS where no IAM role is allowed",
        why="With such a token a pod takes on, by itself, every role whose trust fits its ServiceAccount, annotation or not.",
        way_out="leave the audience out, or " + _ASK.format("serviceAccounts.iamRoles"),
        leaf="serviceAccounts.iamRoles",
        # Where nothing is projected sources are there, and null.
        holds="variables.pod.?volumes.orValue([]).all(v, !has(v.projected) || !has(v.projected.sources) || "
        f"dyn(v.projected.sources) == null || v.projected.sources.all(s, !has({_MOUNTED}) || ({_MODEST})))",
        says=told("a mounted token for AWS, or for more than a day, is not allowed"),
    ),
    Rule(
        id="COTENANT-POD-15",
        firm=True,
        title="A pod mounts storage by claims",
        why="A volume of any other source is mounted by the node: past NetworkPolicies, and whoever's it is in the account.",
        way_out="use a PersistentVolumeClaim",
        holds=f"{_P}.?security.orValue('restricted') == 'privileged' || "
        f"variables.pod.?volumes.orValue([]).all(v, {_SOURCES})",
        says=told("volume {} is of a source that the node mounts", short(f"{_FOREIGN}.name")),
    ),
    Rule(
        id="COTENANT-POD-17",
        absence=True,
        title="A pod asks for its images at their registry where the tenant says so",
        why="A node that has an image gives it to any pod that names it, also where the registry would refuse: another "
        "tenant's private one (kubelets of Kubernetes 1.35 ask for the credentials again by themselves).",
        way_out="write imagePullPolicy: Always, or " + _ASK.format("pods.alwaysPull"),
        leaf="pods.alwaysPull",
        holds=f"!{_P}.?alwaysPull.orValue(false) || variables.pulls.all(p, p == 'Always')",
        says=told(
            "an image is taken from the node, by imagePullPolicy {}", "variables.pulls.filter(p, p != 'Always')[0]"
        ),
    ),
)
