"""Kinds of add-ons that the rules look at and this cluster serves."""

from __future__ import annotations

import json

from cotenant.api.builtin import Manifest
from cotenant.kube.client import Client
from cotenant.kube.resource import Resource
from cotenant.render.install.admission.routes import ROUTES


async def addons(client: Client, unread: list[str]) -> list[Resource]:
    """Each in the first version that has it. What could not be read is added to `unread`, with why."""
    groups = {one["name"]: one for one in (await _read(client, "/apis", unread)).get("groups", ())}
    found: dict[tuple[str, str], Resource] = {}
    for looked_at in ROUTES.matches:
        (group,) = looked_at["apiGroups"]
        for version in groups.get(group, {}).get("versions", ()):
            served = await _read(client, f"/apis/{version['groupVersion']}", unread)
            for one in served.get("resources", ()):
                if _meant(one, looked_at["resources"]):
                    kind = Resource(group, version["version"], one["name"], one["kind"], namespaced=True)
                    found.setdefault((group, one["name"]), kind)
    return list(found.values())


def _meant(served: Manifest, names: list[str]) -> bool:
    known = served["name"] in names or (names == ["*"] and "/" not in served["name"])
    return known and served["namespaced"] and {"create", "list"} <= set(served["verbs"])


async def _read(client: Client, path: str, unread: list[str]) -> Manifest:
    status, text = await client.raw("GET", path)
    if status != 200:
        # The server of one group may be down, or the group may have gone meanwhile.
        unread.append(f"{path}: {status}")
        return {}
    found: Manifest = json.loads(text)
    return found
