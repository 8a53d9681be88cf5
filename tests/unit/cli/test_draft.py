"""`can -f`: a change of Tenants is judged before it is in any cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cotenant.cli import answer

TENANT = """\
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: back}
spec:
  members:
  - {role: editor, iamRole: "arn:aws:iam::111122223333:role/teams/Dev"}
  - {role: viewer, permissionSet: {name: Readers, account: "111122223333"}}
  - {role: owner, group: leads}
  spaces: {declared: [dev]}
---
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: front}
spec: {members: [{role: editor, user: fay}], spaces: {declared: [dev]}}
"""
DEV = ("--iam", "arn:aws:iam::111122223333:role/Dev")
SSO = ("--iam", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Readers_0123456789abcdef")
SESSION = ("--iam", "arn:aws:sts::111122223333:assumed-role/Dev/ann")


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "tenants.yaml").write_text(TENANT)
    return str(tmp_path / "tenants.yaml")


@pytest.fixture
def can(file: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = answer(["can", "-f", file, *words], "cotenant")
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("create", "pods", "-n", "back-dev", *DEV), "yes"),
        (("create", "pods", "-n", "back-dev", *SESSION), "yes"),
        (("create", "pods", "-n", "front-dev", *DEV), "no"),
        (("create", "pods", "-n", "back-dev", *SSO), "no"),
        (("get", "pods", "-n", "back-dev", *SSO), "yes"),
        (("create", "pods", "-n", "front-dev", "--subject", "user:fay"), "yes"),
        (("get", "pods", "-n", "back-dev", "--subject", "user:fay"), "no"),
        (("create", "spaces.cotenant.dev", "-n", "home-back", "--subject", "group:leads"), "yes"),
        (("list", "pods", "-A", "--subject", "group:leads"), "no"),
    ],
)
def test_what_tenants_in_files_give_is_answered_without_a_cluster(can, words, word):
    assert can(*words)[:2] == (0 if word == "yes" else 1, f"{word}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("get", "pods", *DEV), "with -f name the namespace"),
        (("get", "pods", "-n", "other", *DEV), "namespace other is none that these files make: back-dev, front-dev"),
        (("get", "pods", "-n", "back-dev"), "name --iam ARN or --subject WHO"),
    ],
)
def test_what_a_file_cannot_know_is_said(can, words, said):
    code, _, err = can(*words)
    assert (code, said in err) == (2, True)
