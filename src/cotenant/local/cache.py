"""Programs that were built or downloaded once, kept per user. One folder a recipe, a manifest with every hash in it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cotenant.local import places, versions

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What lies in a folder of the cache and how it came there. `recipe` is the hash of everything but the toolchain."""

    project: str
    version: str
    recipe: str
    source: str
    toolchain: str = ""
    at: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)


class Cache:
    """`root` is made on first writing, for its owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, name: str, recipes: Mapping[str, str]) -> tuple[Path | None, str]:
        """The program and why not. `recipes` says which recipe counts, by project; downloaded ones always do."""
        reasons = []
        project = project_of(name)
        pattern = f"{project}-{versions.version_of(name)}-{versions.host()}-*/{MANIFEST}"
        for path in sorted(self.root.glob(pattern)):
            manifest = _read(path)
            if manifest is None or name not in manifest.sha256:
                reasons.append(f"{path.parent} has no readable manifest for it")
            elif manifest.source == "build" and manifest.recipe != recipes.get(project):
                reasons.append(f"{path.parent.name} was built from other sources")
            elif unsafe(path.parent):
                reasons.append(f"{path.parent} can be written by everybody")
            elif digest(path.parent / name) != manifest.sha256[name]:
                reasons.append(f"{path.parent / name} is not the file that was put there (sha256 differs)")
            else:
                return path.parent / name, ""
        return None, "; ".join(reasons) or f"nothing for it in {self.root}"

    @contextmanager
    def lock(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """One builder at a time, over processes. `on_wait` is called when somebody else is at it."""
        places.make(self.root, "XDG_CACHE_HOME")
        with (self.root / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            for leftover in self.root.glob(".part-*"):  # of a builder that was killed: nobody else is at work now
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder beside the final ones, so that the rename is atomic; gone afterwards if it was not published."""
        places.make(self.root, "XDG_CACHE_HOME")
        folder = Path(tempfile.mkdtemp(prefix=f".part-{os.getpid()}-", dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, manifest: Manifest, programs: Sequence[str]) -> Path:
        """Seal the folder with the hashes of its programs and put it in its place, over an older one."""
        hashes = {}
        for name in programs:
            path = folder / name
            path.chmod(0o755)
            _to_disk(path)
            hashes[name] = digest(path) or ""
        sealed = {**asdict(manifest), "sha256": hashes}
        (folder / MANIFEST).write_text(json.dumps(sealed, indent=1))
        _to_disk(folder / MANIFEST)
        key = key_of(manifest.recipe, manifest.toolchain, manifest.source)
        final = self.root / f"{manifest.project}-{manifest.version}-{versions.host()}-{key}"
        if final.exists():
            shutil.rmtree(final)
        folder.rename(final)
        return final


def project_of(name: str) -> str:
    return "etcd" if name == versions.ETCD_NAME else "kubernetes"


def key_of(*parts: str) -> str:
    """A short name for a recipe: the first 16 hex digits of the hash over all parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def digest(path: Path) -> str | None:
    """sha256 in hex; None when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def unsafe(folder: Path) -> bool:
    """Whether anybody could put another program there."""
    return bool(folder.stat().st_mode & 0o002)


def _read(path: Path) -> Manifest | None:
    try:
        return Manifest(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
