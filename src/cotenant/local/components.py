"""Command lines of the programs: pure functions from where things lie to flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotenant.local import versions
from cotenant.local.eks import program
from cotenant.local.options import Options

SERVICE_CIDR = "10.0.0.0/16"
_UNIX_PATH_LIMIT = 100

# What only makes sense with real nodes, disks and kubelets.
_NOT_RUN = (
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "device-taint-eviction-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-expander-controller",
    "node-ipam-controller",
    "node-route-controller",
    "cloud-node-lifecycle-controller",
    "service-lb-controller",
)

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/metrics"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True)
class Layout:
    """Where the files of one plane lie."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def kubeconfigs(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def audit(self, server: int) -> Path:
        return self.root / "audit" / f"audit-{server}.log"

    @property
    def audit_policy(self) -> Path:
        return self.root / "audit" / "policy.json"

    def kubeconfig(self, name: str) -> Path:
        return self.kubeconfigs / f"{name}.kubeconfig"

    def cert(self, name: str) -> str:
        return str(self.pki / f"{name}.crt")

    def key(self, name: str) -> str:
        return str(self.pki / f"{name}.key")

    def folders(self) -> Sequence[Path]:
        return (self.pki, self.kubeconfigs, self.etcd, self.run, self.root / "log", self.root / "audit")

    def etcd_socket(self) -> Path | None:
        """An etcd on a socket is closed to other users of the machine; too long a path does not fit into one."""
        path = self.run / "etcd.sock"
        return path if len(str(path)) <= _UNIX_PATH_LIMIT else None


def etcd(layout: Layout, client: str, peer: str, *, keep: bool) -> list[str]:
    return [
        f"--data-dir={layout.etcd}",
        f"--listen-client-urls={client}",
        # Only announced, never called: a unix socket is not accepted here.
        "--advertise-client-urls=http://127.0.0.1:2379",
        f"--listen-peer-urls={peer}",
        "--log-level=warn",
        "--quota-backend-bytes=8589934592",
        *([] if keep else ["--unsafe-no-fsync"]),
    ]


def apiserver(layout: Layout, options: Options, server: int, port: int, etcd_url: str) -> list[str]:
    flags = [
        f"--etcd-servers={etcd_url}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        # A loopback address may not be an endpoint: the default reconciler would complain every 10 seconds.
        "--endpoint-reconciler-type=none",
        f"--cert-dir={layout.run}",
        f"--tls-cert-file={layout.cert('serving')}",
        f"--tls-private-key-file={layout.key('serving')}",
        f"--client-ca-file={layout.cert('ca')}",
        f"--service-account-issuer=https://{options.eks.provider if options.eks else 'kubernetes.default.svc.cluster.local'}",
        f"--service-account-key-file={layout.cert('sa')}",
        f"--service-account-signing-key-file={layout.key('sa')}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--allow-privileged=true",
        # Kubernetes has it off by default; every distribution has it on, EKS too.
        "--enable-admission-plugins=NodeRestriction",
        f"--requestheader-client-ca-file={layout.cert('front-proxy-ca')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={layout.cert('front-proxy-client')}",
        f"--proxy-client-key-file={layout.key('front-proxy-client')}",
    ]
    if options.audit:
        flags += [
            f"--audit-policy-file={layout.audit_policy}",
            f"--audit-log-path={layout.audit(server)}",
            # Rotation would silently break a count; 0 switches it off.
            f"--audit-log-maxsize={options.audit_megabytes}",
            "--audit-log-maxbackup=1",
        ]
    tokens = options.authn_webhook
    if options.eks is not None:
        files = program.Files(layout.root)
        tokens = files.tokens
        flags.append(f"--authorization-config={files.authorization}")
    else:
        flags.append("--authorization-mode=Node,RBAC")
    if tokens is not None:
        flags += [
            f"--authentication-token-webhook-config-file={tokens}",
            "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=10s",
        ]
    return flags + _versioned(options)


def controllers(layout: Layout, options: Options, port: int) -> list[str]:
    chosen = list(options.controllers) or ["*", *(f"-{name}" for name in _NOT_RUN)]
    return [
        *_client(layout, versions.CONTROLLERS, port),
        f"--controllers={','.join(chosen)}",
        "--use-service-account-credentials=true",
        f"--root-ca-file={layout.cert('ca')}",
        f"--service-account-private-key-file={layout.key('sa')}",
        f"--cluster-signing-cert-file={layout.cert('ca')}",
        f"--cluster-signing-key-file={layout.key('ca')}",
        # The defaults (20 and 30) throttle bursts of namespaces.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        *_versioned(options),
    ]


def scheduler(layout: Layout, options: Options, port: int) -> list[str]:
    return [
        *_client(layout, versions.SCHEDULER, port),
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        *_versioned(options),
    ]


def merged(flags: Sequence[str], extra: Sequence[str]) -> list[str]:
    """`extra` replaces flags of the same name and is appended otherwise. `--name-` takes a flag away."""
    result: dict[str, str] = {_name(flag): flag for flag in flags}
    for flag in extra:
        if flag.endswith("-") and "=" not in flag:
            result.pop(_name(flag[:-1]), None)
        else:
            result[_name(flag)] = flag
    return list(result.values())


def gates(chosen: Mapping[str, bool]) -> list[str]:
    if not chosen:
        return []
    return ["--feature-gates=" + ",".join(f"{name}={str(on).lower()}" for name, on in sorted(chosen.items()))]


def _client(layout: Layout, name: str, port: int) -> list[str]:
    kubeconfig = layout.kubeconfig(name)
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={layout.cert('serving')}",
        f"--tls-private-key-file={layout.key('serving')}",
        "--leader-elect=false",
    ]


def _versioned(options: Options) -> list[str]:
    emulated = [f"--emulated-version=kube={options.emulated_version}"] if options.emulated_version else []
    return [*emulated, *gates(options.feature_gates)]


def _name(flag: str) -> str:
    return flag.partition("=")[0]
