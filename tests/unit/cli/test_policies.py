"""`cotenant policies` answers without a cluster."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from cotenant.cli import answer
from cotenant.cli.policies import policies
from cotenant.model.platform import Platform
from cotenant.render.install import deny
from cotenant.render.install.admission.catalogue import rules


def said(*arguments: str) -> str:
    done = CliRunner().invoke(policies, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_every_rule_is_listed():
    lines = said("list", "--no-headers").splitlines()

    assert [one.split()[0] for one in lines] == list(rules())
    found = json.loads(said("list", "-o", "json"))["rules"]
    assert [one["id"] for one in found] == list(rules())
    assert next(one for one in found if one["id"] == "COTENANT-POD-8")["field"] == "pods.registries"


@pytest.mark.parametrize("identifier", rules())
def test_every_rule_is_explained(identifier):
    text = said("explain", identifier)

    assert text.startswith(f"{identifier}: ")
    assert "Way out" in text
    assert json.loads(said("explain", identifier.lower(), "-o", "json"))["id"] == identifier


def test_a_rule_that_is_none_gets_the_one_that_was_meant(capsys):
    assert answer(["policies", "explain", "COTENANT-PODS-1"], "cotenant") == 2
    assert "did you mean COTENANT-POD-1?" in capsys.readouterr().err
    assert answer(["policies", "explain", "x"], "cotenant") == 2
    assert "cotenant policies list" in capsys.readouterr().err


def test_what_is_exported_is_what_is_installed():
    assert list(yaml.safe_load_all(said("export"))) == deny(Platform())
    assert "cotenant:developer" in said("export", "--roles", "owner,developer")


EVENT = {
    "auditID": "1",
    "stage": "ResponseComplete",
    "responseStatus": {"code": 201},
    "annotations": {
        "cotenant-pods/tenant": "acme",
        "cotenant-pods/space": "dev",
        "cotenant-pods/rule": "COTENANT-POD-8",
        "cotenant-pods/mode": "observe",
    },
}


def test_an_audit_log_is_counted(tmp_path, capsys):
    log = tmp_path / "audit.log"
    log.write_text(f"{json.dumps(EVENT)}\n" * 3)

    assert answer(["policies", "count", "--audit", str(log), "--no-headers"], "cotenant") == 1
    assert capsys.readouterr().out.split() == ["acme", "COTENANT-POD-8", "observed", "3"]
    assert answer(["policies", "count", "--audit", str(log), "-o", "json"], "cotenant") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["broken"] == [
        {"tenant": "acme", "space": "dev", "rule": "COTENANT-POD-8", "outcome": "observed", "requests": 3}
    ]


def test_a_log_that_is_none_is_said_to_be_none(tmp_path, capsys):
    log = tmp_path / "audit.log"
    log.write_text("nothing\n")
    assert answer(["policies", "count", "--audit", str(log)], "cotenant") == 2
    assert "no event of an audit log" in capsys.readouterr().err
    log.write_text(f"nothing\n{json.dumps(EVENT)}\n")
    assert answer(["policies", "count", "--audit", str(log)], "cotenant") == 3
    assert "line 1" in capsys.readouterr().err
    assert answer(["policies", "count", "--audit", str(tmp_path / "none")], "cotenant") == 2
    assert answer(["policies", "count", "--audit", str(tmp_path)], "cotenant") == 2


def test_the_rules_are_exported_for_kyverno_and_what_it_cannot_keep_is_said(capsys):
    assert answer(["policies", "export", "--as", "kyverno"], "cotenant") == 0
    told = capsys.readouterr()
    assert {one["kind"] for one in yaml.safe_load_all(told.out)} == {"ClusterRole", "ValidatingPolicy"}
    assert "COTENANT-RIGHT-2" in told.err
