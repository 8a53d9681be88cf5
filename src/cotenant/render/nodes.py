"""The nodes of a tenant's pool, as what makes nodes on EKS wants to be told: label, taint, and a tag for the bill.

cotenant makes none of it: nodes cost money and belong to the platform. `cotenant render --nodes` prints it.
"""

from __future__ import annotations

from cotenant.api.builtin import Manifest
from cotenant.api.keys import DEDICATED, POOL, POOL_RUNTIME, TENANT

CLUSTER, REGION = "MY-CLUSTER", "MY-REGION"
"""Stand for what nobody said."""
KINDS = ("karpenter", "eksctl", "runtimeclass")


def name_of(pool: str) -> str:
    """Of NodePool, EC2NodeClass and node group."""
    return f"cotenant-{pool}"


def nodes(
    pool: str, tenant: str | None, *, cluster: str = CLUSTER, region: str = REGION, kinds: tuple[str, ...] = KINDS
) -> list[Manifest]:
    """Everything about one pool. `tenant` is the one that it is dedicated to; None for a pool that several share."""
    found: list[Manifest] = []
    if "karpenter" in kinds:
        found += karpenter(pool, tenant, cluster)
    if "eksctl" in kinds:
        found.append(eksctl(pool, tenant, cluster, region))
    if "runtimeclass" in kinds:
        found.append(runtime_class(pool, tenant))
    return found


def taint(pool: str, tenant: str | None) -> Manifest:
    """NoExecute where it is one tenant's: a pod that came by spec.nodeName, past the scheduler, has to go again."""
    if tenant:
        return {"key": DEDICATED, "value": tenant, "effect": "NoExecute"}
    return {"key": POOL, "value": pool, "effect": "NoSchedule"}


def tags(pool: str, tenant: str | None) -> dict[str, str]:
    """On the instances in AWS: whom they are for."""
    return {"cotenant.dev/pool": pool, **({TENANT: tenant} if tenant else {})}


def karpenter(pool: str, tenant: str | None, cluster: str) -> list[Manifest]:
    """NodePool and EC2NodeClass. Karpenter writes the label itself, where a kubelet may not (its v1 API allows the prefix)."""
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": name_of(pool)}
    wanted = {
        "kubernetes.io/os": ["linux"],
        "kubernetes.io/arch": ["amd64"],
        "karpenter.sh/capacity-type": ["on-demand"],
    }
    inner = {
        "nodeClassRef": reference,
        "taints": [taint(pool, tenant)],
        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()],
    }
    discovered = [{"tags": {"karpenter.sh/discovery": cluster}}]
    node_class = {
        "role": f"KarpenterNodeRole-{cluster}",
        "amiSelectorTerms": [{"alias": "al2023@latest"}],
        "subnetSelectorTerms": discovered,
        "securityGroupSelectorTerms": discovered,
        # Credentials of the node are out of reach of pods without hostNetwork.
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tags": tags(pool, tenant),
    }
    template = {"metadata": {"labels": {POOL: pool}}, "spec": inner}
    metadata = {"name": name_of(pool)}
    return [
        {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": metadata, "spec": {"template": template}},
        {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": metadata, "spec": node_class},
    ]


def eksctl(pool: str, tenant: str | None, cluster: str, region: str) -> Manifest:
    """A managed node group. Without the label: EKS takes none of kubernetes.io (aws/containers-roadmap#1451)."""
    group = {
        "name": name_of(pool),
        "instanceType": "m7i.large",
        "minSize": 2,
        "maxSize": 2,
        "privateNetworking": True,
        "disableIMDSv1": True,
        "disablePodIMDS": True,
        "taints": [taint(pool, tenant)],
        "tags": tags(pool, tenant),
    }
    return {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": cluster, "region": region},
        "managedNodeGroups": [group],
    }


def labelling(pool: str) -> str:
    """The command that labels the nodes of a managed node group."""
    return f"kubectl label nodes -l eks.amazonaws.com/nodegroup={name_of(pool)} {POOL}={pool}"


def runtime_class(pool: str, tenant: str | None) -> Manifest:
    """The way onto the pool for pods that name it, where the API server writes nothing into them (before Kubernetes 1.36)."""
    tolerations = [{"key": POOL, "operator": "Equal", "value": pool}]
    if tenant:
        tolerations.append({"key": DEDICATED, "operator": "Equal", "value": tenant})
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": POOL_RUNTIME + pool},
        "handler": "runc",
        "scheduling": {"nodeSelector": {POOL: pool}, "tolerations": tolerations},
    }
