"""An API server in a dict, as far as controllers write to it. The watch is under the test's hand: `World` sees what `sync` brings."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import msgspec

from cotenant.api.keys import GROUP
from cotenant.controllers.world import World, observed
from cotenant.kube.client import Listing
from cotenant.kube.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NotFound
from cotenant.kube.resource import Resource
from unit.specimens import GONE

Manifest = dict[str, Any]
Key = tuple[str, str, str]


class Cluster:
    """Stands in for kube.client.Client. `calls` has every request, `refuse` makes some fail."""

    def __init__(self) -> None:
        self.objects: dict[Key, Manifest] = {}
        self.calls: list[tuple[str, str, str, Manifest]] = []
        self.refusals: list[tuple[str, str, str, ApiError]] = []
        self.before: Callable[[str, str, str], None] = lambda _verb, _kind, _name: None
        self.versions = itertools.count(1000)
        for plural in ("tenants", "spaces"):
            self.put("CustomResourceDefinition", f"{plural}.{GROUP}")

    def put(
        self, kind: str, name: str, namespace: str = "", *, about: Manifest | None = None, **content: Any
    ) -> Manifest:
        """Somebody else's write."""
        metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, **(about or {})}
        if namespace:
            metadata["namespace"] = namespace
        made = {"kind": kind, "metadata": metadata, **content}
        return self.store(made)

    def store(self, made: Manifest) -> Manifest:
        metadata = made["metadata"]
        metadata["resourceVersion"] = str(next(self.versions))
        metadata.setdefault("uid", f"uid-{metadata['name']}-{metadata['resourceVersion']}")
        self.objects[made["kind"], metadata.get("namespace", ""), metadata["name"]] = made
        return copy.deepcopy(made)

    def change(self, kind: str, name: str, namespace: str = "", **content: Any) -> None:
        """Somebody else's edit, merged."""
        there = self.objects[kind, namespace, name]
        self.store(merged(there, content))

    def vanish(self, kind: str, name: str, namespace: str = "") -> None:
        del self.objects[kind, namespace, name]

    def there(self, kind: str, name: str, namespace: str = "") -> Manifest:
        return self.objects[kind, namespace, name]

    def names(self, kind: str, namespace: str = "") -> list[str]:
        return sorted(key[2] for key in self.objects if key[:2] == (kind, namespace))

    def refuse(self, verb: str, kind: str, name: str = "", error: ApiError | None = None) -> None:
        """Until `allow`: this verb on this kind (and name) fails."""
        self.refusals.append((verb, kind, name, error or Forbidden(403, "Forbidden", "admission webhook said no")))

    def allow(self) -> None:
        self.refusals.clear()

    def writes(self) -> list[str]:
        """`verb Kind name` of every write, in order; then forgets them."""
        found = [f"{verb} {kind} {name}" for verb, kind, name, _ in self.calls if verb not in ("get", "list")]
        self.calls.clear()
        return found

    def asked(self, verb: str, kind: str, name: str, body: Manifest | None = None) -> None:
        self.calls.append((verb, kind, name, copy.deepcopy(body or {})))
        self.before(verb, kind, name)
        for how, what, who, error in self.refusals:
            if (how, what) == (verb, kind) and who in ("", name):
                raise error

    def key(self, resource: Resource, body: Manifest) -> Key:
        metadata = body["metadata"]
        return resource.kind, metadata.get("namespace") or "", metadata["name"]

    async def get(self, resource: Resource, name: str, namespace: str | None = None, *, type: Any = dict) -> Any:
        self.asked("get", resource.kind, name)
        found = self.objects.get((resource.kind, namespace or "", name))
        if found is None:
            raise NotFound(404, "NotFound", f"{resource} {name} not found")
        return msgspec.convert(found, type) if type is not dict else copy.deepcopy(found)

    async def list(
        self, resource: Resource, namespace: str | None = None, *, type: Any = dict, labels: str = "", fields: str = ""
    ) -> Listing[Any]:
        self.asked("list", resource.kind, "")
        everywhere = namespace is None and resource.namespaced
        selected = dict(pair.split("=") for pair in labels.split(",") if "=" in pair)
        present = {one for one in labels.split(",") if one and "=" not in one}
        found = [
            one
            for (kind, place, _), one in self.objects.items()
            if kind == resource.kind
            and (everywhere or place == (namespace or ""))
            and selected.items() <= one["metadata"].get("labels", {}).items()
            and present <= one["metadata"].get("labels", {}).keys()
        ]
        return Listing([msgspec.convert(one, type) for one in found], "1")

    async def create(self, resource: Resource, body: Manifest, **_: Any) -> Manifest:
        key = self.key(resource, body)
        self.asked("create", resource.kind, key[2], body)
        if key in self.objects:
            raise AlreadyExists(409, "AlreadyExists", f"{resource} {key[2]} already exists")
        return self.store(copy.deepcopy(body) | {"kind": resource.kind})

    async def apply(self, resource: Resource, body: Manifest, *, subresource: str | None = None, **_: Any) -> Manifest:
        key = self.key(resource, body)
        self.asked(f"apply/{subresource}" if subresource else "apply", resource.kind, key[2], body)
        there, uid = self.objects.get(key), body["metadata"].get("uid")
        if there is None and subresource:
            raise NotFound(404, "NotFound", f"{resource} {key[2]} not found")
        if uid and (there is None or there["metadata"]["uid"] != uid):
            raise Conflict(409, "Conflict", "uid mismatch")
        sent = copy.deepcopy(body) | {"kind": resource.kind}
        if subresource:
            assert there is not None
            return self.store(there | {subresource: sent[subresource]})
        sent["metadata"].pop("uid", None)
        return self.store(merged(there, sent) if there else sent)

    async def replace(
        self, resource: Resource, body: Manifest, *, subresource: str | None = None, **_: Any
    ) -> Manifest:
        key = self.key(resource, body)
        self.asked(f"replace/{subresource}" if subresource else "replace", resource.kind, key[2], body)
        there = self.objects.get(key)
        if there is None:
            raise NotFound(404, "NotFound", f"{resource} {key[2]} not found")
        self.check(there, body["metadata"].get("uid"), body["metadata"].get("resourceVersion"))
        sent = copy.deepcopy(body) | {"kind": resource.kind}
        if subresource and resource.group == GROUP:
            return self.store(copy.deepcopy(there) | {subresource: sent[subresource]})
        whole = resource.kind in ("SpacePolicy", "TenantLedger")  # which have no subresource
        apart = "status" in there and not subresource and not whole
        keep = {"status": there["status"]} if apart else {}
        return self.store(sent | keep)

    async def merge(
        self, resource: Resource, name: str, patch: Manifest, namespace: str | None = None, **_: Any
    ) -> Manifest:
        key = (resource.kind, namespace or "", name)
        self.asked("merge", resource.kind, name, patch)
        there = self.objects.get(key)
        if there is None:
            raise NotFound(404, "NotFound", f"{resource} {name} not found")
        self.check(there, patch["metadata"].get("uid"), patch["metadata"].get("resourceVersion"))
        found = self.store(merged(there, patch))
        if found["metadata"].get("deletionTimestamp") and not found["metadata"].get("finalizers"):
            self.vanish(*(resource.kind, name, namespace or ""))
        return found

    async def edit(
        self, resource: Resource, name: str, patch: Sequence[Manifest], namespace: str | None = None, **_: Any
    ) -> Manifest:
        """A JSON patch, as far as it is used: tests and replacements."""
        key = (resource.kind, namespace or "", name)
        self.asked("edit", resource.kind, name, {"patch": patch})
        if key not in self.objects:
            raise NotFound(404, "NotFound", f"{resource} {name} not found")
        found = copy.deepcopy(self.objects[key])
        for step in patch:
            *way, last = step["path"].strip("/").split("/")
            place = reduce(lambda at, part: at[part], way, found)
            if step["op"] == "test" and place.get(last) != step["value"]:
                raise Invalid(422, "", f"testing value {step['path']} failed: test failed")
            if step["op"] == "replace":
                place[last] = copy.deepcopy(step["value"])
        return self.store(found)

    async def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, uid: str | None = None, resource_version: str | None = None
    ) -> Manifest:  # fmt: skip
        self.asked("delete", resource.kind, name, {"uid": uid, "resourceVersion": resource_version})
        there = self.objects.get((resource.kind, namespace or "", name))
        if there is None:
            raise NotFound(404, "NotFound", f"{resource} {name} not found")
        self.check(there, uid, resource_version)
        if there["metadata"].get("finalizers") or resource.kind == "Namespace":
            return self.store(merged(there, {"metadata": {"deletionTimestamp": GONE}}))
        self.vanish(resource.kind, name, namespace or "")
        return {}

    def check(self, there: Manifest, uid: str | None, version: str | None) -> None:
        metadata = there["metadata"]
        if (uid and uid != metadata["uid"]) or (version and version != metadata["resourceVersion"]):
            raise Conflict(409, "Conflict", "the object has been modified")

    def sync(self, world: World) -> None:
        """Everything that the watches would bring by now."""
        for kind, store in world.stores().items():
            found = [
                observed(kind, one) for key, one in self.objects.items() if key[0] == kind and kind != "ClusterRole"
            ]
            for one in found:
                store.upsert(one)
            if kind != "ClusterRole":
                store.retain({one.metadata.key for one in found})


def merged(there: Any, change: Any) -> Any:
    """A JSON merge patch: null removes, lists are replaced whole."""
    if not isinstance(there, dict) or not isinstance(change, dict):
        return copy.deepcopy(change)
    found = {key: merged(there.get(key), one) for key, one in change.items() if one is not None}
    return {key: one for key, one in there.items() if key not in change} | found
