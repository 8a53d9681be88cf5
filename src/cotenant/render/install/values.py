"""Everything that one installation may choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from cotenant import __version__
from cotenant.api import keys
from cotenant.model.platform import Platform

Manifest = dict[str, Any]

NAME = keys.COTENANT
"""Name of the Deployment, its PodDisruptionBudget and its NetworkPolicy."""
SETTINGS = "cotenant-settings"
"""Name of the ConfigMap that the operator and the command line read."""
OPERATOR_PODS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "operator"}
"""Labels of the operator's pods."""
LEASE = "cotenant"
"""Name of the Lease of the leader, in the operator's namespace."""
HEARTBEAT = keys.HEARTBEAT
IMAGE = f"cotenant:{__version__}"
"""What `docker build -t` in the documentation makes, before it is pushed anywhere."""


class InstallValues(Struct, frozen=True, kw_only=True):
    """What `cotenant install` and the chart turn into manifests. The values left out are right on a plain EKS cluster."""

    image: str = IMAGE
    """Image of the operator, with registry and tag or digest. The one here names no registry: no node can pull it."""
    replicas: int = 2
    """Replicas of the operator; one leads, the others wait."""
    platform: Platform = Platform()
    """Facts of the cluster; the roles in it are also what the operator may bind."""
    log_level: str = "info"
    """debug, info, warning or error."""
    memory_limit: str = "640Mi"
    """Memory limit of the operator's container; 10,000 spaces with 100,000 pods need less than 500Mi."""
    metrics_from: str = "monitoring"
    """Namespace whose pods may read /metrics of the operator. The kubelet's probes come from the node and need none."""
    fairness: bool = False
    """Whether requests wait in the line of their namespace."""
    assist: bool = False
    """Whether the API server asks the operator about bare pods in spaces that are scarce."""
    assist_url: str = ""
    """Where it asks an operator that does not run in the cluster; "" for the Service."""
    eks_cluster: str = ""
    """Name of the EKS cluster whose access entries follow the members of tenants; "" for none."""
    aws_region: str = ""
    """Region of that cluster; "" leaves it to AWS' own variables in the operator's pod."""
    tuning: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the operator's process beside the platform, as somebody wrote them into the ConfigMap: kept."""


def manifest(api_version: str, kind: str, name: str, /, namespace: str = "", **content: Any) -> Manifest:
    """An object of the installation, with the label that marks all of them."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata |= {"labels": labels() | content.pop("labels", {})}
    if annotations := content.pop("annotations", None):
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def labels() -> dict[str, str]:
    """What every object of the installation carries."""
    return {keys.MANAGED_BY: keys.COTENANT, "app.kubernetes.io/part-of": keys.COTENANT}
