from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cotenant.cli import answer
from cotenant.cli import verify as module
from cotenant.judge.isolation.report import Cell, Report
from cotenant.kube.errors import Unavailable
from cotenant.model.platform import Platform
from cotenant.proof.scene import UnknownTenant


def report(verdict: str = "PROVEN", checks: int = 1) -> Report:
    return Report(
        mode="live",
        kubernetes="v1.36.4",
        cluster="https://c",
        time="now",
        verdict=verdict,
        tenants=("blue", "red"),
        members=2,
        checks=checks,
        possible_pairs=2,
        counts={"DENIED by RBAC": checks},
        cells=[Cell("blue", "red", checks=1), Cell("red", "blue", checks=1)],
        notes=[],
    )


@pytest.fixture
def answers(monkeypatch):
    """What the proof will be; records the flags."""
    found = {"report": report(), "flags": None}

    def ask(work, **flags):
        found["flags"] = flags
        if isinstance(found["report"], Exception):
            raise found["report"]
        return found["report"]

    monkeypatch.setattr(module, "ask", ask)
    return found


def run(*arguments: str):
    return CliRunner().invoke(module.verify, arguments, standalone_mode=False)


@pytest.mark.parametrize(("verdict", "code"), [("PROVEN", 0), ("BROKEN", 1), ("INCOMPLETE", 3)])
def test_the_exit_code_is_the_verdict(answers, verdict, code):
    answers["report"] = report(verdict)
    assert run().return_value == code


def test_nothing_tried_is_an_error_with_the_next_step(answers, capsys):
    answers["report"] = report(checks=0)
    assert answer(["verify"], "cotenant") == 2
    assert "cotenant create tenant" in capsys.readouterr().err


def test_an_unknown_tenant_is_an_error(answers, capsys):
    answers["report"] = UnknownTenant("no tenant green")
    assert answer(["verify", "green"], "cotenant") == 2
    assert capsys.readouterr().err == "error: no tenant green\n"


def test_json_is_the_report_and_nothing_else(answers):
    found = run("-o", "json")
    assert json.loads(found.stdout)["kind"] == "IsolationReport"
    assert "FROM" in run().stdout


@pytest.mark.parametrize("flags", [("--static", "--live"), ("-A", "red"), ("--level", "2"), ("-o", "html")])
def test_flags_that_make_no_sense_are_refused(answers, flags):
    assert answer(["verify", *flags], "cotenant") == 2


def test_the_cluster_is_the_one_of_the_flags(answers):
    run("--kubeconfig", "f", "--context", "c")
    assert answers["flags"] == {"kubeconfig": "f", "context": "c"}


def test_each_run_has_a_name_of_its_own_that_fits_a_dns_label():
    names = {module.question(platform=Platform()).nowhere for _ in range(5)}
    assert len(names) == 5
    assert all(len(name) <= 63 and name.islower() for name in names)


def test_in_a_pipe_progress_is_a_line_every_ten_per_cent(capsys):
    with module.progress() as moved:
        for done in range(0, 1001, 50):
            moved(done, 1000)
    assert capsys.readouterr().err.splitlines()[0] == "tried 100 of 1,000"
    with module.progress() as moved:
        moved(7, 7)
    assert capsys.readouterr().err == "tried 7 of 7\n"


def test_errors_of_the_cluster_are_not_swallowed(answers):
    answers["report"] = Unavailable(0, "Timeout", "no answer from https://c")
    assert answer(["verify"], "cotenant") == 2
