from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cotenant.local import ControlPlaneError, builder, places
from cotenant.local.builder import PROJECTS, Go
from cotenant.local.cache import Cache

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
env > {log}.env
echo "$@" > {log}
pwd > {log}.pwd
echo k8s.io/some/package >&2
{then}
while [ "$1" != -o ]; do shift; done
case "$2" in
  */) for p in kube-apiserver kube-controller-manager kube-scheduler; do echo $p > "$2$p"; done ;;
  *) echo etcd > "$2" ;;
esac
"""


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def fake_go(tmp_path: Path, version: str = "go1.26.8", then: str = "", folder: str = "bin") -> Go:
    path = tmp_path / folder / "go"
    path.parent.mkdir(exist_ok=True)
    path.write_text(FAKE_GO.format(version=version, log=tmp_path / "log", then=then))
    path.chmod(0o755)
    return Go(str(path), version)


def test_a_build_is_kept_with_its_hashes_and_found_again(tmp_path, cache):
    said = []
    folder = builder.build(PROJECTS["kubernetes"], fake_go(tmp_path), cache, said.append, "nothing was found")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["sha256"]) == {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert manifest["toolchain"] == "go1.26.8"
    assert cache.find("kube-scheduler", builder.recipes()) == (folder / "kube-scheduler", "")
    assert os.access(folder / "kube-scheduler", os.X_OK)
    assert [entry.name for entry in cache.root.iterdir()] == [folder.name]


def test_progress_says_what_is_built_why_and_how_long_it_takes(tmp_path, cache):
    said = []
    builder.build(PROJECTS["etcd"], fake_go(tmp_path), cache, said.append, "no ready etcd was found")
    assert "building etcd 3.6.14" in said[0]
    assert "no ready etcd was found" in said[0]
    assert "1.5 minutes" in said[0]
    assert said[-1].startswith("built etcd 3.6.14 in ")


def test_kubernetes_is_built_stamped_trimmed_and_from_the_pinned_modules(tmp_path, cache):
    builder.build(PROJECTS["kubernetes"], fake_go(tmp_path), cache, lambda _: None, "")
    flags = (tmp_path / "log").read_text()
    environment = (tmp_path / "log.env").read_text().splitlines()
    assert "-X k8s.io/component-base/version.gitVersion=v1.36.4" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=36" in flags
    assert "-trimpath -tags selinux,notest,grpcnotrace" in flags
    assert {"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=-mod=readonly", "GOWORK=off"} <= set(environment)
    assert (tmp_path / "log.pwd").read_text().strip().endswith("local/modules/kubernetes")


def test_offline_go_is_not_allowed_to_the_network(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("COTENANT_OFFLINE", "1")
    builder.build(PROJECTS["etcd"], fake_go(tmp_path), cache, lambda _: None, "")
    assert "GOPROXY=off" in (tmp_path / "log.env").read_text().splitlines()


def test_a_failed_build_shows_the_compilers_words_and_leaves_nothing(tmp_path, cache):
    go = fake_go(tmp_path, then="echo 'server.go:7: undefined: cheese' >&2; exit 1")
    with pytest.raises(ControlPlaneError, match=r"ended with code 1:(?s:.*)undefined: cheese"):
        builder.build(PROJECTS["etcd"], go, cache, lambda _: None, "")
    assert list(cache.root.iterdir()) == []


def test_the_key_changes_with_the_toolchain_and_the_recipe_with_flags_and_sums(tmp_path, cache, monkeypatch):
    project = PROJECTS["etcd"]
    one = builder.build(project, fake_go(tmp_path), cache, lambda _: None, "")
    two = builder.build(project, fake_go(tmp_path, "go1.27.0"), cache, lambda _: None, "")
    assert one != two
    before = project.recipe
    copy = tmp_path / "etcd"
    copy.mkdir()
    for name in ("go.mod", "go.sum"):
        (copy / name).write_bytes((project.folder / name).read_bytes())
    monkeypatch.setattr(builder, "_MODULES", tmp_path)
    assert project.recipe == before
    with (copy / "go.sum").open("a") as sums:
        sums.write("example.com/evil v1.0.0 h1:x\n")
    assert project.recipe != before


def test_go_on_path_is_taken_if_it_is_new_enough(tmp_path):
    fake_go(tmp_path)
    go, _ = builder.find_go({"PATH": str(tmp_path / "bin")})
    assert go == Go(str(tmp_path / "bin/go"), "go1.26.8")


def test_an_old_go_gives_way_to_the_wheel_of_this_environment(tmp_path, monkeypatch):
    fake_go(tmp_path, "go1.22.1", folder="old")
    fake_go(tmp_path, "go1.27.3", folder="wheel")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "wheel"))
    go, _ = builder.find_go({"PATH": str(tmp_path / "old")})
    assert go == Go(str(tmp_path / "wheel/go"), "go1.27.3")


def test_an_old_go_alone_is_named_with_what_is_needed(tmp_path, monkeypatch):
    fake_go(tmp_path, "go1.22.1")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "none"))
    go, why = builder.find_go({"PATH": str(tmp_path / "bin")})
    assert go is None
    assert "is go1.22.1, 1.26 is needed" in why


def test_the_pinned_modules_are_the_versions_we_say():
    for name, module in (("kubernetes", "k8s.io/kubernetes"), ("etcd", "go.etcd.io/etcd/server/v3")):
        required = (PROJECTS[name].folder / "go.mod").read_text().split()
        assert required[required.index(module, required.index("require")) + 1] == f"v{PROJECTS[name].version}"


def test_go_finds_its_caches_without_home(tmp_path, monkeypatch):
    """A Go that was never told HOME refuses to build: cron, systemd and `env -i` tell nobody."""
    go, why = builder.find_go()
    if go is None:
        pytest.skip(why)
    monkeypatch.setattr(places, "home", lambda _: tmp_path)
    environ = {"PATH": os.environ["PATH"]}
    told = subprocess.run(
        [go.path, "env", "GOCACHE", "GOMODCACHE"],
        env=builder.environment(environ),
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == [str(tmp_path / ".cache/go-build"), str(tmp_path / "go/pkg/mod")]


def test_go_keeps_its_caches_in_ours_where_the_home_cannot_be_written(tmp_path):
    environ = {"HOME": str(tmp_path / "nothing"), "XDG_CACHE_HOME": str(tmp_path)}
    own = builder.environment(environ)

    assert own["GOMODCACHE"] == str(tmp_path / "cotenant/controlplane/go/mod")
    assert own["GOCACHE"] == str(tmp_path / "cotenant/controlplane/go/build")
    assert builder.environment(environ | {"GOMODCACHE": "/mine"})["GOMODCACHE"] == "/mine"
