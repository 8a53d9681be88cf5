"""The local control plane: real Kubernetes on one machine, without Docker and without root.

Real: API server, etcd, RBAC, admission, CEL, quota, garbage collection, scheduler.
Fake: nodes, containers, network, IAM.

    with LocalControlPlane() as plane:
        subprocess.run(["kubectl", "get", "nodes"], env=plane.env())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cotenant.local.errors import BinariesMissing, ControlPlaneError
    from cotenant.local.node import Node
    from cotenant.local.options import Options
    from cotenant.local.plane import LocalControlPlane

__all__ = ["BinariesMissing", "ControlPlaneError", "LocalControlPlane", "Node", "Options"]

_HOMES = {
    "BinariesMissing": "errors",
    "ControlPlaneError": "errors",
    "LocalControlPlane": "plane",
    "Node": "node",
    "Options": "options",
}


def __getattr__(name: str) -> Any:
    # Lazy: the supervisor and the fake kubelet run without site-packages and must not pull in cryptography.
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
