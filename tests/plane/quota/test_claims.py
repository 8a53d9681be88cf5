"""Volume claims whose expansion failed, under strict accounting: Kubernetes charges their status too, without a limit."""

from __future__ import annotations

from contextlib import closing

import pytest

from cotenant.kube.resource import PERSISTENT_VOLUME_CLAIMS
from cotenant.model.quantity import parse
from plane.quota.churn import Field
from vocabulary import eventually

pytestmark = pytest.mark.cluster


def test_what_a_failed_expansion_of_a_volume_was_charged_comes_back(cluster) -> None:
    """And what the resizer may allocate stays within the quota too: natively a status is charged without a limit."""
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    wide = {"metadata": {"name": "wide"}, "provisioner": "example.com/x", "allowVolumeExpansion": True}
    cluster.plane.wire().json("POST", classes, wide)
    with closing(Field(cluster, {"requests.storage": "5Gi"})) as field:
        wire, path = field.wire, PERSISTENT_VOLUME_CLAIMS.path(field.name, "c")

        def asked(size: str) -> dict:
            return {"resources": {"requests": {"storage": size}}}

        def status(**change: object) -> tuple[int, dict]:
            return wire.json("PATCH", f"{path}/status", {"status": change})

        spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "wide"} | asked("1Gi")
        wire.expect("POST", PERSISTENT_VOLUME_CLAIMS.path(field.name), {"metadata": {"name": "c"}, "spec": spec})
        assert status(phase="Bound", capacity={"storage": "1Gi"})[0] == 200
        wire.expect("PATCH", path, {"spec": asked("5Gi")})
        assert status(allocatedResources={"storage": "5Gi"})[0] == 200
        wire.expect("PATCH", path, {"spec": asked("2Gi")})
        assert parse(field.used("requests.storage")) == 5 * 2**30
        assert status(allocatedResources={"storage": "2Gi"})[0] == 200
        eventually(lambda: parse(field.used("requests.storage")) == 2 * 2**30)
        code, answer = status(allocatedResources={"storage": "6Gi"})
        assert code == 403
        assert "COTENANT-QUOTA-1" in answer["message"]
