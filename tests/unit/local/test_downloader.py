from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cotenant.local import Options, versions
from cotenant.local.cache import Cache
from cotenant.local.downloader import DownloadFailed, Table, download, fetch
from cotenant.local.resolver import Resolver

CONTENT = b"#!/bin/sh\necho Kubernetes v1.36.4\n"
SHA = hashlib.sha256(CONTENT).hexdigest()


class Site(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self):
        path = self.path
        if path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", path.removeprefix("/redirect"))
            self.end_headers()
        elif path == "/to-plain":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/file")
            self.end_headers()
        elif path.removeprefix("/short") in self.files:
            content = self.files[path.removeprefix("/short")]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-5] if path.startswith("/short") else content)
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    handler = type("Files", (Site,), {"files": {"/file": CONTENT}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.files, server.url = handler.files, f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def published(site, tmp_path):
    """A table that points to the loopback site: three programs with .sha256 files, etcd in an archive with SHA256SUMS."""
    names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    for name in names:
        site.files[f"/{name}"] = CONTENT
        site.files[f"/{name}.sha256"] = f"{SHA}\n".encode()
    archive, body = io.BytesIO(), b"#!/bin/sh\necho etcd Version: 3.6.14\n"
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo("etcd-v3.6.14/etcd")
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))
    site.files["/etcd.tar.gz"] = archive.getvalue()
    sums = f"{'0' * 64}  other.tar.gz\n{hashlib.sha256(archive.getvalue()).hexdigest()}  etcd.tar.gz\n"
    site.files["/SHA256SUMS"] = sums.encode()
    common = {"platforms": [versions.host()], "megabytes": 1}
    kubernetes = {
        "version": "1.36.4",
        "programs": names,
        "url": site.url + "/{name}",
        "checksum": site.url + "/{name}.sha256",
        **common,
    }
    etcd = {
        "version": "3.6.14",
        "programs": ["etcd"],
        "url": site.url + "/etcd.tar.gz",
        "checksum": site.url + "/SHA256SUMS",
        "member": "etcd-v{version}/{name}",
        **common,
    }
    return Table({"kubernetes": kubernetes, "etcd": etcd}, {})


def test_a_whole_file_with_the_right_hash_is_kept(site, tmp_path):
    fetch(f"{site.url}/file", tmp_path / "file", SHA)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_redirect_is_followed(site, tmp_path):
    fetch(f"{site.url}/redirect/file", tmp_path / "file", SHA)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "sha", "saying"),
    [
        ("/file", "0" * 64, f"sha256 is {SHA}, expected 0000"),
        ("/short/file", SHA, f"ended after {len(CONTENT) - 5}"),
        ("/nothing", SHA, "HTTP 404"),
        ("/to-plain", SHA, "example.invalid/file: only https"),
    ],
    ids=["wrong hash", "truncated", "missing", "redirect to an unencrypted place"],
)
def test_anything_else_is_refused_and_leaves_no_file(site, tmp_path, path, sha, saying):
    with pytest.raises(DownloadFailed, match=saying):
        fetch(site.url + path, tmp_path / "file", sha)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_address_elsewhere_is_not_even_asked(tmp_path):
    with pytest.raises(DownloadFailed, match="only https"):
        fetch("http://dl.example.com/file", tmp_path / "file", SHA)


def test_a_server_that_is_not_there_is_an_error_with_the_address(tmp_path):
    with pytest.raises(DownloadFailed, match=r"http://127\.0\.0\.1:1/file"):
        fetch("http://127.0.0.1:1/file", tmp_path / "file", SHA)


def test_without_a_pin_the_published_hash_is_trusted_once_said_and_recorded(published, tmp_path, site):
    cache, said = Cache(tmp_path / "cache"), []
    folder = download("kubernetes", cache, said.append, published)
    assert (folder / "kube-apiserver").read_bytes() == CONTENT
    assert any(f"trusting sha256 {SHA} published beside it" in line for line in said)
    recorded = json.loads((cache.root / "downloads.json").read_text())
    assert recorded[f"{site.url}/kube-apiserver"] == SHA


def test_a_file_that_changed_since_the_first_download_is_refused(published, tmp_path, site):
    cache = Cache(tmp_path / "cache")
    download("kubernetes", cache, lambda _: None, published)
    other = b"something else"
    site.files["/kube-apiserver"] = other
    site.files["/kube-apiserver.sha256"] = hashlib.sha256(other).hexdigest().encode()
    with pytest.raises(DownloadFailed, match=f"expected {SHA}"):
        download("kubernetes", cache, lambda _: None, published)


def test_a_pinned_hash_beats_the_published_one(published, tmp_path, site):
    table = Table(published.projects, {f"{site.url}/kube-scheduler": "1" * 64})
    with pytest.raises(DownloadFailed, match="expected 1111"):
        download("kubernetes", Cache(tmp_path / "cache"), lambda _: None, table)
    assert not list((tmp_path / "cache").glob("kubernetes*"))


def test_etcd_is_taken_out_of_its_archive(published, tmp_path):
    folder = download("etcd", Cache(tmp_path / "cache"), lambda _: None, published)
    assert b"3.6.14" in (folder / "etcd").read_bytes()
    assert {entry.name for entry in folder.iterdir()} == {"etcd", "manifest.json"}


def test_a_list_of_hashes_without_the_file_is_refused(published, tmp_path, site):
    site.files["/SHA256SUMS"] = b"0000 other\n"
    with pytest.raises(DownloadFailed, match=r"no sha256 for etcd\.tar\.gz"):
        download("etcd", Cache(tmp_path / "cache"), lambda _: None, published)


@pytest.mark.parametrize(
    ("environ", "options", "source"),
    [
        ({"COTENANT_DOWNLOAD": "1"}, {}, "download"),
        ({}, {"allow_download": True}, "download"),
    ],
)
def test_the_resolver_downloads_when_it_may_and_finds_it_in_the_cache_next_time(
    published, tmp_path, environ, options, source
):
    where = {"HOME": str(tmp_path), "PATH": "", **environ}
    made = Resolver(Options(allow_build=False, **options), progress=lambda _: None, environ=where, table=published)
    assert {b.source for b in made.all().values()} == {source}
    again = Resolver(Options(allow_build=False), progress=lambda _: None, environ=where, table=published)
    assert {b.source for b in again.all().values()} == {"cache"}


def test_offline_beats_the_permission_to_download(published, tmp_path):
    where = {"HOME": str(tmp_path), "PATH": "", "COTENANT_OFFLINE": "1", "COTENANT_DOWNLOAD": "1"}
    made = Resolver(Options(allow_build=False), progress=lambda _: None, environ=where, table=published)
    assert not made._may_download()


def test_the_shipped_table_names_the_pinned_versions_over_https():
    table = Table.shipped()
    assert table.projects["kubernetes"]["version"] == versions.KUBERNETES
    assert table.projects["etcd"]["version"] == versions.ETCD
    assert {name for entry in table.projects.values() for name in entry["programs"]} == set(versions.PROGRAMS)
    assert all(entry[key].startswith("https://") for entry in table.projects.values() for key in ("url", "checksum"))
