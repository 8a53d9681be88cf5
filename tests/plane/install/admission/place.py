"""A space and who acts in it, and what is asked there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from cotenant.kube import resource
from cotenant.kube.client import Client

Manifest = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
GROUPS = {
    "deployments": "apps/v1",
    "replicasets": "apps/v1",
    "statefulsets": "apps/v1",
    "daemonsets": "apps/v1",
    "jobs": "batch/v1",
    "cronjobs": "batch/v1",
    "ingresses": "networking.k8s.io/v1",
    "networkpolicies": "networking.k8s.io/v1",
    "endpointslices": "discovery.k8s.io/v1",
    "rolebindings": f"{RBAC}/v1",
    "roles": f"{RBAC}/v1",
    "poddisruptionbudgets": "policy/v1",
    "horizontalpodautoscalers": "autoscaling/v2",
    "leases": "coordination.k8s.io/v1",
    "spacepolicies": "cotenant.dev/v1alpha1",
}
"""Plural -> group and version, where that is not v1."""


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    message: str
    body: Manifest

    @property
    def ok(self) -> bool:
        return self.status < 300


@dataclass(frozen=True)
class Place:
    """A space. eve may do everything in it as far as RBAC goes, and has no right elsewhere."""

    namespace: str
    eve: Client
    admin: Client
    operator: Client

    async def ask(
        self,
        what: str,
        body: Manifest | list[Manifest] | None = None,
        *,
        name: str = "",
        method: str = "",
        by: Client | None = None,
        content_type: str = "application/json",
        dry: bool = True,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """`what` is a plural, or plural/subresource with `name`. POST without a name, else what `method` says."""
        plural, _, sub = what.partition("/")
        version = GROUPS.get(plural, "v1")
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = (
            f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")
        )
        if isinstance(body, dict) and not name:
            body = {**body, "metadata": {"name": "x", **body.get("metadata", {})}}
            if "generateName" in body["metadata"]:
                del body["metadata"]["name"]
        raw = None if body is None else json.dumps(body).encode()
        asked = {**(query or {}), **({"dryRun": "All"} if dry else {})}
        status, text = await (by or self.eve).raw(
            method or "POST", path, query=asked, body=raw, content_type=content_type
        )
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        return Answer(status, str(found.get("message", text[:300])), found)

    async def replace(
        self, what: str, name: str, change: Callable[[Manifest], Any], by: Client | None = None
    ) -> Answer:
        """Puts it back as `change` left it. Controllers write too: who comes too late reads it again."""
        while True:
            there = (await self.ask(what, name=name, method="GET", dry=False, by=by)).body
            changed = deepcopy(there)
            change(changed)
            answer = await self.ask(what, changed, name=name, method="PUT", by=by)
            if answer.status != 409:
                return answer


def pod(**spec: Any) -> Manifest:
    """A pod that keeps every rule of STRICT, unless said otherwise."""
    container = {"name": "c", "image": "registry.example.com/acme/app:1"}
    selector = {"node-restriction.kubernetes.io/cotenant-pool": "gold"}
    kept = {"containers": [container], "nodeSelector": selector, "hostUsers": False}
    return {"spec": {name: value for name, value in (kept | spec).items() if value is not None}}


def bare(**spec: Any) -> Manifest:
    """A pod that says nothing about nodes, unless said otherwise."""
    return pod(**{"nodeSelector": None} | spec)


def image(name: str) -> list[Manifest]:
    """Containers of one image."""
    return [{"name": "c", "image": name}]


def template(plural: str, one: Manifest) -> Manifest:
    """A workload of this kind that makes such a pod."""
    labels = {"app": "x"}
    inner = {"metadata": {"labels": labels}, "spec": dict(one["spec"])}
    if plural in ("jobs", "cronjobs"):
        inner["spec"]["restartPolicy"] = "Never"
    found: Manifest = {"spec": {"selector": {"matchLabels": labels}, "template": inner}}
    if plural == "replicationcontrollers":
        found["spec"]["selector"] = labels
    if plural == "statefulsets":
        found["spec"]["serviceName"] = "x"
    if plural == "jobs":
        found = {"spec": {"template": inner}}
    if plural == "cronjobs":
        found = {"spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": inner}}}}
    if plural == "podtemplates":
        found = {"template": inner}
    return found


def refused(answer: Answer, rule: str, *words: str) -> None:
    """The API server refused it by this rule, with a message that a person can use."""
    assert answer.status == 403, f"{rule}: {answer.status} {answer.message}"
    assert f"{rule}: " in answer.message, answer.message
    assert all(word in answer.message for word in words), answer.message
    said = answer.message[answer.message.index(rule) :]
    assert len(said) < 300, f"{len(said)} characters: {said}"
    assert said.endswith(f"see: cotenant policies explain {rule}"), said
    assert not any(hole in said for hole in ("\n", "  ", "= ", " ;"))  # a value that is empty leaves none


def passes(answer: Answer) -> None:
    """It was let through."""
    assert answer.ok, f"{answer.status} {answer.message}"


def definition(group: str, plural: str, kind: str) -> Manifest:
    """A stand-in that takes anything."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


async def introduce(place: Place, kinds: Mapping[str, tuple[str, str]], bad: tuple[str, Manifest]) -> None:
    """Defines kinds, plural -> (group, kind), and returns when they are served and `bad`, of one of them, is refused."""
    for plural, (group, kind) in kinds.items():
        await place.admin.create(resource.CRDS, definition(group, plural, kind))
        GROUPS[plural] = f"{group}/v1"
    async with asyncio.timeout(60):
        while not all([(await place.ask(plural, method="GET", dry=False)).ok for plural in kinds]):
            await asyncio.sleep(0.2)
        while (await place.ask(*bad)).ok:
            await asyncio.sleep(0.1)
