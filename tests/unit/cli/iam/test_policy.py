from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cotenant.cli import cotenant

GIVEN = {"--eks-cluster": "main", "--region": "us-gov-west-1", "--account": "111122223333", "--partition": "aws-us-gov"}


def policy(**changes: str):
    given = GIVEN | {f"--{flag.replace('_', '-')}": text for flag, text in changes.items()}
    return CliRunner().invoke(cotenant, ["iam", "policy", *(word for pair in given.items() for word in pair)])


def test_a_policy_of_one_cluster_is_printed():
    done = policy()
    assert done.exit_code == 0
    resources = {one["Resource"] for one in json.loads(done.output)["Statement"]}
    assert "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/main" in resources


@pytest.mark.parametrize(
    "change",
    [
        {"eks_cluster": "*"},
        {"eks_cluster": "-x"},
        {"eks_cluster": "a/b"},
        {"eks_cluster": "a" * 101},
        {"region": "*"},
        {"region": "europe"},
        {"region": "eu-west-1\n"},
        {"account": "12345678901"},
        {"account": "١١١١٢٢٢٢٣٣٣٣"},
        {"partition": "*"},
    ],
)
def test_what_is_no_name_of_aws_is_refused_with_the_flag(change):
    done = policy(**change)
    assert done.exit_code == 2
    assert f"--{next(iter(change)).replace('_', '-')}" in done.output
