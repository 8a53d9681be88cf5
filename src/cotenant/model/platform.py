"""What the installation knows about its cluster and every pure function may need. Part of Settings."""

from __future__ import annotations

from msgspec import Struct

BUILT_IN_ROLES = ("owner", "editor", "viewer")


class Platform(Struct, frozen=True, kw_only=True, rename="camel"):
    """Facts of one installation. Everything here has a value that is right on a plain EKS cluster."""

    namespace: str = "cotenant-system"
    """Namespace of the operator."""
    service_account: str = "cotenant"
    """ServiceAccount of the operator; everything it may do is bound to it."""
    roles: tuple[str, ...] = BUILT_IN_ROLES
    """Roles that members may have. Each x is the ClusterRole cotenant:x; the operator may bind these and no others."""
    reserved_names: tuple[str, ...] = ()
    """Further namespace names that no space may get; a trailing * stands for any end."""
    naming_without_tenant: bool = False
    """Whether spaces.naming may leave out {tenant}."""
    pod_security_version: str = "v1.36"
    """Version of the Pod Security Standards that every space is pinned to."""
    cluster_cidrs: tuple[str, ...] = ()
    """Pod, service and VPC ranges of this cluster that are not private addresses anyway; never part of the internet."""
    dns_addresses: tuple[str, ...] = ("169.254.20.10/32", "fd00::10/128")
    """Addresses of NodeLocal DNSCache."""
    pod_identity_addresses: tuple[str, ...] = ("169.254.170.23/32", "fd00:ec2::23/128")
    """Addresses of the EKS Pod Identity agent, port 80."""

    strict_accounting: bool = True
    """Whether quotas are counted strictly where nobody says native. The operator then reads pods, services and volume claims."""

    @property
    def operator(self) -> str:
        """User name of the operator, as the API server sees it."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"
