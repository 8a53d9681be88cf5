from __future__ import annotations

import pytest
from click.testing import CliRunner

from cotenant.cli.dev import dev
from cotenant.local import BinariesMissing
from cotenant.local import dev as local
from cotenant.local.state import Program


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def run(*arguments):
    return CliRunner().invoke(dev, arguments)


@pytest.mark.parametrize("command", [("status",), ("env",), ("logs",), ("kubeconfig", "alice")])
def test_without_a_plane_the_next_step_is_named_and_stdout_stays_empty(command):
    done = run(*command)
    assert done.exit_code == 2
    assert "cotenant dev up" in done.stderr
    assert done.stdout == ""


def test_down_without_a_plane_is_no_error():
    assert run("down").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--eks"),
        ("up", "--for", "3x"),
        ("up", "--for", "8h3"),
        ("up", "--emulate", "1.20"),
        ("up", "--api-servers", "3"),
    ],
)
def test_a_flag_that_does_not_work_is_an_error(arguments, monkeypatch):
    monkeypatch.setattr(local, "up", lambda *_, **__: pytest.fail("started"))
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800)])
def test_durations_are_read_as_people_write_them(text, seconds, monkeypatch):
    asked = []

    def up(lifetime, **_):
        asked.append(lifetime)
        raise BinariesMissing(["etcd"], ["cache: empty"])

    monkeypatch.setattr(local, "up", up)
    done = run("up", "--for", text)
    assert asked == [seconds]
    assert done.exit_code == 2
    assert "\nerror: the local control plane needs etcd. Tried:\n  - cache: empty" in done.stderr


class Plane:
    """What `dev up` asks of a plane that is there."""

    urls = ("https://127.0.0.1:1",)

    def __init__(self, ended=(), answering=True):
        self.ended, self.answering = ended, answering
        self.state = type("State", (), {"until": 0.0})()

    def programs(self):
        return [(Program(name, 1, 1), name not in self.ended) for name in ("etcd", "kube-apiserver")]

    def answers(self, server, seconds):
        return self.answering


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Plane(ended=("kube-apiserver",)), "kube-apiserver ended"),
        (Plane(answering=False), "the API server at https://127.0.0.1:1 does not answer"),
    ],
)
def test_up_beside_a_plane_that_is_broken_says_so_and_starts_a_new_one(found, why, monkeypatch):
    done = []
    monkeypatch.setattr(local, "running", lambda: found)
    monkeypatch.setattr(local, "down", lambda: done.append("down"))
    monkeypatch.setattr(local, "up", lambda *_, **__: done.append("up") or Plane())
    answer = run("up")

    assert (answer.exit_code, done) == (0, ["down", "up"])
    assert f"{why}. It is cleared away with all that was in it." in answer.stderr


def test_up_beside_a_plane_that_is_well_leaves_it_alone(monkeypatch):
    monkeypatch.setattr(local, "running", Plane)
    monkeypatch.setattr(local, "up", lambda *_, **__: pytest.fail("started"))
    monkeypatch.setattr(local, "down", lambda: pytest.fail("stopped"))

    assert "runs already" in run("up").stderr


def test_a_state_folder_that_cannot_be_written_is_told_with_the_variable_that_moves_it(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    answer = run("up")

    assert answer.exit_code == 2
    assert "cannot be written" in answer.stderr
    assert "set XDG_STATE_HOME" in answer.stderr
