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
