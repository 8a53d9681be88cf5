"""`cotenant doctor` against a real cluster: as administrator, as a member, and where no cluster answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from cotenant.controllers.leash import Leash
from cotenant.kube import resource
from cotenant.model.platform import Platform
from cotenant.runtime.metrics import Metrics

pytestmark = pytest.mark.cluster


def doctor(plane, *arguments: str, kubeconfig=None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from cotenant.cli import main; main()", "doctor", *arguments],
        env=plane.environment(kubeconfig or plane.kubeconfig),
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_before_an_installation_nothing_fails_on_a_plain_cluster(control_plane, installed):
    answer = doctor(control_plane, "--pre")

    assert answer.returncode == 0, answer.stdout
    assert "enough to install" in answer.stdout
    assert "not proven" in answer.stdout


def test_after_an_installation_definitions_and_policies_are_well(control_plane, installed):
    answer = doctor(control_plane, "-o", "json")

    findings = json.loads(answer.stdout)["findings"]
    assert not [f for f in findings if f["level"] == "FAIL" and f["what"] in ("definitions", "policies")]
    assert {
        "level": "ok",
        "what": "policies",
        "detail": "cotenant-guard denies, tried as a dry run",
        "fix": "",
    } in findings


def test_who_may_not_look_is_told_what_was_not_seen(control_plane, installed, as_user):
    answer = doctor(control_plane, kubeconfig=as_user("nobody-in-particular"))

    assert answer.returncode == 3, answer.stdout
    assert "cannot list resource" in answer.stdout


def test_a_cluster_that_does_not_answer_is_exit_2(control_plane, tmp_path):
    text = control_plane.kubeconfig.read_text()
    dead = tmp_path / "kubeconfig"
    dead.write_text(text.replace(control_plane.urls[0], "https://127.0.0.1:1"))

    answer = doctor(control_plane, "--request-timeout", "2s", kubeconfig=dead)

    assert answer.returncode == 2
    assert answer.stderr.startswith(("error:", "cluster"))


async def test_a_leash_that_only_audits_is_found_by_doctor_and_by_the_operator(control_plane, admin, operator):
    leash = Leash(operator, Platform(), Metrics())
    await until(leash, "")
    try:
        actions = {"spec": {"validationActions": ["Audit"]}}
        await admin.merge(resource.VALIDATING_POLICY_BINDINGS, "cotenant-leash", actions)
        said = doctor(control_plane)
        assert said.returncode == 1, said.stdout
        assert "cotenant-leash is bound for Audit only: nothing is denied" in said.stdout
        await until(leash, "the policy cotenant-leash is not in force; run: cotenant install")
    finally:
        actions = {"spec": {"validationActions": ["Deny"]}}
        await admin.merge(resource.VALIDATING_POLICY_BINDINGS, "cotenant-leash", actions)
    await until(leash, "")
    assert "cotenant-leash denies, tried as a dry run" in doctor(control_plane).stdout


async def test_a_leash_that_does_not_hold_for_what_is_busy_is_found_by_doctor(control_plane, admin):
    async def act(action: str) -> None:
        change = {"spec": {"validationActions": [action]}}
        await admin.merge(resource.VALIDATING_POLICY_BINDINGS, "cotenant-leash-busy", change)

    await act("Audit")
    try:
        async with asyncio.timeout(120):
            while "cotenant-leash let through" not in (said := doctor(control_plane)).stdout:
                await asyncio.sleep(1)
        assert said.returncode == 1
    finally:
        await act("Deny")


async def until(leash: Leash, problem: str) -> None:
    """A policy takes effect up to a second after it is written."""
    async with asyncio.timeout(120):
        while await leash.trial() != problem:
            await asyncio.sleep(0.1)
