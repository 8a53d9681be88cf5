"""Flags on the way to a cluster, and its answers in words."""

import subprocess
import sys

import click
import pytest

from cotenant.cli.cluster.connect import ENDLESS, duration, parts, words
from cotenant.kube.errors import Forbidden, Invalid, NotFound, Unauthorized


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("1m30s", 90), ("2h", 7200), ("500ms", 0.5), ("0", ENDLESS)]
)
def test_a_timeout_is_written_as_for_kubectl(text, seconds):
    assert duration(None, None, text) == seconds


@pytest.mark.parametrize("text", ["", "s", "3x", "-1", "1.5s", "1m 30s"])
def test_what_is_no_duration_is_a_mistake(text):
    with pytest.raises(click.BadParameter, match="is no duration; write 30s, 2m, or 0 for no end"):
        duration(None, None, text)


def test_a_cluster_without_our_kinds_is_told_what_to_install():
    assert words(NotFound(404, "NotFound", "the server could not find the requested resource")).endswith(
        "put them there with: cotenant install"
    )
    missing = NotFound(404, "NotFound", 'tenants.cotenant.dev "x" not found', details={"name": "x"})
    assert words(missing) == 'tenants.cotenant.dev "x" not found'


def test_who_is_unknown_or_may_not_is_told_what_to_look_at():
    assert "kubectl auth whoami" in words(Unauthorized(401, "Unauthorized", "Unauthorized"))
    assert words(Forbidden(403, "Forbidden", "no")) == "no; see: cotenant whoami"


def test_an_invalid_object_is_told_fault_by_fault():
    causes = [{"field": "spec.members[0]", "message": "wrong"}, {"field": "spec", "message": "worse"}]
    error = Invalid(422, "Invalid", "all of it", details={"causes": causes})
    assert parts(error) == [("spec.members[0]", "wrong"), ("spec", "worse")]
    assert parts(Invalid(422, "Invalid", "all of it")) == [("", "all of it")]


def test_without_a_kubeconfig_there_is_one_sentence(tmp_path):
    # A process of its own: asyncio.run would take the event loop of the test session away.
    command = [sys.executable, "-m", "cotenant", "get", "tenants", "--kubeconfig", str(tmp_path / "nope")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: kubeconfig {tmp_path}/nope does not exist\n"
