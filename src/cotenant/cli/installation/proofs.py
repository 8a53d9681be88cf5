"""The proof of an installation: every binding is tried before anybody is granted anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cotenant.cli.cluster import observers, settled
from cotenant.cli.cluster.canaries import ROUTES, Ground, canaries, ground
from cotenant.cli.cluster.proof import NAME, Canary, NotProven, guard, leashes, prove
from cotenant.cli.cluster.survey import listed
from cotenant.cli.installation.applier import Progress
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.model.platform import Platform
from cotenant.render.install import LEASH
from cotenant.render.install.admission import admission_policies, pools

UNROUTED = "cotenant-routes"


async def denials(client: Client, platform: Platform, progress: Progress) -> tuple[str, ...]:
    """The policies that nobody could try. The guard must be proven; NotProven if one lets through what it must deny."""
    await prove(guard(client))
    progress("guard of Spaces: denies")
    unproven: tuple[str, ...] = ()
    try:
        for one in leashes(client, platform):
            await prove(one)
        progress("leash of the operator: denies")
    except NotProven as reason:
        progress(f"leash of the operator: not proven ({reason})")
        unproven = (LEASH,)
    routes = await listed(client, ROUTES)
    if not routes:
        progress("routes: no Gateway API here, so their policy is not tried; install again once it is there")
    async with ground(client) as places:
        found = canaries(client, platform, places, routes=routes)
        left = await _tried(found, progress)
        progress(f"policies about tenants' objects: {len(found) - len(left)} deny")
        return (*unproven, *left, *await _settled(client, platform, places, progress, routes=routes))


async def writings(client: Client, platform: Platform, progress: Progress) -> tuple[str, ...]:
    """The same for what writes into pods."""
    async with ground(client) as places:
        try:
            await settled.settle(client, platform, places.settled)
        except ApiError as error:
            progress(f"pools: not proven ({error})")
            return (pools.NAME,)
        left = await _tried([settled.writing(client.apart(each=True), places.settled)], progress)
    if not left:
        progress("pools: written into pods")
    return left


async def _settled(
    client: Client, platform: Platform, places: Ground, progress: Progress, *, routes: bool
) -> tuple[str, ...]:
    """Bindings about updates, and those that warn and audit."""
    place, fresh = places.settled, client.apart(each=True)
    try:
        await settled.settle(client, platform, place)
    except ApiError as error:
        progress(f"bindings of updates, warnings and audits: not proven ({error})")
        return tuple(f"{policy.name}-update" for policy in admission_policies(platform) if policy.updates)
    found = settled.changes(fresh, place, routes=routes)
    found.append(settled.claims(fresh, fresh.as_user(NAME, []), place))
    left = await _tried(found, progress)
    progress(f"bindings of updates and warnings: {len(found) - len(left)} act")
    audits = [f"{policy.name}-observe" for policy in admission_policies(platform) if policy.parameters]
    audits = [name for name in audits if routes or not name.startswith(UNROUTED)]
    try:
        await observers.observed(client, audits, lambda one: settled.changes(one, place, routes=routes))
        progress(f"bindings that audit: {len(audits)} count")
    except NotProven as reason:
        if reason.tried:
            raise
        progress(f"bindings that audit: not proven ({reason})")
    return left


async def _tried(found: Sequence[Canary], progress: Progress) -> tuple[str, ...]:
    """The policies of these canaries that nobody could try."""
    answers = await asyncio.gather(*(prove(one) for one in found), return_exceptions=True)
    unproven = []
    for one, answer in zip(found, answers, strict=True):
        if isinstance(answer, NotProven) and not answer.tried:
            progress(f"policy {one.policy}: not proven ({answer})")
            unproven.append(one.policy)
        elif isinstance(answer, BaseException):
            raise answer
    return tuple(unproven)
