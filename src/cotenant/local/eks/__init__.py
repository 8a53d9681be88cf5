"""EKS, IAM and STS on loopback: real `aws`, boto3 and kubectl sign in to the local control plane. A development tool.

Real: signatures (SigV4), IAM and trust policies, the checks of a token, the order of access entries and aws-auth,
access policies as an authorizer. Fake: everything that costs money; clusters cannot be made, there is one.

    with Endpoint(Cluster()) as aws:
        aws.client("eks").list_access_entries(clusterName="cotenant-dev")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cotenant.local.eks.cluster import Cluster
    from cotenant.local.eks.endpoint import Endpoint

__all__ = ["Cluster", "Endpoint"]

_HOMES = {"Cluster": "cluster", "Endpoint": "endpoint"}


def __getattr__(name: str) -> Any:
    # Lazy: the options of a plane name a Cluster, and must not need moto for it.
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
