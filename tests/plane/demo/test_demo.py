"""The demo as its user sees it: a process of its own, played to the end, kept, and interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cotenant.cli.story.acts import ACTS
from cotenant.cli.story.stage import NotOurs, must_be_ours, ourselves
from cotenant.local import LocalControlPlane
from cotenant.local.proc import born

pytestmark = pytest.mark.cluster
HUNG = 300
"""Seconds after which a demo counts as hung. That it takes less than a minute is held by `make bench`."""


@pytest.fixture
def surroundings(tmp_path, monkeypatch, control_plane):
    """A user whose kubeconfig leads somewhere else. `control_plane` only decides whether there are programs at all."""
    stranger = tmp_path / "stranger"
    stranger.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": []}))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return {**os.environ, "KUBECONFIG": str(stranger), "TMPDIR": str(temporary), "NO_COLOR": "1"}


def demo(environment: dict, *flags: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [*ourselves(), "demo", "--yes", *flags],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def gone(pids, seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(born(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def programs(environment: dict) -> list[int]:
    """Processes of a plane in the temporary folder of this test."""
    states = [json.loads(file.read_text()) for file in Path(environment["TMPDIR"]).glob("*/run/state.json")]
    return [one["pid"] for state in states for one in [*state["programs"], state["supervisor"]]]


SHORT = """
from cotenant.cli import demo, main
demo.ACTS, demo.prove = demo.ACTS[:1], lambda *_: 0
main()
"""


def test_a_story_that_was_told_to_its_end_leaves_nothing_behind(surroundings):
    """The first act is enough for that."""
    told = subprocess.run(
        [sys.executable, "-c", SHORT, "demo", "--yes"], env=surroundings, capture_output=True, text=True, timeout=HUNG
    )
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-2000:]
    assert "All as promised" in told.stdout
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []


def came_true(out: str, err: str) -> None:
    for number, (title, _) in enumerate(ACTS, 1):
        assert f"{number:>2}  {title}" in out
    for said in (
        'pods is forbidden: User "dana" cannot list resource "pods" in API group "" in the namespace "frontend-team-dev"',
        "exceeded quota: cotenant, requested: requests.cpu=8, used: requests.cpu=100m, limited: requests.cpu=2",
        'violates PodSecurity "baseline:',
        "requested: count/spaces.cotenant.dev=1, used: count/spaces.cotenant.dev=2, limited: count/spaces.cotenant.dev=2",
        '"requests":{"cpu":"100m","memory":"64Mi"}',
        "exceeded quota: cotenant, requested: pods=1, used: pods=8, limited: pods=8",
        "PROVEN: 2 of 2 pairs proven isolated",
    ):
        assert said in out
    assert re.search(r"backend-team +own: works +refused \d+", out)
    assert "\x1b" not in out + err


def test_ctrl_c_leaves_nothing_behind(surroundings):
    playing = demo(surroundings, start_new_session=True)
    deadline = time.monotonic() + HUNG
    while time.monotonic() < deadline and len(programs(surroundings)) < 6:
        time.sleep(0.1)
    pids = programs(surroundings)
    assert len(pids) >= 6  # the operator runs too
    os.killpg(playing.pid, signal.SIGINT)
    playing.communicate(timeout=300)
    assert playing.returncode == 130
    assert gone(pids)
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly_and_leaves_nothing_behind(surroundings):
    with demo(surroundings) as playing:
        assert playing.stdout is not None
        assert playing.stderr is not None
        playing.stdout.readline()
        playing.stdout.close()  # as `| head -1` does
        said = playing.stderr.read()
    assert playing.returncode == 141
    assert "Traceback" not in said
    assert "error" not in said
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []


WATCHING = """
from cotenant.cli.story.stage import ADMIN, Stage
from cotenant.cli.story.voice import Voice
from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
plane = LocalControlPlane().start()
Stage(plane, {kubectl!r}, Voice(), Platform()).kubectl(ADMIN, "get namespaces --watch")
"""


def children(parent: int, word: str) -> list[int]:
    """Its children whose command line has this word."""
    found = []
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(OSError):  # it has ended meanwhile
            if word in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(int(pid))
    return found


def test_no_kubectl_survives_a_demo_that_is_killed(surroundings):
    kubectl = str(Path(sys.executable).parent / "kubectl")
    telling = subprocess.Popen(
        [sys.executable, "-c", WATCHING.format(kubectl=kubectl)], env=surroundings, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + HUNG
    while not (found := children(telling.pid, "--watch")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    telling.kill()
    telling.wait()
    survived = not gone(found, 10)
    if survived:
        with suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGKILL)
    assert not survived


def test_the_whole_story_comes_true_and_kept_it_goes_on_without_us_until_its_time_is_over(surroundings):
    playing = demo(surroundings, "--keep", "--for", "25s")
    out, err = playing.communicate(timeout=HUNG)
    assert playing.returncode == 0, out[-3000:] + err[-2000:]
    came_true(out, err)
    pids = programs(surroundings)
    files = re.findall(r"export KUBECONFIG=(\S+)", out)
    environment = {**surroundings, "KUBECONFIG": files[1]}
    kubectl = Path(sys.executable).parent / "kubectl"
    answer = subprocess.run([kubectl, "get", "pods"], env=environment, capture_output=True, text=True, timeout=300)
    assert "Running" in answer.stdout, answer.stderr
    answer = subprocess.run(
        [kubectl, "get", "pods", "-n", "frontend-team-dev"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Forbidden" in answer.stderr
    assert gone(pids, HUNG)
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []


def test_it_acts_on_no_plane_that_it_did_not_start(control_plane, tmp_path, monkeypatch):
    with LocalControlPlane() as ours:
        must_be_ours(ours, ours.kubeconfig)
        with pytest.raises(NotOurs, match="leads to"):
            must_be_ours(ours, control_plane.kubeconfig)
        forged = json.loads(control_plane.kubeconfig.read_text())
        forged["clusters"][0]["cluster"]["server"] = ours.url
        path = tmp_path / "forged"
        path.write_text(json.dumps(forged))
        with pytest.raises(NotOurs, match="another CA"):
            must_be_ours(ours, path)
        monkeypatch.setattr("cotenant.cli.story.stage.os.getpid", lambda: 1)
        with pytest.raises(NotOurs, match="not, or no longer"):
            must_be_ours(ours, ours.kubeconfig)
