"""An administrator has no namespace of a tenant: `why pod` finds the space by what is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli import Failure
from cotenant.cli.cluster.connect import Cluster
from cotenant.cli.why import found_where, read
from cotenant.kube.errors import Forbidden
from unit.cluster import Cluster as Kubernetes


@pytest.fixture
def there() -> Kubernetes:
    found = Kubernetes()
    found.host = "https://x"
    found.put("Namespace", "default")
    for tenant in ("red", "blue"):
        labels = {"cotenant.dev/tenant": tenant, "cotenant.dev/space": "dev"}
        found.put("Namespace", f"{tenant}-dev", about={"labels": labels})
    return found


def cluster(there: Any, namespace: str = "default", *, chosen: bool = False) -> Cluster:
    return Cluster(there, namespace, chosen)


async def test_the_one_space_that_has_it_is_meant(there):
    there.put("Pod", "web", "red-dev")
    there.put("Pod", "web", "default")
    assert (await found_where(cluster(there), "web")).namespace == "red-dev"


async def test_where_several_have_it_all_are_named(there):
    there.put("Deployment", "web", "red-dev")
    there.put("Deployment", "web", "blue-dev")
    with pytest.raises(Failure, match="Deployment web is in red-dev, blue-dev: name one with -n"):
        await found_where(cluster(there), "deploy/web")


async def test_where_none_has_it_or_nobody_may_look_it_is_said(there):
    with pytest.raises(Failure, match="no space of any tenant has Pod web"):
        await found_where(cluster(there), "web")
    there.refuse("list", "Pod", "", Forbidden(403, "Forbidden", "no"))
    with pytest.raises(Failure, match="ask an owner of your tenant"):
        await found_where(cluster(there), "web")


async def test_a_namespace_that_was_named_is_taken_at_its_word(there):
    there.put("Pod", "web", "red-dev")
    with pytest.raises(Failure, match="namespace default is of no tenant"):
        await found_where(cluster(there, chosen=True), "web")
    assert (await found_where(cluster(there, "blue-dev"), "web")).namespace == "blue-dev"


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("replicas: three", "replicas"),
        ("replicas: -3", "replicas"),
        ("strategy: {rollingUpdate: {maxSurge: abc}}", "strategy.rollingUpdate.maxSurge"),
        ("strategy: {rollingUpdate: {maxSurge: -5}}", "strategy.rollingUpdate.maxSurge"),
        ("strategy: {rollingUpdate: 7}", "strategy.rollingUpdate"),
        ("template: null", "template"),
        ("template: {spec: {containers: [5]}}", "template.spec.containers"),
        ("volumeClaimTemplates: [null]", "volumeClaimTemplates"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_told_with_its_place(tmp_path, spec, place):
    file = tmp_path / "web.yaml"
    file.write_text(f"{{kind: Deployment, metadata: {{name: web}}, spec: {{{spec}}}}}")
    with pytest.raises(Failure, match=f"web.yaml: Deployment: .*{place}"):
        read(str(file))


def test_a_manifest_as_people_write_it_is_read(tmp_path):
    file = tmp_path / "web.yaml"
    file.write_text(
        "{kind: Deployment, spec: {replicas: 2, strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}}}"
    )
    assert read(str(file))["spec"]["replicas"] == 2
    file.write_text(
        "{kind: CronJob, spec: {jobTemplate: {spec: {parallelism: 2, template: {spec: {containers: [{name: c}]}}}}}}"
    )
    assert read(str(file))["kind"] == "CronJob"
