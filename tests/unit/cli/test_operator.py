"""`cotenant operator` before it asks anybody, and `version` without a cluster."""

import json

import pytest

from cotenant.cli import answer
from cotenant.cli.operator import operator
from cotenant.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lease-duration", "5"], "retryPeriod 2 < renewDeadline 10 < leaseDuration 5 must hold"),
        (["--workers", "0"], "0 is not in the range 1<=x<=64"),
        (["--log-level", "loud"], "'loud' is not one of"),
    ],
)
def test_a_wrong_flag_is_told_before_any_cluster_is_asked(capsys, arguments, message):
    assert answer(["operator", *arguments], "cotenant") == 2
    assert message in capsys.readouterr().err


def test_a_wrong_variable_is_told_before_any_cluster_is_asked(capsys, monkeypatch):
    monkeypatch.setenv("COTENANT_QPS", "fast")
    assert answer(["operator"], "cotenant") == 2
    assert "setting qps in the environment" in capsys.readouterr().err


def test_every_flag_is_a_setting_and_its_default_is_left_to_the_weaker_sources():
    flags = {one.name: one.default for one in operator.params if one.name not in ("context", "kubeconfig")}
    assert flags.keys() <= set(Settings.__struct_fields__)
    assert {name for name, default in flags.items() if isinstance(default, int | float | str)} == set()


def test_the_version_of_the_client_needs_no_cluster(capsys):
    assert answer(["version", "--client", "-o", "json"], "cotenant") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["apiVersion"], found["kind"], found["api"]) == (
        "cli.cotenant.dev/v1",
        "Version",
        "cotenant.dev/v1alpha1",
    )
