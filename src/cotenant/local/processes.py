"""The parent's end of the supervisor: start, ask, stop. Usable from any thread."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.proc import born

_SOURCE = str(Path(__file__).parents[2])
_GRACE = 5.0
_KEPT = ("PATH", "TMPDIR", "LANG", "TZ", "GOGC", "GOMEMLIMIT")

_open: weakref.WeakSet[Processes] = weakref.WeakSet()


@dataclass(frozen=True)
class Process:
    """One program: pid, and its start time as told by the kernel."""

    name: str
    pid: int
    born: int


def python(module: str, *arguments: str, packages: bool = False) -> list[str]:
    """A command line that runs a module of this package, without site-packages if it can: 50 ms instead of 300."""
    code = f"import sys; sys.path.insert(0, {_SOURCE!r}); from {module} import main; main()"
    return [sys.executable, "-I", *([] if packages else ["-S"]), "-c", code, *arguments]


class Processes:
    """Everything started through it ends when this process ends, however it ends."""

    def __init__(self, *, log: Path, remove: Path | None, patience: float = 10.0) -> None:
        self._lock = threading.Lock()
        self._patience = patience
        with log.open("ab") as stderr:
            self._supervisor = subprocess.Popen(
                python("cotenant.local.supervisor", str(remove or ""), str(patience)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd="/",
                env=environment(),
                start_new_session=True,
            )
        self.pid = self._supervisor.pid
        self.born = born(self.pid)
        _open.add(self)

    def start(self, name: str, argv: Sequence[str], log: Path) -> Process:
        answer = self._ask({"op": "start", "name": name, "argv": list(argv), "env": environment(), "log": str(log)})
        return Process(name, answer["pid"], answer["born"])

    def exited(self) -> Mapping[str, int]:
        """Return codes of the programs that are no more."""
        exited: dict[str, int] = self._ask({"op": "poll"})["exited"]
        return exited

    def stop(self, name: str) -> None:
        self._ask({"op": "stop", "name": name})

    def detach(self, seconds: float) -> None:
        """The supervisor lives on without us, for so many seconds (0: until told otherwise)."""
        self._ask({"op": "detach", "seconds": seconds})
        self._close()
        self._supervisor.returncode = 0  # no longer ours to wait for: no warning about a child still running

    def shutdown(self) -> None:
        """Stop everything; returns when it is gone. Idempotent."""
        if self._supervisor.poll() is None and self._supervisor.stdin and not self._supervisor.stdin.closed:
            # A supervisor that is gone already has taken its programs along.
            with contextlib.suppress(ControlPlaneError):
                self._ask({"op": "shutdown"})
        self._close()
        try:
            self._supervisor.wait(self._patience + _GRACE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._supervisor.stdin, self._supervisor.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            try:
                stdin.write(json.dumps(command).encode() + b"\n")
                stdin.flush()
                line = stdout.readline()
            except (OSError, ValueError) as error:
                raise ControlPlaneError("the supervisor of the local control plane is gone") from error
        if not line:
            raise ControlPlaneError("the supervisor of the local control plane is gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlPlaneError(answer["error"])
        return answer

    def _close(self) -> None:
        _open.discard(self)
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _forget_in_child(self) -> None:
        # A forked worker that keeps the pipe open would keep the plane alive after its owner's death.
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    os.close(pipe.fileno())


def environment() -> dict[str, str]:
    """What the programs see: no KUBECONFIG, no HOME of the user, no proxy for loopback.

    GOGC and GOMEMLIMIT are the user's choice between memory and CPU seconds.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"HOME": "/nonexistent", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _after_fork() -> None:
    for processes in list(_open):
        processes._forget_in_child()  # noqa: SLF001 - same module, same thing


os.register_at_fork(after_in_child=_after_fork)
