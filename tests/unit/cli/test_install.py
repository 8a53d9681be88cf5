"""What the flags of install say about EKS is taken over, and nonsense is refused before anything is done."""

from __future__ import annotations

import json

import pytest
import yaml

from cotenant.cli import answer


def settings(capsys, *flags):
    code = answer(["install", "--render", "--no-operator", *flags], "cotenant")
    (found,) = [
        one
        for one in yaml.safe_load_all(capsys.readouterr().out)
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "cotenant-settings"
    ]
    assert code == 0
    return json.loads(found["data"]["settings.json"])


def test_the_eks_cluster_and_its_region_are_settings_of_the_operator(capsys):
    found = settings(capsys, "--eks-cluster", "shop", "--aws-region", "us-gov-west-1")
    assert (found["eksCluster"], found["awsRegion"]) == ("shop", "us-gov-west-1")
    assert settings(capsys)["eksCluster"] == ""


@pytest.mark.parametrize(
    ("flags", "saying"),
    [
        (("--eks-cluster", "-x"), "is not the name of an EKS cluster"),
        (("--eks-cluster", 'a"b'), "is not the name of an EKS cluster"),
        (("--aws-region", "Stockholm"), "is not an AWS region"),
    ],
)
def test_what_is_no_cluster_and_no_region_is_refused(capsys, flags, saying):
    assert answer(["install", "--render", *flags], "cotenant") == 2
    assert saying in " ".join(capsys.readouterr().err.split())
