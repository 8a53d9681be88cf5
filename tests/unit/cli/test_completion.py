"""Completion for shells, and for kubectl."""

import pytest

from cotenant.cli import answer
from cotenant.cli.completion import kubectl, proposals


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_us_back(capsys, shell):
    assert answer(["completion", shell], "cotenant") == 0
    assert "_COTENANT_COMPLETE" in capsys.readouterr().out


def test_an_unknown_shell_is_a_mistake():
    assert answer(["completion", "tcsh"], "cotenant") == 2


def test_commands_and_their_flags_are_proposed():
    assert proposals([], "re") == ["render\tThe objects that manifests become, without a cluster."]
    assert "--verbose" in [one.split("\t")[0] for one in proposals([], "--v")]
    assert [one.split("\t")[0] for one in proposals(["get"], "")] == ["spaces", "tenants"]
    assert "--all-namespaces" in [one.split("\t")[0] for one in proposals(["get", "spaces"], "--a")]


def test_kubectl_gets_lines_and_a_directive(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["kubectl_complete-cotenant", "get", "t"])
    kubectl()
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["tenants", ":4"]
