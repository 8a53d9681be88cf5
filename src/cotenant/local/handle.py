"""A hold on a running plane: addresses, identities, logs, counters. It does not own the plane's life."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cotenant.local import kubeconfig, node, pki, state, versions
from cotenant.local.audit import Audit, Mark, Request
from cotenant.local.components import Layout
from cotenant.local.eks import program
from cotenant.local.eks.hold import Aws
from cotenant.local.errors import ControlPlaneError
from cotenant.local.metrics import Metrics
from cotenant.local.node import Node
from cotenant.local.pki import Authority
from cotenant.local.proc import alive
from cotenant.local.start import tail
from cotenant.local.state import Program, State
from cotenant.local.wire import Wire, strict_context

ADMIN = "admin"
UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
"""What in a user's shell would lead `aws` elsewhere."""
_TOKEN_SECONDS = 12 * 3600


class Handle:
    """`server` picks the API server where there are two: 0 or 1."""

    def __init__(self, directory: Path) -> None:
        self._layout = Layout(directory)
        self._wires: dict[int, Wire] = {}

    @classmethod
    def attach(cls, directory: Path) -> Handle:
        """A hold on a plane that another process started. ControlPlaneError when none runs there."""
        handle = cls(directory)
        if not handle.state.running:
            raise ControlPlaneError(f"no control plane runs in {directory}")
        return handle

    @property
    def directory(self) -> Path:
        return self._layout.root

    @property
    def state(self) -> State:
        found = state.read(self._layout.state)
        if found is None:
            raise ControlPlaneError(f"no control plane in {self.directory}")
        return found

    @property
    def urls(self) -> tuple[str, ...]:
        return self.state.urls

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def ca_file(self) -> Path:
        return self._layout.pki / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's (system:masters)."""
        return self._layout.kubeconfig(ADMIN)

    @property
    def shell_kubeconfig(self) -> Path:
        """The administrator's once more, for a shell: `aws eks update-kubeconfig` writes into what KUBECONFIG names."""
        path = self._layout.kubeconfig("shell")
        if not path.exists():
            kubeconfig.save(path, json.loads(self.kubeconfig.read_text()))
        return path

    def admin_kubeconfig(self, server: int = 0) -> Path:
        return self.user(ADMIN, ["system:masters"], server=server) if server else self.kubeconfig

    def user(self, name: str, groups: Sequence[str] = (), *, namespace: str = "default", server: int = 0) -> Path:
        """The kubeconfig of a user by client certificate, valid 30 days. The same arguments give the same file."""
        path = self._layout.kubeconfigs / kubeconfig.file_name(name, *groups, namespace, str(server))
        if not path.exists():
            pair = self._authority.client(name, groups)
            document = kubeconfig.for_certificate(self.urls[server], self._ca, name, pair, namespace=namespace)
            kubeconfig.save(path, document)
        return path

    def impersonating(
        self, name: str, groups: Sequence[str] = (), *, namespace: str = "default", server: int = 0
    ) -> Path:
        """The administrator's kubeconfig acting as somebody else (kubectl's --as)."""
        path = self._layout.kubeconfigs / kubeconfig.file_name(f"as-{name}", *groups, namespace, str(server))
        admin = pki.read(self._layout.pki, ADMIN)
        document = kubeconfig.impersonating(self.urls[server], self._ca, admin, name, groups, namespace=namespace)
        return kubeconfig.save(path, document)

    def service_account(
        self, namespace: str, name: str, *, create: bool = False, seconds: int = _TOKEN_SECONDS, server: int = 0
    ) -> Path:
        """The kubeconfig of a ServiceAccount, with a new token by TokenRequest."""
        token = self.service_account_token(namespace, name, create=create, seconds=seconds)
        user = f"system:serviceaccount:{namespace}:{name}"
        path = self._layout.kubeconfigs / kubeconfig.file_name(user, str(server))
        document = kubeconfig.for_token(self.urls[server], self._ca, user, token, namespace=namespace)
        return kubeconfig.save(path, document)

    def service_account_token(
        self, namespace: str, name: str, *, create: bool = False, seconds: int = _TOKEN_SECONDS
    ) -> str:
        base = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        if create:
            status, answer = self.wire().json("POST", base, {"metadata": {"name": name}})
            if status not in (201, 409):
                raise ControlPlaneError(f"ServiceAccount {namespace}/{name}: {answer.get('message')}")
        answer = self.wire().expect("POST", f"{base}/{name}/token", {"spec": {"expirationSeconds": seconds}})
        token: str = answer["status"]["token"]
        return token

    def add_node(self, new: Node) -> None:
        node.register(self.wire(), new)

    def wire(self, server: int = 0) -> Wire:
        """A bare connection as administrator, for tests and tools that want no client library."""
        if server not in self._wires:
            self._wires[server] = self._connect(self.urls[server])
        return self._wires[server]

    def audit_mark(self) -> Mark:
        return self._audit.mark()

    def audit_logs(self) -> list[Path]:
        """The audit log of each API server, in the order of a mark's offsets."""
        return list(self._audit.logs)

    def audit_since(
        self, mark: Mark, *, user: str | None = None, agent: str | None = None, writes: bool = False
    ) -> list[Request]:
        """Requests answered since the mark; see Audit.since."""
        return self._audit.since(mark, user=user, agent=agent, writes=writes)

    def metrics(self, server: int = 0) -> Metrics:
        _, raw = self.wire(server).request("GET", "/metrics", None, {"Accept": "text/plain"})
        return Metrics.parse(raw.decode())

    def raw(self, path: str, *, server: int = 0) -> Any:
        return self.wire(server).expect("GET", quote(path, safe="/?&=%!,:"))

    def logs(self, component: str, lines: int = 50) -> str:
        """The end of a component's log. ControlPlaneError names the components when there is no such."""
        path = self._layout.log(component)
        if component not in self.components:
            raise ControlPlaneError(f"no component {component!r}; there are: {', '.join(self.components)}")
        return tail(path, lines)

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(program.name for program in self.state.programs)

    def programs(self) -> list[tuple[Program, bool]]:
        """Every program and whether it still runs."""
        return [(program, alive(program.pid, program.born)) for program in self.state.programs]

    @property
    def signs_in(self) -> bool:
        """Whether IAM identities can sign in: there is an AWS side."""
        return program.Files(self.directory).answer.exists()

    @property
    def aws(self) -> Aws:
        """The plane's side of AWS. ControlPlaneError where it was started without."""
        return Aws.of(program.Files(self.directory))

    def env(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """What to set so that kubectl, and `aws` where there is an AWS side, speak to this plane and to nothing else."""
        proxies = {name: f"{os.environ[name]}," if os.environ.get(name) else "" for name in ("NO_PROXY", "no_proxy")}
        own = {name: f"{before}127.0.0.1" for name, before in proxies.items()}
        aws = self.aws.env() if self.signs_in else {}
        return {"KUBECONFIG": str(kubeconfig or self.kubeconfig), **own, **aws}

    def environment(self, kubeconfig: Path | None = None) -> Mapping[str, str]:
        """The whole environment for a subprocess: ours, with `env()` over it."""
        return {name: value for name, value in os.environ.items() if name not in UNSET} | self.env(kubeconfig)

    @cached_property
    def _authority(self) -> Authority:
        return Authority(pki.read(self._layout.pki, "ca"))

    @cached_property
    def _ca(self) -> bytes:
        return self.ca_file.read_bytes()

    @cached_property
    def _audit(self) -> Audit:
        servers = range(len(self.urls))
        return Audit([self._layout.audit(server) for server in servers], [self.wire(server) for server in servers])

    def answers(self, server: int, seconds: float) -> bool:
        """Whether an API server says within so many seconds that it is ready."""
        with closing(self._connect(self.urls[server], timeout=seconds)) as wire:
            try:
                return wire.request("GET", "/readyz")[0] == HTTPStatus.OK
            except OSError:
                return False

    def _connect(self, url: str, timeout: float = 30.0) -> Wire:
        certificate = (self._layout.cert(ADMIN), self._layout.key(ADMIN))
        return Wire(url, strict_context(self.ca_file, *map(Path, certificate)), timeout=timeout)

    def close(self) -> None:
        """Close our connections. The plane goes on."""
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()


def system_users() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Certificates every plane needs: file name -> (user, groups)."""
    return {
        ADMIN: ("kubernetes-admin", ("system:masters",)),
        versions.CONTROLLERS: ("system:kube-controller-manager", ()),
        versions.SCHEDULER: ("system:kube-scheduler", ()),
        # One process for all nodes: no node's own identity would be allowed to write for another one.
        "kubelet": ("cotenant:fake-kubelet", ("system:masters",)),
    }
