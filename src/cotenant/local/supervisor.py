"""The process that holds the plane's programs, so that nothing survives the death of anybody.

It is single-threaded and starts every program itself: PR_SET_PDEATHSIG fires when the *thread* that forked ends, so
it is safe only here. The parent gone means stdin at its end: everything is stopped. The supervisor killed means that
the kernel kills the programs. Runs as `python -I -S`, standard library only.

Protocol: one JSON object a line on stdin, one answer a line on stdout.
    {"op": "start", "name", "argv", "env", "log"}  -> {"pid", "born"}
    {"op": "poll"}                                  -> {"exited": {name: return code}}
    {"op": "stop", "name"}                          -> {"code"}
    {"op": "detach", "seconds"}                     -> {}      stays when stdin ends; 0 = for ever
    {"op": "shutdown"}                              -> {}      after everything has stopped
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cotenant.local.proc import born, dying_with_me

_LOG_LIMIT = 50 * 1024 * 1024
_HOUSEKEEPING = 30.0


class Supervisor:
    """`remove` is deleted when everything has stopped. `patience` is the time between SIGTERM and SIGKILL, in seconds."""

    def __init__(self, *, remove: Path | None, patience: float) -> None:
        self._remove = remove
        self._patience = patience
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, Path] = {}
        self._detached = False
        self._ends_at: float | None = None
        self._asked_to_end = False
        self._answer_at_the_end = False
        self._tie = dying_with_me()

    def run(self) -> None:
        """Serve the parent until it asks for shutdown or is gone, then stop everything."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        # Ctrl-C and a closed terminal reach the whole group; whoever owns the plane decides, not the terminal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._serve(wake)
        finally:
            self._stop_all()
            if self._remove is not None:
                shutil.rmtree(self._remove, ignore_errors=True)
            if self._answer_at_the_end:
                self._answer({})

    def _on_terminate(self, *_: object) -> None:
        self._asked_to_end = True

    def _serve(self, wake: int) -> None:
        pending = b""
        while not self._asked_to_end:
            sources = [wake] if self._detached else [0, wake]
            ready, _, _ = select.select(sources, [], [], self._wait_at_most())
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            if 0 in ready:
                piece = os.read(0, 65536)
                if not piece and not self._detached:
                    return
                *lines, pending = (pending + piece).split(b"\n")
                for line in lines:
                    if not self._obey(json.loads(line)):
                        return
            if self._ends_at is not None and time.time() >= self._ends_at:
                return
            self._tidy()

    def _wait_at_most(self) -> float:
        if self._ends_at is None:
            return _HOUSEKEEPING
        return max(0.0, min(_HOUSEKEEPING, self._ends_at - time.time()))

    def _tidy(self) -> None:
        for program in self._programs.values():
            program.poll()
        for log in self._logs.values():
            # Programs append (O_APPEND): cut to nothing, they go on at the start.
            with contextlib.suppress(OSError):
                if log.stat().st_size > _LOG_LIMIT:
                    os.truncate(log, 0)

    def _obey(self, command: dict[str, Any]) -> bool:
        """False when this was the last command."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "start": self._start,
            "poll": self._poll,
            "stop": self._stop,
            "detach": self._detach,
        }
        if command["op"] == "shutdown":
            self._answer_at_the_end = True
            return False
        try:
            self._answer(operations[command["op"]](command))
        except OSError as error:
            self._answer({"error": str(error)})
        return True

    def _start(self, command: dict[str, Any]) -> dict[str, Any]:
        log = Path(command["log"])
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            program = subprocess.Popen(
                command["argv"],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=command["env"],
                cwd=str(log.parent),
                process_group=0,
                preexec_fn=self._die_with_me,  # noqa: PLW1509 - one thread, see above
            )
        finally:
            os.close(descriptor)
        self._programs[command["name"]] = program
        self._logs[command["name"]] = log
        return {"pid": program.pid, "born": born(program.pid)}

    def _die_with_me(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self._tie()

    def _poll(self, _: dict[str, Any]) -> dict[str, Any]:
        codes = {name: program.poll() for name, program in self._programs.items()}
        return {"exited": {name: code for name, code in codes.items() if code is not None}}

    def _stop(self, command: dict[str, Any]) -> dict[str, Any]:
        program = self._programs.pop(command["name"], None)
        if program is None:
            return {"code": None}
        self._end([program])
        return {"code": program.returncode}

    def _detach(self, command: dict[str, Any]) -> dict[str, Any]:
        self._detached = True
        self._ends_at = time.time() + command["seconds"] if command["seconds"] else None
        return {}

    def _stop_all(self) -> None:
        """The last started first; servers only after their clients, etcd last."""
        waves: dict[int, list[subprocess.Popen[bytes]]] = {}
        for name, program in self._programs.items():
            wave = 2 if name == "etcd" else 1 if name.startswith("kube-apiserver") else 0
            waves.setdefault(wave, []).append(program)
        for wave in sorted(waves):
            self._end(waves[wave])

    def _end(self, programs: list[subprocess.Popen[bytes]]) -> None:
        for program in programs:
            _signal_group(program, signal.SIGTERM)
        deadline = time.monotonic() + self._patience
        for program in programs:
            try:
                program.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(program, signal.SIGKILL)
                program.wait()

    def _answer(self, answer: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            os.write(1, json.dumps(answer).encode() + b"\n")


def _signal_group(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if program.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, number)


def main() -> None:
    """Arguments: the folder to remove at the end (or an empty text), and the patience in seconds."""
    remove, patience = sys.argv[1:3]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    Supervisor(remove=Path(remove) if remove else None, patience=float(patience)).run()


if __name__ == "__main__":
    main()
