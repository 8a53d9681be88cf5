"""Downloads the programs for people with internet, and runs nothing whose hash is not the one expected."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import tarfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cotenant.local import versions
from cotenant.local.cache import Cache, Manifest
from cotenant.local.errors import ControlPlaneError

Progress = Callable[[str], None]

_BLOCK = 1 << 20
_TIMEOUT = 60.0
_LOCK = "downloads.json"
_LARGEST_LIST = 1 << 20


class DownloadFailed(ControlPlaneError):
    """The file is not there, not whole, or not the one that was expected."""


@dataclass(frozen=True)
class Table:
    """Addresses and pinned hashes, as in versions.toml."""

    projects: Mapping[str, Mapping[str, Any]]
    sha256: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Table:
        raw = tomllib.loads(text)
        return cls(projects=raw, sha256=raw.pop("sha256", {}))

    @classmethod
    def shipped(cls) -> Table:
        return cls.parse((Path(__file__).parent / "versions.toml").read_text())


def download(project: str, cache: Cache, progress: Progress, table: Table) -> Path:
    """All programs of a project into the cache; gives the folder. DownloadFailed leaves nothing behind."""
    entry = table.projects[project]
    if versions.host() not in entry["platforms"]:
        raise DownloadFailed(f"{project}: nothing to download for {versions.host()}")
    progress(f"downloading {project} {entry['version']}: about {entry['megabytes']} MB, once on this machine")
    with cache.staging() as folder:
        for name in entry["programs"]:
            _fetch_program(entry, name, folder, cache, progress, table)
        manifest = Manifest(
            project=project,
            version=entry["version"],
            recipe=versions.host(),
            source="download",
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return cache.publish(folder, manifest, entry["programs"])


def _fetch_program(
    entry: Mapping[str, Any], name: str, folder: Path, cache: Cache, progress: Progress, table: Table
) -> None:
    system, _, arch = versions.host().partition("-")
    fill = {"version": entry["version"], "os": system, "arch": arch, "name": name}
    url = entry["url"].format(**fill)
    expected = table.sha256.get(url) or _recorded(cache).get(url)
    known = expected is not None
    if expected is None:
        expected = _published(entry["checksum"].format(**fill), url)
        progress(
            f"{url}: no hash ships with cotenant; trusting sha256 {expected} published beside it, and recording it"
        )
    member = entry.get("member", "").format(**fill)
    target = folder / (f"{name}.tar.gz" if member else name)
    fetch(url, target, expected)
    if member:
        _extract(target, member, folder / name)
        target.unlink()
    if not known:
        _record(cache, url, expected)


def fetch(url: str, target: Path, sha256: str) -> None:
    """One file, whole and with this hash, or DownloadFailed and no file. Redirects are followed."""
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    seen, total = hashlib.sha256(), 0
    try:
        with _open(url) as answer, part.open("wb") as file:
            announced = answer.headers.get("Content-Length")
            while block := answer.read(_BLOCK):
                seen.update(block)
                total += len(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if announced is not None and total != int(announced):
            raise DownloadFailed(f"{url}: ended after {total} of {announced} bytes; try again")
        if seen.hexdigest() != sha256:
            raise DownloadFailed(f"{url}: sha256 is {seen.hexdigest()}, expected {sha256}; the file was thrown away")
        part.replace(target)
    except http.client.IncompleteRead as error:
        raise DownloadFailed(f"{url}: ended after {total + len(error.partial)} bytes; try again") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadFailed(f"{url}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _open(url: str) -> http.client.HTTPResponse:
    _refuse_plain(url)
    try:
        # Honours HTTPS_PROXY and SSL_CERT_FILE.
        answer: http.client.HTTPResponse = urllib.request.build_opener(_Encrypted).open(url, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            raise DownloadFailed(f"{url}: HTTP {error.code} {error.reason}") from error
    return answer


class _Encrypted(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not to where anybody could change the answer."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _refuse_plain(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_plain(url: str) -> None:
    """Nothing unencrypted but from this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        raise DownloadFailed(f"{url}: only https is accepted")


def _published(url: str, of: str) -> str:
    """The hash in a `.sha256` file, or in the line of a SHA256SUMS that names the file."""
    with _open(url) as answer:
        text = answer.read(_LARGEST_LIST).decode(errors="replace")
    name = of.rpartition("/")[2]
    for line in text.splitlines():
        words = line.split()
        if words and (len(words) == 1 or words[1].lstrip("*") == name) and len(words[0]) == 64:
            return words[0].lower()
    raise DownloadFailed(f"{url}: no sha256 for {name} in it")


def _extract(archive: Path, member: str, target: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            source = tar.extractfile(member)
            if source is None:
                raise DownloadFailed(f"{archive.name}: {member} is no file")
            with source, target.open("wb") as file:
                while block := source.read(_BLOCK):
                    file.write(block)
    except (KeyError, tarfile.TarError) as error:
        raise DownloadFailed(f"{archive.name}: {error}") from error


def _recorded(cache: Cache) -> dict[str, str]:
    try:
        recorded: dict[str, str] = json.loads((cache.root / _LOCK).read_text())
    except (OSError, ValueError):
        return {}
    return recorded


def _record(cache: Cache, url: str, sha256: str) -> None:
    part = cache.root / f"{_LOCK}.part-{os.getpid()}"
    part.write_text(json.dumps({**_recorded(cache), url: sha256}, indent=1, sort_keys=True))
    part.replace(cache.root / _LOCK)
