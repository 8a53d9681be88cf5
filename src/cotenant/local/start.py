"""The start sequence: each program as soon as what it needs is there, never earlier.

kube-controller-manager exits when the API server does not answer /readyz yet, so controllers wait for it.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from cotenant.local import components, node, versions
from cotenant.local.components import Layout
from cotenant.local.eks import program
from cotenant.local.eks.cluster import Cluster
from cotenant.local.errors import ControlPlaneError
from cotenant.local.options import Options
from cotenant.local.ports import Claim
from cotenant.local.processes import Process, Processes, python
from cotenant.local.resolver import Binary
from cotenant.local.wire import Wire

_TAIL = 30
_TRIES = 3
_POLL = 0.05
_IN_USE = "address already in use"


class Starter:
    """Starts the programs of one plane; remembers command lines for the message when one dies.

    `on_urls` is told the addresses once they are certain, before anything that needs a kubeconfig starts.
    """

    def __init__(
        self,
        layout: Layout,
        options: Options,
        binaries: Mapping[str, Binary],
        processes: Processes,
        connect: Callable[[str], Wire],
        on_urls: Callable[[tuple[str, ...]], None],
    ) -> None:
        self._layout, self._options, self._binaries = layout, options, binaries
        self._processes, self._connect, self._on_urls = processes, connect, on_urls
        self._commands: dict[str, list[str]] = {}
        self._deadline = time.monotonic() + options.start_timeout
        self.started: dict[str, Process] = {}

    def run(self, *, keep: bool) -> None:
        """Returns when a Pod could be created and would run. ControlPlaneError with the log's end otherwise."""
        servers = [self.server_name(number) for number in range(self._options.apiservers)]
        with ExitStack() as held:
            claims = {
                name: held.enter_context(Claim()) for name in (*servers, versions.CONTROLLERS, versions.SCHEDULER)
            }
            if self._options.eks is not None:
                self._start_aws(self._options.eks)
            etcd_url = self._start_etcd(keep=keep)
            for number, name in enumerate(servers):
                self._start_apiserver(number, claims[name].release(), etcd_url)
            urls = tuple(
                self._await_apiserver(number, claims[name].port, etcd_url) for number, name in enumerate(servers)
            )
            self._on_urls(urls)
            controllers = components.controllers(self._layout, self._options, claims[versions.CONTROLLERS].release())
            scheduler = components.scheduler(self._layout, self._options, claims[versions.SCHEDULER].release())
        self._launch(versions.CONTROLLERS, controllers)
        self._launch(versions.SCHEDULER, scheduler)
        self._run(versions.KUBELET, python("cotenant.local.kubelet", urls[0], str(self._layout.pki)))
        self._complete(self._connect(urls[0]))

    def _complete(self, wire: Wire) -> None:
        with contextlib.closing(wire):
            for each in self._options.all_nodes():
                if not _exists(wire, f"/api/v1/nodes/{each.name}"):
                    node.register(wire, each)
            # No Pod can be created before its namespace has a ServiceAccount.
            for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
                there = partial(_exists, wire, f"/api/v1/namespaces/default/{path}")
                self._until(versions.CONTROLLERS, there, path)
        if self._options.eks is not None:
            self._until(program.NAME, program.Files(self._layout.root).answer.exists, "AWS' endpoint")
        self._check_alive()

    def _start_aws(self, cluster: Cluster) -> None:
        """First of all: it imports for a second, and the API server wants to know its webhooks at the start."""
        files = program.Files(self._layout.root)
        with Claim() as aws, Claim() as webhooks:
            program.prepare(
                files, cluster, aws.port, webhooks.port, self._options.emulated_version or versions.KUBERNETES
            )
        self._run(program.NAME, python("cotenant.local.eks.server", str(files.order), packages=True))

    def _start_etcd(self, *, keep: bool) -> str:
        name = versions.ETCD_NAME
        path = self._layout.etcd_socket()
        if path is not None:
            url, peer = f"unix://{path}", f"unix://{self._layout.run}/peer.sock"
            self._launch(name, components.etcd(self._layout, url, peer, keep=keep))
            self._until(name, partial(_healthy, lambda: _SocketConnection(path)), "etcd")
            return url
        for _ in range(_TRIES):
            with Claim() as client, Claim() as other:
                port, url, peer = client.port, f"http://127.0.0.1:{client.port}", f"http://127.0.0.1:{other.port}"
            self._launch(name, components.etcd(self._layout, url, peer, keep=keep))
            connect = partial(http.client.HTTPConnection, "127.0.0.1", port, timeout=2)
            if self._until_or_port_taken(name, partial(_healthy, connect), "etcd"):
                return url
        raise ControlPlaneError(f"no free port for etcd in {_TRIES} tries")

    def _start_apiserver(self, number: int, port: int, etcd_url: str) -> None:
        flags = components.apiserver(self._layout, self._options, number, port, etcd_url)
        self._launch(self.server_name(number), flags, program=versions.APISERVER)

    def _await_apiserver(self, number: int, port: int, etcd_url: str) -> str:
        """The address it answers on: another one than at first if somebody took the port meanwhile."""
        for _ in range(_TRIES):
            url = f"https://127.0.0.1:{port}"
            with contextlib.closing(self._connect(url)) as wire:
                if self._until_or_port_taken(self.server_name(number), partial(_exists, wire, "/readyz"), "/readyz"):
                    return url
            with Claim() as claim:
                port = claim.port
            self._start_apiserver(number, port, etcd_url)
        raise ControlPlaneError(f"no free port for kube-apiserver in {_TRIES} tries")

    @staticmethod
    def server_name(server: int) -> str:
        return versions.APISERVER if server == 0 else f"{versions.APISERVER}-{server + 1}"

    def _launch(self, name: str, flags: list[str], *, program: str | None = None) -> None:
        program, extra = program or name, self._options.extra_args
        flags = components.merged(flags, [*extra.get(program, ()), *(extra.get(name, ()) if name != program else ())])
        self._run(name, [str(self._binaries[program].path), *flags])

    def _run(self, name: str, command: list[str]) -> None:
        self._commands[name] = command
        self.started[name] = self._processes.start(name, command, self._layout.log(name))

    def _until_or_port_taken(self, name: str, test: Callable[[], bool], what: str) -> bool:
        try:
            self._until(name, test, what)
        except ControlPlaneError:
            if _IN_USE in tail(self._layout.log(name), _TAIL):
                self._processes.stop(name)
                self._layout.log(name).unlink()
                return False
            raise
        return True

    def _until(self, name: str, test: Callable[[], bool], what: str) -> None:
        while True:
            try:
                if test():
                    return
            except (OSError, http.client.HTTPException):
                pass
            self._check_alive()
            if time.monotonic() > self._deadline:
                waited = f"{self._options.start_timeout:.0f} s"
                raise ControlPlaneError(f"waited {waited} for {what}, in vain.\n{self._evidence(name)}")
            time.sleep(_POLL)

    def _check_alive(self) -> None:
        for name, code in self._processes.exited().items():
            raise ControlPlaneError(f"{name} ended with code {code}.\n{self._evidence(name)}")

    def _evidence(self, name: str) -> str:
        command = " ".join(self._commands.get(name, ["?"]))
        log = tail(self._layout.log(name), _TAIL) or "(empty)"
        return f"Command: {command}\nLog, last {_TAIL} lines:\n{log}"


def tail(log: Path, lines: int) -> str:
    """The end of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=2)
        self._path = path

    def connect(self) -> None:
        self.sock: Any = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(2)
        self.sock.connect(str(self._path))


def _healthy(connect: Callable[[], http.client.HTTPConnection]) -> bool:
    connection = connect()
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _exists(wire: Wire, path: str) -> bool:
    return wire.request("GET", path)[0] == 200
