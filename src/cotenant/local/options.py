"""What a local control plane can be asked to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cotenant.local import node, versions
from cotenant.local.eks.cluster import Cluster
from cotenant.local.node import Node


@dataclass(frozen=True)
class Options:
    """Every choice of one plane; the defaults suit tests. Times are seconds.

    `directory`: None is a temporary folder, removed at the end; a path is kept, and its objects come back at the
    next start, unless it is `disposable`. `extra_args` adds or replaces flags of a program: {"kube-apiserver": ["--v=4"]};
    "kube-apiserver-2" is the second one alone, after what both get.
    `audit_megabytes`: 0 never rotates the audit log, which counting needs. `eks` adds AWS' side: sign-in with IAM
    identities, and an endpoint for `aws`; what is in it is gone with the plane, also where the directory is kept.
    """

    bin_dir: Path | None = None
    directory: Path | None = None
    disposable: bool = False
    apiservers: int = 1
    nodes: int | Sequence[Node] = 1
    controllers: Sequence[str] = ()
    emulated_version: str | None = None
    audit: bool = True
    audit_megabytes: int = 0
    authn_webhook: Path | None = None
    eks: Cluster | None = None
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    extra_args: Mapping[str, Sequence[str]] = field(default_factory=dict)
    start_timeout: float = 60.0
    stop_timeout: float = 10.0
    allow_build: bool = True
    allow_download: bool | None = None

    def __post_init__(self) -> None:
        if self.apiservers not in (1, 2):
            raise ValueError(f"apiservers={self.apiservers}: one or two")
        if self.eks is not None and self.authn_webhook is not None:
            raise ValueError("eks brings its own authn_webhook")
        if self.emulated_version is not None and self.emulated_version not in versions.EMULATED:
            raise ValueError(
                f"emulated_version={self.emulated_version!r}: Kubernetes {versions.KUBERNETES} emulates "
                f"{', '.join(versions.EMULATED)}"
            )

    @property
    def temporary(self) -> bool:
        return self.directory is None or self.disposable

    def all_nodes(self) -> tuple[Node, ...]:
        return node.nodes(self.nodes) if isinstance(self.nodes, int) else tuple(self.nodes)
