"""Server-side apply of the objects of an installation: forecast as a dry run, then done and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.render.install import Manifest

MANAGER = "cotenant-install"
NAMED = 6
"""So many objects are named one by one."""
Progress = Callable[[str], None]


class Applier:
    """Counts what it applied, and what of that changed."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self.count = 0
        self.changed = 0

    async def all(self, title: str, manifests: Sequence[Manifest]) -> None:
        """Applies them in order."""
        before = self.changed
        for manifest in manifests:
            self.changed += await _applied(self._client, manifest, dry_run=False) != "unchanged"
        self.count += len(manifests)
        self._progress(f"{title}: {len(manifests)} objects, {self.changed - before} changed")

    async def none(self, title: str, manifests: Sequence[Manifest]) -> None:
        """Deletes them, the last one first; says so where there was one."""
        removed = 0
        for manifest in reversed(manifests):
            metadata = manifest["metadata"]
            with suppress(NotFound):
                await self._client.delete(resource.resource_of(manifest), metadata["name"], metadata.get("namespace"))
                removed += 1
        if removed:
            self._progress(f"{title}: {removed} objects removed")


async def forecast(client: Client, manifests: Sequence[Manifest]) -> str:
    """What applying them would do, in one line. Writes nothing; raises Forbidden where the real thing would."""
    outcomes = [(await _applied(client, manifest, dry_run=True), manifest) for manifest in manifests]
    new = sum(outcome == "new" for outcome, _ in outcomes)
    changed = [_named(manifest) for outcome, manifest in outcomes if outcome == "changed"]
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    names = f" ({', '.join(changed[:NAMED])}{more})" if changed else ""
    return f"{new} new, {len(changed)} changed{names}, {len(manifests) - new - len(changed)} as they are"


async def _applied(client: Client, manifest: Manifest, *, dry_run: bool) -> str:
    """new, changed or unchanged."""
    kind, metadata = resource.resource_of(manifest), manifest["metadata"]
    try:
        old = await client.get(kind, metadata["name"], metadata.get("namespace"))
    except NotFound:
        old = None
    if old is None and dry_run:
        return "new"  # not tried: its namespace or its kind may be as new
    new = await client.apply(kind, manifest, manager=MANAGER, dry_run=dry_run)
    if old is None:
        return "new"
    return "unchanged" if _content(old) == _content(new) else "changed"


def _content(found: Manifest) -> Manifest:
    """An object without what controllers and the API server write into it meanwhile: its resourceVersion moves by them."""
    noise = ("managedFields", "resourceVersion", "generation")
    metadata = {key: value for key, value in found["metadata"].items() if key not in noise}
    # A rollout writes its revision into an annotation; we have none of our own outside CustomResourceDefinitions.
    notes = {k: v for k, v in metadata.get("annotations", {}).items() if not k.startswith("deployment.kubernetes.io/")}
    return {**found, "metadata": metadata | {"annotations": notes}, "status": None}


def _named(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"
