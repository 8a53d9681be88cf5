"""Whole tenants as manifests, one file each. COTENANT_UPDATE_GOLDEN=1 writes them anew; look at the difference then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has no types
import msgspec
import pytest
import yaml

from cotenant.api.policy import SpacePolicy
from cotenant.api.schema import crds
from cotenant.model import allowance
from cotenant.model.platform import Platform
from cotenant.render.quota import quota
from cotenant.render.space import render_space
from cotenant.render.tenant import render_tenant
from unit.specimens import (
    home,
    home_quota,
    marks,
    namespace,
    quota_of,
    seen,
    space,
    space_snapshot,
    tenant,
    tenant_snapshot,
)

GOLDEN = Path(__file__).parent / "golden"
MEMBERS = [
    {"role": "owner", "group": "iam-devteam"},
    {"role": "editor", "user": "ann"},
    {"role": "viewer", "serviceAccount": {"namespace": "ci", "name": "bot"}},
]
TENANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "full": {
        "displayName": "Red",
        "members": MEMBERS,
        "spaces": {"limit": 3, "declared": ["dev"], "create": ["owner", "editor"]},
        "quota": {"hard": {"pods": 20, "requests.cpu": "4", "limits.memory": "8Gi"}, "space": {"max": {"pods": 15}}},
        "limits": [{"type": "Container", "default": {"cpu": "500m", "memory": 268435456}, "max": {"cpu": 2}}],
        "network": {
            "isolation": "space",
            "internet": False,
            "from": [{"namespaceLabels": {"kubernetes.io/metadata.name": "ingress"}, "ports": [{"port": 8080}]}],
            "to": [{"tenant": "shared"}, {"cidr": "10.9.0.0/16", "except": ["10.9.1.0/24"]}],
        },
        "pods": {"security": "baseline", "registries": ["registry.example/"], "allowExec": False},
        "services": {"types": ["ClusterIP", "LoadBalancer"]},
        "nodes": {"pool": "gold", "dedicated": True},
    },
    "open": {"members": MEMBERS, "network": {"isolation": "none"}, "pods": {"security": "privileged"}},
    "cordoned": {"members": MEMBERS, "cordoned": True},
}
PLATFORM = Platform(cluster_cidrs=("198.18.0.0/15",))


def manifests(name: str) -> list[dict[str, Any]]:
    """Everything in the home and in the space dev, in order."""
    one, dev = tenant(**TENANTS[name]), space()
    view = seen(one, platform=PLATFORM)
    whole = render_tenant(tenant_snapshot(one, platform=PLATFORM, home_quota=home_quota()))
    there = namespace("red-dev", marks())
    inside = render_space(
        space_snapshot(dev, one, platform=PLATFORM, view=view, namespace=there, quota=quota_of(view, dev))
    )
    home_limit = quota(view, view.home, allowance.home_hard(view))
    own = quota(view, "red-dev", allowance.hard(view, dev), "dev")
    return [*(step.manifest for step in whole.steps), home_limit, *(step.manifest for step in inside.steps), own]


@pytest.mark.parametrize("name", TENANTS)
def test_a_tenant_is_rendered_as_before(name: str) -> None:
    text = yaml.safe_dump_all(manifests(name), sort_keys=True, default_flow_style=False, width=120)
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("COTENANT_UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, "COTENANT_UPDATE_GOLDEN=1 pytest tests/unit/render writes it anew"


def every() -> Iterator[Any]:
    for name in TENANTS:
        for one in manifests(name):
            yield pytest.param(one, id=f"{name}-{one['kind']}-{one['metadata']['name']}")


@pytest.mark.parametrize("version", ["1.33", "1.36"])
@pytest.mark.parametrize("manifest", [one for one in every() if "cotenant.dev" not in one.values[0]["apiVersion"]])
def test_kubernetes_accepts_every_field(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("manifest", [one for one in every() if one.values[0]["kind"] == "SpacePolicy"])
def test_a_space_policy_has_no_field_that_its_definition_would_prune(manifest: dict[str, Any]) -> None:
    [definition] = [one for one in crds() if one["spec"]["names"]["kind"] == "SpacePolicy"]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(pruned({key: manifest[key] for key in ("spec", "status") if key in manifest}, schema)) == []
    msgspec.convert(manifest, SpacePolicy)


def pruned(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Paths of fields that a structural schema does not know."""
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for key, one in value.items():
            if key not in known and not rest:
                yield f"{path}.{key}"
            else:
                yield from pruned(one, known.get(key, rest), f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from pruned(one, schema["items"], path)


def test_a_namespace_is_never_owned() -> None:
    for name in TENANTS:
        for one in manifests(name):
            assert "ownerReferences" not in one["metadata"]
            assert one["kind"] == "Space" or "finalizers" not in one["metadata"]


def test_the_home_of_the_specimens_is_the_one_that_we_render() -> None:
    assert home().metadata.name == manifests("plain")[0]["metadata"]["name"]
