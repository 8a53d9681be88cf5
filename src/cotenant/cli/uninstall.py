"""`cotenant uninstall --orphan`: the operator goes; tenants, spaces and their members keep working."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from msgspec import Struct

from cotenant.api import keys
from cotenant.cli import Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.install import MANAGER, Progress
from cotenant.cli.view.output import say
from cotenant.cli.view.question import typed
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Conflict, Forbidden, NotFound
from cotenant.kube.resource import Resource
from cotenant.model.platform import Platform
from cotenant.render import install as objects
from cotenant.render.install import InstallValues, Manifest

AT_ONCE = 16
REVOKED_SECONDS = 15.0
RELEASED_SECONDS = 30.0
REFUSAL = """Nothing was done. `cotenant uninstall` only knows --orphan: it removes the operator, its rights and its policies,
and leaves namespaces, workloads, quotas, network policies, role bindings, Tenants and Spaces where they are.
Deleting those with the operator gone would take namespaces away from teams. To remove a tenant, use
`cotenant delete tenant NAME` while the operator runs. Continue with: cotenant uninstall --orphan"""
KEPT = """kept: CustomResourceDefinitions, Tenants, TenantProfiles, Spaces, SpacePolicies, ClusterRoles cotenant:* of members,
namespace {namespace} with the settings, policy cotenant-strict (without an operator it does nothing), every namespace of a tenant and all that is in it. Members keep their access; quotas,
limits and network policies keep holding. To come back: cotenant install"""


class Uninstalled(Struct, frozen=True):
    """What went: objects of the installation, and Tenants and Spaces that were let go of."""

    removed: int
    released: int


async def uninstall(client: Client, platform: Platform, *, progress: Progress = lambda _: None) -> Uninstalled:
    """Operator, then its rights, then the policies, then our finalizers. Raises ApiError; safe to repeat.

    Rights go before policies (KEP-5681): an operator that still runs somewhere is never without its leash.
    """
    values = InstallValues(platform=platform, assist=True, fairness=True)
    # First, or the API server would go on asking somebody who is gone.
    removed = await _remove(client, list(reversed(objects.assist(values))))
    if removed:
        progress(f"assist: {removed} objects removed")
    removed += await _remove(client, list(reversed(objects.run(values))))
    progress(f"operator: {removed} objects removed")
    fairness = await _remove(client, list(reversed(objects.fairness(values))))
    if fairness:
        progress(f"fairness: {fairness} objects removed")
        removed += fairness
    rights = await _remove(client, objects.rights(values))
    await _revoked(client, platform)
    progress(f"rights of the operator: {rights} objects removed")
    policies = await _remove(
        client, [one for one in reversed(objects.deny(platform) + objects.force(platform)) if not kept(one)]
    )
    progress(f"policies: {policies} objects removed")
    released = await _release(client, resource.SPACES, keys.SPACE_FINALIZER)
    released += await _release(client, resource.TENANTS, keys.TENANT_FINALIZER)
    progress(f"finalizers: taken off {released} Tenants and Spaces")
    identity = await _remove(client, [m for m in objects.ground(values) if m["kind"] == "ServiceAccount"])
    return Uninstalled(removed + rights + policies + identity, released)


def kept(manifest: Manifest) -> bool:
    """Whether an object outlives every uninstall, as helm's annotation says too."""
    notes: dict[str, str] = manifest["metadata"].get("annotations", {})
    return keys.HELM_KEEPS.items() <= notes.items()


async def _remove(client: Client, manifests: list[Manifest]) -> int:
    count = 0
    for manifest in manifests:
        metadata = manifest["metadata"]
        kind = resource.resource_of(manifest)
        try:
            await client.delete(kind, metadata["name"], metadata.get("namespace"), propagation="Background")
            count += 1
        except NotFound:
            continue
    return count


async def _revoked(client: Client, platform: Platform) -> None:
    """Returns when the API server no longer lets the operator write Spaces, so that nobody puts finalizers back."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": platform.operator,
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{platform.namespace}"],
            "resourceAttributes": {"group": keys.GROUP, "resource": "spaces", "verb": "patch", "namespace": "default"},
        },
    }
    deadline = asyncio.get_running_loop().time() + REVOKED_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        answer = await client.create(resource.SUBJECT_ACCESS_REVIEWS, review)
        if not answer["status"].get("allowed"):
            return
        await asyncio.sleep(0.1)


async def _release(client: Client, kind: Resource, finalizer: str) -> int:
    """Takes our finalizer off every object of a kind. What was waiting for it to be deleted is gone then."""
    try:
        found = (await client.list(kind)).items
    except NotFound:
        return 0
    held = [item for item in found if finalizer in item["metadata"].get("finalizers", ())]
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(item: dict[str, Any]) -> None:
        async with slots:
            await _let_go(client, kind, item, finalizer)

    await asyncio.gather(*map(one, held))
    return len(held)


async def _let_go(client: Client, kind: Resource, item: dict[str, Any], finalizer: str) -> None:
    """A merge with resourceVersion, repeated: somebody may be faster, and a deleted policy denies for a second more."""
    deadline = asyncio.get_running_loop().time() + RELEASED_SECONDS
    name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
    while True:
        metadata = item["metadata"]
        kept = [each for each in metadata.get("finalizers", ()) if each != finalizer]
        patch = {"metadata": {"finalizers": kept or None, "resourceVersion": metadata["resourceVersion"]}}
        try:
            await client.merge(kind, name, patch, namespace, manager=MANAGER)
        except NotFound:
            return
        except (Conflict, Forbidden) as refusal:
            if isinstance(refusal, Forbidden) and "COTENANT-GUARD" not in refusal.message:
                raise
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return
        try:
            item = await client.get(kind, name, namespace)
        except NotFound:
            return


@click.command("uninstall")
@click.option("--orphan", is_flag=True, help="Leave everything that belongs to tenants where it is. The only way.")
@click.option("--yes", is_flag=True, help="Do not ask for the name of the cluster.")
@cluster_flags
def command(*, orphan: bool, yes: bool, **flags: Any) -> None:
    """Take the operator out of a cluster; tenants keep working.

    Exit 0: done; 2: not done.
    """
    if not orphan:
        say(REFUSAL)
        raise Failure("uninstall needs --orphan")
    platform = Platform()

    async def work(cluster: Cluster) -> Uninstalled:
        if not yes and not await _confirmed(cluster):
            raise Failure("that is not the name of the cluster; nothing was done")
        return await uninstall(cluster.client, platform, progress=say)

    done = ask(work, **flags)
    say(f"uninstalled: {done.removed} objects removed, {done.released} Tenants and Spaces let go")
    say(KEPT.format(namespace=platform.namespace))


async def _confirmed(cluster: Cluster) -> bool:
    """Shows the cluster and the numbers, and asks for the cluster's name."""
    counts = {}
    for kind in (resource.TENANTS, resource.SPACES):
        try:
            counts[kind.plural] = len((await cluster.client.list(kind)).items)
        except NotFound:
            counts[kind.plural] = 0
    name = cluster.client.transport.context or cluster.client.host
    say(f"cluster {cluster.name}: {counts['tenants']} tenants with {counts['spaces']} spaces stay, unattended")
    return typed(f"Type the name of the cluster to go on ({name})", name)
