"""`cotenant why access`: the way from a person or IAM principal to a right, or what is missing on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from msgspec import to_builtins

from cotenant.api.keys import HOME_PREFIX, TENANT
from cotenant.cli import ANSWERED, PARTLY, SOMETHING
from cotenant.cli.cluster.connect import Cluster, ask
from cotenant.cli.question import Asked, put, question, question_flags
from cotenant.cli.view.output import document, output_flag, say, write
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import NAMESPACES
from cotenant.model.rights import allows

ROLE = "ClusterRole cotenant:"
UNSEEN = "   <- kubectl auth can-i --list and --as do not show it"


@click.command("access")
@question_flags
@output_flag("json", "yaml")
def why_access(*, output: str | None, **flags: Any) -> int:
    """Why somebody may VERB a RESOURCE, or may not: identity, EKS access policies, bindings, and who made each.

    You, or --subject, or an IAM principal. Rights beyond the membership of the namespace's tenant are named as such.
    Exit 0: nothing allows it; 1: something does; 3: not found, and not everything could be read.
    """
    asked = question(flags)

    async def work(cluster: Cluster) -> tuple[Asked, str]:
        found = await put(cluster, asked)
        return found, await tenant_of(cluster, found.ask.namespace)

    found, tenant = ask(work, **flags)
    if output:
        content = {"allowed": found.allowed, "known": found.known, "tenant": tenant, "ask": found.ask._asdict()}
        content |= {"identity": to_builtins(found.who), "ways": to_builtins(found.ways)}
        write(document("WhyAccess", **content), output)
    else:
        click.echo("\n".join(lines(found, tenant)))
    for one in found.unread:
        say(f"not read: {one}")
    if found.allowed:
        return SOMETHING
    return ANSWERED if found.known else PARTLY


async def tenant_of(cluster: Cluster, namespace: str) -> str:
    """The tenant of a namespace, "" for none."""
    if not namespace:
        return ""
    try:
        found = await cluster.client.get(NAMESPACES, namespace)
    except NotFound:
        return ""
    name: str = (found["metadata"].get("labels") or {}).get(TENANT, "")
    return name or (namespace.removeprefix(HOME_PREFIX) if namespace.startswith(HOME_PREFIX) else "")


def lines(found: Asked, tenant: str) -> Iterator[str]:
    """For a person."""
    yield headline(found, tenant)
    yield f"  {entered(found)}"
    for way in found.ways:
        if way.kind == "RBAC":
            yield f"  RBAC: {way.by} ({way.origin})"
        else:
            unknown = "what it gives is not known here: " if way.kind == "unknown policy" else ""
            yield f"  {unknown}{way.by} (entry made by {way.origin}){UNSEEN}"
    if not any(way.kind == "RBAC" for way in found.ways):
        yield "  RBAC: no binding gives it"
    if not found.allowed:
        yield f"  {remedy(found, tenant)}"


def headline(found: Asked, tenant: str) -> str:
    """The answer."""
    if not found.allowed:
        return f"{'DENIED' if found.known else 'NOT KNOWN'}: {found.spoken}"
    listed = [one for one in found.groups if one not in found.who.astray]
    member = tenant and any(one.startswith(f"cotenant:{tenant}:") for one in listed)
    ours = any(way.kind == "RBAC" and way.origin == "tenant spec" for way in found.ways)
    if tenant and not member and not ours:
        return f"ALLOWED, and not as a member of tenant {tenant}: {found.spoken}"
    return f"ALLOWED: {found.spoken}"


def entered(found: Asked) -> str:
    """Who it is, and by what."""
    who = found.who
    if not who.username and not who.groups:
        return f"{who.principal} cannot sign in: it has no access entry, and aws-auth does not map it"
    named = ", ".join(one for one in found.groups if one) or "-"
    said = f"user {who.username or '(anybody)'}, groups {named}"
    if not who.principal:
        return said
    return (
        f"{who.principal} --{who.via or 'not mapped now'}--> {said}{f' (made by {who.origin})' if who.origin else ''}"
    )


def remedy(found: Asked, tenant: str) -> str:
    """What would give it."""
    if not found.who.username and not found.who.groups and tenant:
        return f"to change that: list it as a member of tenant {tenant}: kubectl edit cot {tenant}"
    roles = {grant.role for grant in found.grants if grant.role.startswith(ROLE) and allows(grant, found.ask)}
    names = sorted(one.removeprefix(ROLE) for one in roles if not one.startswith(f"{ROLE}home-"))
    if tenant and names:
        return (
            f"to change that: members of tenant {tenant} with role {' or '.join(names)} may: kubectl edit cot {tenant}"
        )
    if tenant:
        return f"no role that tenant {tenant} gives anybody allows it"
    return "no tenant owns this namespace; an administrator binds a role there"
