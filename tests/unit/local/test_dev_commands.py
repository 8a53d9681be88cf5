from __future__ import annotations

import pytest
from click.testing import CliRunner

from cotenant.cli.dev import dev
from cotenant.local import BinariesMissing
from cotenant.local import dev as local


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
