"""The supervisor with `sleep` in the place of Kubernetes: who dies when who dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cotenant.local import ControlPlaneError, state
from cotenant.local.proc import alive, born
from cotenant.local.processes import Processes
from cotenant.local.state import Program, State

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PARENT = """
import json, sys, time
from pathlib import Path
from cotenant.local.processes import Processes
folder = Path(sys.argv[1])
processes = Processes(log=folder / "supervisor.log", remove=None)
sleeper = processes.start("sleeper", ["sleep", "60"], folder / "sleeper.log")
print(json.dumps([[processes.pid, processes.born], [sleeper.pid, sleeper.born]]), flush=True)
time.sleep(60)
"""


def gone(pids, within=60.0):
    deadline = time.monotonic() + within
    while any(alive(*each) for each in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def processes(tmp_path):
    made = Processes(log=tmp_path / "supervisor.log", remove=None, patience=0.5)
    yield made
    made.shutdown()


@pytest.fixture
def parent(tmp_path):
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        yield owner, json.loads(owner.stdout.readline())
        owner.kill()


def test_the_programs_end_when_the_parent_is_killed(parent):
    owner, pids = parent
    assert all(alive(*each) for each in pids)
    owner.kill()
    assert gone(pids)


def test_the_programs_end_when_the_supervisor_is_killed(parent):
    _, pids = parent
    os.kill(pids[0][0], signal.SIGKILL)
    assert gone(pids)


def test_ctrl_c_does_not_end_the_programs_before_their_owner_says_so(processes, tmp_path):
    sleeper = processes.start("sleeper", ["sleep", "60"], tmp_path / "log")
    os.kill(processes.pid, signal.SIGINT)
    assert processes.exited() == {}
    assert alive(sleeper.pid, sleeper.born)


def test_a_program_that_ends_is_reported_with_its_code(processes, tmp_path):
    processes.start("short", ["sh", "-c", "echo why; exit 7"], tmp_path / "log")
    deadline = time.monotonic() + 60
    while not processes.exited():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert processes.exited() == {"short": 7}
    assert (tmp_path / "log").read_text() == "why\n"


def test_a_program_that_does_not_exist_is_an_error_and_the_others_go_on(processes, tmp_path):
    processes.start("sleeper", ["sleep", "60"], tmp_path / "log")
    with pytest.raises(ControlPlaneError, match="no-such-program"):
        processes.start("none", ["/no-such-program"], tmp_path / "log")
    assert processes.exited() == {}


def test_a_program_deaf_to_sigterm_is_killed_after_the_patience(processes, tmp_path):
    deaf = processes.start("deaf", ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], tmp_path / "log")
    time.sleep(0.1)
    processes.shutdown()
    assert not alive(deaf.pid, deaf.born)


def test_servers_end_after_their_clients_and_etcd_last(processes, tmp_path):
    note = "trap 'echo {name} >> order; exit' TERM; while :; do sleep 0.02; done"
    for name in ("etcd", "kube-apiserver", "kube-apiserver-2", "kube-scheduler"):
        processes.start(name, ["sh", "-c", note.format(name=name)], tmp_path / f"{name}.log")
    time.sleep(0.2)
    processes.shutdown()
    order = (tmp_path / "order").read_text().split()
    assert order[0] == "kube-scheduler"
    assert sorted(order[1:3]) == ["kube-apiserver", "kube-apiserver-2"]
    assert order[3] == "etcd"


def test_a_detached_supervisor_ends_by_itself(tmp_path):
    made = Processes(log=tmp_path / "supervisor.log", remove=None, patience=0.5)
    sleeper = made.start("sleeper", ["sleep", "60"], tmp_path / "log")
    pids = [(made.pid, made.born), (sleeper.pid, sleeper.born)]
    made.detach(0.5)
    assert not gone(pids, within=0.2)
    deadline = time.monotonic() + 60
    while alive(sleeper.pid, sleeper.born):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.waitpid(made.pid, 0)


def test_the_environment_of_the_user_does_not_reach_the_programs(processes, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/home/me/production")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("GOGC", "300")
    processes.start("env", ["env"], tmp_path / "log")
    deadline = time.monotonic() + 60
    while not processes.exited():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    seen = (tmp_path / "log").read_text()
    assert "KUBECONFIG" not in seen
    assert "HTTPS_PROXY" not in seen
    assert "NO_PROXY=127.0.0.1" in seen
    assert "GOGC=300" in seen  # what their garbage collectors may cost is the user's to say


def test_a_pid_used_again_is_somebody_else():
    assert alive(os.getpid(), born(os.getpid()))
    assert not alive(os.getpid(), born(os.getpid()) - 1)
    assert not alive(os.getpid(), 0)


def leftover(root, name, supervisor, owner=None, programs=()):
    folder = root / f"cotenant-{os.getuid()}-{name}"
    (folder / "run").mkdir(parents=True)
    state.write(folder / "run/state.json", State(supervisor, owner or supervisor, tuple(programs)))
    return folder


def test_a_sweep_clears_dead_planes_and_no_others(tmp_path):
    me, dead = Program("me", os.getpid(), born(os.getpid())), Program("dead", os.getpid(), 1)
    running = leftover(tmp_path, "running", me)
    owned = leftover(tmp_path, "owned", dead, owner=me)
    # A pid that is somebody else's now must not be killed: this very process.
    over = leftover(tmp_path, "over", dead, programs=[Program("etcd", os.getpid(), 1)])
    young = tmp_path / f"cotenant-{os.getuid()}-young"
    young.mkdir()
    link = tmp_path / f"cotenant-{os.getuid()}-link"
    link.symlink_to(owned)
    foreign = tmp_path / "cotenant-notes"
    foreign.mkdir()
    assert state.sweep(tmp_path) == [over]
    assert all(folder.exists() for folder in (running, owned, young, foreign, link))


def test_a_sweep_ends_programs_that_lost_their_supervisor(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as orphan:
        dead = Program("dead", os.getpid(), 1)
        leftover(tmp_path, "x", dead, programs=[Program("etcd", orphan.pid, born(orphan.pid))])
        state.sweep(tmp_path)
        assert orphan.wait(5) == -signal.SIGKILL


def test_state_is_read_back_as_written(tmp_path):
    me = Program("me", 1, 2, "1.36.4")
    written = State(me, me, (me,), ("https://127.0.0.1:1",), ready=True, created=1.5, until=0.0)
    state.write(tmp_path / "state.json", written)
    assert state.read(tmp_path / "state.json") == written


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"supervisor": 1}'])
def test_a_broken_state_is_none(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    assert state.read(tmp_path / "state.json") is None
    assert state.read(tmp_path / "missing.json") is None


def test_a_folder_with_other_peoples_files_is_never_wiped(tmp_path):
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(ControlPlaneError, match=r"holds thesis\.doc"):
        state.take_over(tmp_path, wipe=True)
    assert (tmp_path / "thesis.doc").exists()
