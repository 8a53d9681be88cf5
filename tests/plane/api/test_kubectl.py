"""What a person sees of our kinds with stock kubectl."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cotenant.kube import resource

pytestmark = pytest.mark.cluster
KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture
def kubectl(control_plane, api):
    def run(*arguments: str, check: bool = True) -> str:
        environment = control_plane.environment(control_plane.kubeconfig)
        done = subprocess.run([KUBECTL, *arguments], env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    return run


def test_explain_says_what_a_field_is(kubectl):
    # The OpenAPI document follows a new definition by a second or two, and kubectl reads only that.
    deadline = time.monotonic() + 120
    while "tenants" not in kubectl("get", "--raw", "/openapi/v3/apis/cotenant.dev/v1alpha1", check=False):
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert "Who belongs to the tenant, and in which role." in kubectl("explain", "tenant.spec.members")
    assert "Adopt this namespace" in kubectl("explain", "cosp.spec.namespace")
    assert "The effective rules" in kubectl("explain", "copol.spec")


async def test_tables_are_narrow_and_wide_ones_say_why(kubectl, api):
    manifest = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "table"}}
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "QuotaWithoutDefaults",
        "message": "add a default",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"home": "home-table", "spaces": {"ready": 1, "total": 2}, "conditions": [ready]}
    await api.create(resource.TENANTS, manifest | {"spec": {"spaces": {"limit": 5}}})
    await api.merge(resource.TENANTS, "table", {"status": status}, subresource="status")
    try:
        head, row = kubectl("get", "cot", "table").splitlines()
        assert head.split() == ["NAME", "READY", "SPACES", "TOTAL", "HOME", "AGE"]
        assert row.split()[:5] == ["table", "False", "1", "2", "home-table"]
        wide = kubectl("get", "cot", "table", "-o", "wide")
        assert "REASON" in wide
        assert "add a default" in wide
    finally:
        await api.delete(resource.TENANTS, "table")


def test_the_category_lists_every_kind(kubectl):
    listed = kubectl("api-resources", "--categories", "cotenant", "--no-headers").splitlines()

    assert sorted(line.split()[0] for line in listed) == [
        "spacepolicies",
        "spaces",
        "tenantledgers",
        "tenantprofiles",
        "tenants",
    ]
    assert sorted(line.split()[1] for line in listed) == ["copol", "cosp", "cot", "cotl", "cotp"]
