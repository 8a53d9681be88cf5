"""What is written down about a plane, so that another process can find it, use it and clear it away."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cotenant.local.errors import ControlPlaneError
from cotenant.local.proc import alive

_PREFIX = "cotenant-"
_YOUNG = 60.0
_OURS = {"pki", "kubeconfig", "etcd", "run", "log", "audit"}


@dataclass(frozen=True)
class Program:
    """One program of the plane, as the kernel knows it."""

    name: str
    pid: int
    born: int
    version: str = ""


@dataclass(frozen=True)
class State:
    """`until` is the Unix time at which a detached plane stops by itself; 0 = never, None = lives with its owner."""

    supervisor: Program
    owner: Program
    programs: tuple[Program, ...] = ()
    urls: tuple[str, ...] = ()
    ready: bool = False
    created: float = 0.0
    until: float | None = None
    temporary: bool = True
    options: dict[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return alive(self.supervisor.pid, self.supervisor.born)


def write(path: Path, state: State) -> None:
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    part.write_text(json.dumps(asdict(state), indent=1))
    part.replace(path)


def read(path: Path) -> State | None:
    """None when there is no readable state."""
    try:
        raw = json.loads(path.read_text())
        return State(
            **{
                **raw,
                "supervisor": Program(**raw["supervisor"]),
                "owner": Program(**raw["owner"]),
                "programs": tuple(Program(**each) for each in raw["programs"]),
                "urls": tuple(raw["urls"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def temporary_root() -> Path:
    """A new private folder (0700) whose name tells whose it is. ControlPlaneError where no folder can be made."""
    try:
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-"))
    except OSError as error:
        raise ControlPlaneError(
            f"no folder for temporary files can be written ({error.strerror}); set TMPDIR to one that can be"
        ) from error


def take_over(root: Path, *, wipe: bool) -> None:
    """Make a folder ready for a new plane: nothing of an earlier one runs, and with `wipe` nothing of it lies there.

    ControlPlaneError when a plane runs in it, or when wiping would delete what is not a plane's.
    """
    path = root / "run" / "state.json"
    old = read(path)
    if old is not None:
        if old.running:
            raise ControlPlaneError(f"a control plane runs in {root} already (pid {old.supervisor.pid})")
        for program in old.programs:
            end(program)
        path.unlink(missing_ok=True)
    if wipe and root.exists():
        foreign = sorted({entry.name for entry in root.iterdir()} - _OURS)
        if foreign:
            raise ControlPlaneError(
                f"{root} holds {', '.join(foreign[:3])}: not a folder of a control plane, left alone"
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)


def sweep(root: Path | None = None) -> list[Path]:
    """Clear away what planes left behind whose supervisor is gone; gives the folders removed."""
    removed = []
    for folder, state in _leftovers(root or Path(tempfile.gettempdir())):
        if state is not None:
            for program in state.programs:
                end(program)
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(folder)
    return removed


def end(program: Program) -> None:
    """SIGKILL, only if the process is still the one that was written down."""
    if alive(program.pid, program.born):
        with contextlib.suppress(OSError):
            os.kill(program.pid, signal.SIGKILL)


def _leftovers(root: Path) -> Iterator[tuple[Path, State | None]]:
    for folder in root.glob(f"{_PREFIX}{os.getuid()}-*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or about.st_uid != os.getuid():
                continue
            state = read(folder / "run" / "state.json")
            if state is None:
                if time.time() - about.st_mtime > _YOUNG:
                    yield folder, None
            elif not state.running and not alive(state.owner.pid, state.owner.born):
                yield folder, state
