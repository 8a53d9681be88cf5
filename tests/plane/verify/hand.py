"""Tenants made by hand, without an operator: so that a hole is exactly the one that the test made."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import resource_of

RBAC = "rbac.authorization.k8s.io"


class Hand:
    """Makes tenants and holes, and takes both away again."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._made = []

    async def make(self, manifest: dict) -> None:
        await self.client.apply(resource_of(manifest), manifest)
        self._made.append(manifest)

    async def tenant(self, name: str, *, spaces=("dev",), bound: bool = True, label="baseline", **members) -> None:
        """members: role=group. label: the level that the namespaces enforce; the rules say baseline."""
        spec = {"members": [{"role": role, "group": group} for role, group in members.items()]}
        spec |= {"pods": {"security": "baseline"}}
        await self.make(manifest("cotenant.dev/v1alpha1", "Tenant", name, spec=spec))
        await self.namespace(f"home-{name}", {"cotenant.dev/tenant": name})
        subjects = {role: [group_subject(group)] for role, group in members.items()}
        if bound:
            await self.bind(f"home-{name}", "cotenant:home-viewer", [one for each in subjects.values() for one in each])
        for space in spaces:
            marks = {"cotenant.dev/tenant": name, "cotenant.dev/space": space}
            level = {"pod-security.kubernetes.io/enforce": label} if label else {}
            await self.make(manifest("cotenant.dev/v1alpha1", "Space", space, f"home-{name}", spec={}))
            await self.namespace(f"{name}-{space}", marks | level)
            for role, found in subjects.items() if bound else ():
                await self.bind(f"{name}-{space}", f"cotenant:{role}", found)

    async def namespace(self, name: str, labels: dict) -> None:
        await self.make(manifest("v1", "Namespace", name, labels=labels))

    async def bind(self, namespace: str, role: str, subjects: list, kind: str = "ClusterRole") -> None:
        ref = {"apiGroup": RBAC, "kind": kind, "name": role}
        name = role.replace(":", "-")
        await self.make(manifest(f"{RBAC}/v1", "RoleBinding", name, namespace, roleRef=ref, subjects=subjects))

    async def cluster_role(self, name: str, rules: list, *subjects: dict) -> None:
        """With a ClusterRoleBinding of the same name where there are subjects."""
        await self.make(manifest(f"{RBAC}/v1", "ClusterRole", name, rules=rules))
        if subjects:
            ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
            await self.make(manifest(f"{RBAC}/v1", "ClusterRoleBinding", name, roleRef=ref, subjects=[*subjects]))

    async def undo(self) -> None:
        for made in reversed(self._made):
            if made["kind"] == "Namespace":
                forgotten = {"labels": {"cotenant.dev/tenant": None, "cotenant.dev/space": None}}
                await self.client.merge(resource.NAMESPACES, made["metadata"]["name"], {"metadata": forgotten})
                continue
            try:
                await self.client.delete(resource_of(made), made["metadata"]["name"], made["metadata"].get("namespace"))
            except NotFound:
                continue


async def heard(admin: Client) -> None:
    """Returns once the authorizer knows what was made or undone before: it reads each kind in order, from a cache."""
    made = []
    for role, namespace in (("Role", "default"), ("ClusterRole", "")):
        name = f"heard-{uuid4().hex[:8]}"
        rules = [{"apiGroups": ["example.com"], "resources": ["heard"], "verbs": ["get"]}]
        ref = {"apiGroup": RBAC, "kind": role, "name": name}
        who = [{"kind": "User", "apiGroup": RBAC, "name": name}]
        made.append(manifest(f"{RBAC}/v1", role, name, namespace, rules=rules))
        made.append(manifest(f"{RBAC}/v1", f"{role}Binding", name, namespace, roleRef=ref, subjects=who))
    for one in made:
        await admin.create(resource_of(one), one)
    async with asyncio.timeout(120):
        while not all([await may(admin, one["metadata"]["name"]) for one in made]):
            await asyncio.sleep(0.02)
    for one in made:
        await admin.delete(resource_of(one), one["metadata"]["name"], one["metadata"].get("namespace"))


async def may(admin: Client, name: str) -> bool:
    attributes = {"verb": "get", "group": "example.com", "resource": "heard", "namespace": "default"}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    review |= {"spec": {"user": name, "resourceAttributes": attributes}}
    return bool((await admin.create(resource.SUBJECT_ACCESS_REVIEWS, review))["status"].get("allowed"))


def group_subject(name: str) -> dict:
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def manifest(
    api_version: str, kind: str, name: str, namespace: str = "", labels: dict | None = None, **content
) -> dict:
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
