"""Birth and death of a plane: nothing survives its owner, and nobody else is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from cotenant.cli.dev import dev as commands
from cotenant.local import ControlPlaneError, LocalControlPlane, Node, dev, state
from cotenant.local.proc import alive
from vocabulary import eventually

pytestmark = pytest.mark.cluster

OWNER = """
import os, sys, time
from cotenant.local import LocalControlPlane
plane = LocalControlPlane().start()
if os.fork() == 0:  # a worker that inherits everything open
    time.sleep(60)
print(plane.directory, flush=True)
time.sleep(300)
"""


@contextmanager
def somebody_elses_plane():
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, process_group=0) as owner:
        try:
            folder = Path(owner.stdout.readline().strip())
            yield owner, state.read(folder / "run" / "state.json"), folder
        finally:
            os.killpg(owner.pid, signal.SIGKILL)


def survivors(found):
    return [p for p in (found.supervisor, *found.programs) if alive(p.pid, p.born)]


@pytest.fixture(autouse=True)
def no_plane_at_all(pytestconfig):
    if pytestconfig.getoption("--control-plane") in ("skip", "existing"):
        pytest.skip("starts planes of its own")


def test_nothing_survives_the_sigkill_of_the_owner_though_a_forked_worker_lives_on():
    with somebody_elses_plane() as (owner, found, folder):
        assert len(survivors(found)) == 6
        owner.kill()
        eventually(lambda: not survivors(found))
        eventually(lambda: not folder.exists())


def test_nothing_survives_the_sigkill_of_the_supervisor_and_the_next_start_clears_the_folder():
    with somebody_elses_plane() as (owner, found, folder):
        os.kill(found.supervisor.pid, signal.SIGKILL)
        eventually(lambda: not survivors(found))
        assert folder not in state.sweep()  # its owner may still want to read the logs
        owner.kill()
        owner.wait()
        assert folder in state.sweep()


def test_a_plane_starts_twice_from_threads_that_end_and_leaves_nothing():
    plane = LocalControlPlane(nodes=0)
    for _ in range(2):
        starter = threading.Thread(target=plane.start)
        starter.start()
        starter.join()
        found, folder = plane.state, plane.directory
        assert plane.wire().request("GET", "/readyz")[0] == 200
        assert len(survivors(found)) == 6
        plane.stop()
        plane.stop()
        assert survivors(found) == []
        assert not folder.exists()


def test_nodes_have_labels_taints_and_capacity_of_choice_on_an_emulated_older_version(tmp_path):
    tainted = Node(
        "gpu", labels={"pool": "gpu"}, taints=["only=gpu:NoSchedule"], cpu="4", extra={"nvidia.com/gpu": "8"}
    )
    plane = LocalControlPlane(nodes=[tainted], emulated_version="1.33")
    with plane:
        wire = plane.wire()
        version = wire.expect("GET", "/version")
        assert (version["emulationMajor"], version["emulationMinor"]) == ("1", "33")
        groups = wire.expect("GET", "/apis/admissionregistration.k8s.io/v1")["resources"]
        assert "validatingadmissionpolicies" in {r["name"] for r in groups}
        assert "mutatingadmissionpolicies" not in {r["name"] for r in groups}
        node = wire.expect("GET", "/api/v1/nodes/gpu")
        assert node["spec"]["taints"] == [{"key": "only", "value": "gpu", "effect": "NoSchedule"}]
        assert node["metadata"]["labels"]["pool"] == "gpu"
        assert (node["status"]["capacity"]["cpu"], node["status"]["capacity"]["nvidia.com/gpu"]) == ("4", "8")

        pods = "/api/v1/namespaces/default/pods"
        spec = {"containers": [{"name": "app", "image": "nginx"}], "nodeSelector": {"pool": "gpu"}}
        toleration = {"key": "only", "operator": "Exists"}
        wire.expect("POST", pods, {"metadata": {"name": "kept-out"}, "spec": spec})
        wire.expect("POST", pods, {"metadata": {"name": "let-in"}, "spec": {**spec, "tolerations": [toleration]}})
        eventually(lambda: wire.expect("GET", f"{pods}/let-in")["status"]["phase"] == "Running")
        assert wire.expect("GET", f"{pods}/kept-out")["status"]["phase"] == "Pending"
        plane.add_node(Node("late", labels={"pool": "gpu"}))
        eventually(lambda: wire.expect("GET", f"{pods}/kept-out")["status"]["phase"] == "Running")


@pytest.mark.parametrize("program", ["etcd", "kube-apiserver", "kube-scheduler"])
def test_a_program_that_dies_is_named_with_its_command_and_leaves_nothing(
    program, tmp_path, monkeypatch, control_plane
):
    broken = tmp_path / program
    broken.write_text("#!/bin/sh\necho out of cheese >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_" + program.upper().replace("-", "_"), str(broken))
    plane = LocalControlPlane()
    with pytest.raises(ControlPlaneError) as refused:
        plane.start()
    text = str(refused.value)
    assert f"{program} ended with code 3" in text
    assert f"Command: {broken} --" in text
    assert "out of cheese" in text
    assert not plane.directory.exists()


def test_a_kept_folder_brings_its_objects_back_with_a_second_plane_beside_it(tmp_path, control_plane):
    folder = tmp_path / ("kept-" + "x" * 90)  # too long for a unix socket: etcd falls back to TCP
    with LocalControlPlane(directory=folder) as plane:
        assert plane.url != control_plane.url
        assert not list(folder.glob("run/*.sock"))
        body = {"metadata": {"name": "kept"}, "data": {"a": "b"}}
        plane.wire().expect("POST", "/api/v1/namespaces/default/configmaps", body)
        with pytest.raises(ControlPlaneError, match=r"runs in .* already"):
            LocalControlPlane(directory=folder).start()
    assert control_plane.wire().request("GET", "/api/v1/namespaces/default/configmaps/kept")[0] == 404
    with LocalControlPlane(directory=folder) as plane:
        assert plane.wire().expect("GET", "/api/v1/namespaces/default/configmaps/kept")["data"] == {"a": "b"}


def test_a_dev_plane_outlives_its_command_and_ends_when_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def cotenant_dev(*arguments, code=0):
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == code, done.output
        return done

    assert "ready" in cotenant_dev("up", "--for", "30m").stderr
    found = dev.running().state
    try:
        assert len(survivors(found)) == 6
        assert found.until == pytest.approx(found.created + 1800, abs=600)
        assert len(json.loads(cotenant_dev("status", "-o", "json").stdout)["components"]) == 5
        assert "runs already" in cotenant_dev("up").stderr
        assert "cotenant dev down" in cotenant_dev("up", "--nodes", "2", code=2).stderr
        assert f"export KUBECONFIG={dev.running().kubeconfig}\n" in cotenant_dev("env").stdout
        assert "there are: etcd, kube-apiserver" in cotenant_dev("logs", "cheese", code=2).stderr
        assert "==> kube-scheduler <==" in cotenant_dev("logs", "--tail", "1").stdout
        alice = json.loads(cotenant_dev("kubeconfig", "alice", "--group", "team-a").stdout)
        assert alice["users"][0]["name"] == "alice"
        with closing(dev.running()) as other:
            assert other.wire().request("GET", "/readyz")[0] == 200
        [scheduler] = [p for p in found.programs if p.name == "kube-scheduler"]
        os.kill(scheduler.pid, signal.SIGKILL)
        eventually(lambda: not alive(scheduler.pid, scheduler.born))
        assert "ended: kube-scheduler" in cotenant_dev("status", code=2).stderr
    finally:
        assert "is gone" in cotenant_dev("down").stderr
    assert survivors(found) == []
    assert not dev.places.dev_directory().exists()
