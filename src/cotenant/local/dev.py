"""The plane of `cotenant dev`: one a user, it outlives the command and ends by itself."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cotenant.local import places, state
from cotenant.local.errors import ControlPlaneError
from cotenant.local.handle import Handle
from cotenant.local.options import Options
from cotenant.local.plane import LocalControlPlane

DEFAULT_SECONDS = 8 * 3600
AUDIT_MEGABYTES = 100
_PATIENCE = 15.0
_ANSWER = 5.0


def running(directory: Path | None = None) -> Handle | None:
    """A hold on the plane that runs now; None when there is none, or none that is ready."""
    folder = directory or places.dev_directory()
    found = state.read(folder / "run" / "state.json")
    return Handle(folder) if found is not None and found.running and found.ready else None


def broken(plane: Handle) -> str:
    """Why a plane that runs is of no use, or "": one of its programs has ended, or its API server does not answer."""
    ended = [program.name for program, alive in plane.programs() if not alive]
    if ended:
        return f"{', '.join(ended)} ended"
    for server, url in enumerate(plane.urls):
        if not plane.answers(server, _ANSWER):
            return f"the API server at {url} does not answer"
    return ""


def up(
    seconds: float = DEFAULT_SECONDS,
    *,
    directory: Path | None = None,
    progress: Callable[[str], None] | None = None,
    apiservers: int = 1,
    nodes: int = 1,
    emulated_version: str | None = None,
    bin_dir: Path | None = None,
) -> Handle:
    """Start it and let it go; it ends after so many seconds (0: never). ControlPlaneError when one runs already."""
    folder = directory or places.dev_directory()
    options = Options(
        directory=folder,
        disposable=True,
        apiservers=apiservers,
        nodes=nodes,
        emulated_version=emulated_version,
        bin_dir=bin_dir,
        audit_megabytes=AUDIT_MEGABYTES,
    )
    with _alone(folder):
        plane = LocalControlPlane(options, **({"progress": progress} if progress else {}))
        plane.start()
        try:
            plane.detach(seconds)
        except BaseException:
            plane.stop()
            raise
    return Handle(folder)


def down(directory: Path | None = None) -> bool:
    """Stop it and clear its folder away; False when none ran. Returns when every process is gone."""
    folder = directory or places.dev_directory()
    found = state.read(folder / "run" / "state.json")
    if found is None:
        return False
    was_running = found.running
    if was_running:
        with suppress(ProcessLookupError):
            os.kill(found.supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while found.running and time.monotonic() < deadline:
            time.sleep(0.05)
        state.end(found.supervisor)
    for program in found.programs:
        state.end(program)
    shutil.rmtree(folder, ignore_errors=True)
    return was_running


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two `dev up` at once must not both clear the folder."""
    places.make(folder.parent, "XDG_STATE_HOME")
    with (folder.parent / f"{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ControlPlaneError("another `cotenant dev up` is at work") from None
        yield
