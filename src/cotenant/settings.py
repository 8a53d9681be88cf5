"""Every setting in one frozen struct. Flags win over COTENANT_… variables, those over the ConfigMap, that over these."""

from __future__ import annotations

from msgspec import Struct

from cotenant.model.platform import Platform


class Settings(Struct, frozen=True, kw_only=True, rename="camel"):
    """How one operator process runs. Durations in seconds."""

    platform: Platform = Platform()
    """Facts of the cluster, the same for every process and for the command line."""
    workers: int = 8
    """Reconciles at the same time in each controller."""
    qps: float = 0.0
    """Requests a second against the API server; 0 leaves the limit to the server's priority and fairness."""
    burst: int = 100
    """Requests that may run ahead of qps."""
    resync: float = 600.0
    """Each object is looked at again after this time, whether or not anything happened."""
    leader_election: bool = True
    """Whether several replicas agree on one that acts."""
    lease: str = "cotenant"
    """Name of the Lease in the operator's namespace."""
    lease_duration: float = 15.0
    """Standbys wait this long before they take over from a leader that is silent."""
    renew_deadline: float = 10.0
    """A leader that cannot renew for this long stops acting."""
    retry_period: float = 2.0
    """Pause between two tries to get or renew the Lease."""
    eks_cluster: str = ""
    """Name of the EKS cluster whose access entries follow the members of tenants; empty: none are written."""
    aws_region: str = ""
    """Region of that cluster; empty: whatever AWS' own variables and files say."""
    http: str = "127.0.0.1:8080"
    """Address of /healthz, /readyz and /metrics; empty for none."""
    assist: str = ""
    """Address of the assist webhook; empty for none."""
    assist_lifetime: float = 90 * 86400.0
    """How long a certificate of the assist is valid; after two thirds of it another one is made."""
    log_level: str = "info"
    """debug, info, warning or error."""
