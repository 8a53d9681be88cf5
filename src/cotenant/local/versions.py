"""Which programs the plane is made of, at which version, and which other versions do as well."""

from __future__ import annotations

import platform
import re
import sys

KUBERNETES = "1.36.4"
ETCD = "3.6.14"

ETCD_NAME = "etcd"
APISERVER = "kube-apiserver"
CONTROLLERS = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KUBECTL = "kubectl"
KUBELET = "fake-kubelet"

KUBERNETES_PROGRAMS = (APISERVER, CONTROLLERS, SCHEDULER)
PROGRAMS = (ETCD_NAME, *KUBERNETES_PROGRAMS)

# One binary emulates itself and the three minors before it (KEP-4330).
EMULATED = ("1.33", "1.34", "1.35", "1.36")

_OLDEST_ETCD = (3, 5, 13)  # 3.5.0 to 3.5.2 could corrupt data; kubeadm asks for 3.5.13 and newer
_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def version_of(name: str) -> str:
    return ETCD if name == ETCD_NAME else KUBERNETES


def host() -> str:
    """`<os>-<arch>` in Go's words: `linux-amd64`."""
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{sys.platform}-{arch}"


def parse(text: str) -> tuple[int, int, int] | None:
    """The first `X.Y.Z` in what a program prints about itself."""
    found = _NUMBER.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def accepted(name: str, version: tuple[int, int, int]) -> bool:
    """Whether a program found on the way is near enough: same minor, kubectl ±1, etcd ≥ 3.5.13."""
    if name == ETCD_NAME:
        return version >= _OLDEST_ETCD and version[0] == 3
    wanted = parse(KUBERNETES)
    assert wanted is not None
    slack = 1 if name == KUBECTL else 0
    return version[0] == wanted[0] and abs(version[1] - wanted[1]) <= slack
