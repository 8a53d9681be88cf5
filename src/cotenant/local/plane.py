"""LocalControlPlane: a real Kubernetes control plane that lives exactly as long as its owner."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cotenant.local import kubeconfig, pki, state
from cotenant.local.components import AUDIT_POLICY, Layout
from cotenant.local.eks import program
from cotenant.local.errors import ControlPlaneError
from cotenant.local.handle import Handle, system_users
from cotenant.local.options import Options
from cotenant.local.pki import Authority
from cotenant.local.proc import born
from cotenant.local.processes import Process, Processes
from cotenant.local.resolver import Binary, Progress, Resolver, say
from cotenant.local.start import Starter
from cotenant.local.state import Program, State

_NOWHERE = Path("/nonexistent")


class LocalControlPlane(Handle):
    """etcd, one or two kube-apiservers, kube-controller-manager, kube-scheduler and a fake kubelet.

    A context manager; `start` and `stop` may be called from any thread and block for about 4 and 1.5 seconds.
    From async code use asyncio.to_thread. Nothing of it survives this process, however this process ends,
    unless `detach` was called.
    """

    def __init__(self, options: Options | None = None, *, progress: Progress = say, **choices: Any) -> None:
        self.options = replace(options or Options(), **choices)
        self._progress = progress
        self._life = threading.RLock()
        self._processes: Processes | None = None
        self.binaries: dict[str, Binary] = {}
        super().__init__(self.options.directory or _NOWHERE)

    def start(self) -> Self:
        """Returns when Pods can be created and run. BinariesMissing, or ControlPlaneError with the log's end."""
        with self._life:
            if self._processes is not None:
                return self
            if self.options.eks is not None:
                program.check()
            state.sweep()
            self.binaries = Resolver(self.options, progress=self._progress).all()
            self._prepare()
            try:
                self._start()
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """Idempotent. Removes the folder unless it was given."""
        with self._life:
            processes, self._processes = self._processes, None
            self.close()
            if processes is not None:
                processes.shutdown()
                if self.options.temporary:
                    shutil.rmtree(self.directory, ignore_errors=True)
                else:
                    self._layout.state.unlink(missing_ok=True)

    def detach(self, seconds: float) -> None:
        """The plane goes on without this process and stops by itself after so many seconds (0: never)."""
        with self._life:
            if self._processes is None:
                raise ControlPlaneError("not started")
            until = time.time() + seconds if seconds else 0.0
            state.write(self._layout.state, replace(self.state, until=until))
            self._processes.detach(seconds)
            self._processes = None

    def run(self, name: str, argv: Sequence[str]) -> Program:
        """One program more, such as an operator: it ends with the plane at the latest; its output is in `logs(name)`.

        The same name again replaces one that has ended.
        """
        with self._life:
            if self._processes is None:
                raise ControlPlaneError("not started")
            process = self._processes.start(name, argv, self._layout.log(name))
            program = Program(process.name, process.pid, process.born)
            others = tuple(each for each in self.state.programs if each.name != name)
            state.write(self._layout.state, replace(self.state, programs=(*others, program)))
            return program

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Folders, certificates, and a first state so that a sweep by somebody else knows whose this is."""
        if self.options.directory is None:
            self._layout = Layout(state.temporary_root())
        else:
            state.take_over(self.directory, wipe=self.options.disposable)
        self.directory.chmod(0o700)
        for folder in self._layout.folders():
            folder.mkdir(exist_ok=True, mode=0o700)
        self._forget()
        _certificates(self._layout.pki)
        if self.options.eks is not None:
            program.certify(program.Files(self.directory), self._authority)
        self._layout.audit_policy.write_text(json.dumps(AUDIT_POLICY))

    def _start(self) -> None:
        temporary = self.options.temporary
        processes = Processes(
            log=self._layout.log("supervisor"),
            remove=self.directory if temporary else None,
            patience=self.options.stop_timeout,
        )
        self._processes = processes
        own = State(
            supervisor=Program("supervisor", processes.pid, processes.born),
            owner=Program("owner", os.getpid(), born(os.getpid())),
            created=time.time(),
            temporary=temporary,
        )
        state.write(self._layout.state, own)
        starter = Starter(self._layout, self.options, self.binaries, processes, self._connect, self._on_urls)
        starter.run(keep=not temporary)
        programs = tuple(self._program(process) for process in starter.started.values())
        state.write(self._layout.state, replace(self.state, programs=programs, ready=True))

    def _program(self, process: Process) -> Program:
        binary = self.binaries.get(process.name) or self.binaries.get(process.name.rpartition("-")[0])
        return Program(process.name, process.pid, process.born, binary.version if binary else "")

    def _on_urls(self, urls: tuple[str, ...]) -> None:
        state.write(self._layout.state, replace(self.state, urls=urls))
        for name, (user, _) in system_users().items():
            pair = pki.read(self._layout.pki, name)
            document = kubeconfig.for_certificate(urls[0], self._ca, user, pair)
            kubeconfig.save(self._layout.kubeconfig(name), document)

    def _forget(self) -> None:
        """Kubeconfigs of an earlier life name ports and a CA that are gone."""
        for name in ("_authority", "_ca", "_audit"):
            self.__dict__.pop(name, None)
        for folder in (self._layout.pki, self._layout.kubeconfigs):
            for file in folder.iterdir():
                file.unlink()


def _certificates(folder: Path) -> None:
    authority, proxy = Authority.create("cotenant-local-ca"), Authority.create("cotenant-local-front-proxy-ca")
    pki.write(folder, "ca", authority.pair)
    pki.write(folder, "front-proxy-ca", proxy.pair)
    pki.write(folder, "front-proxy-client", proxy.client("front-proxy-client"))
    pki.write(folder, "serving", authority.serving("kube-apiserver"))
    pki.write(folder, "sa", pki.signing_key())
    for name, (user, groups) in system_users().items():
        pki.write(folder, name, authority.client(user, groups))
