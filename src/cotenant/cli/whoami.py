"""`cotenant whoami`: who the cluster says you are, and what is yours."""

from __future__ import annotations

from typing import Any

import click
from msgspec import Struct, field, to_builtins

from cotenant.aws.calls import Calls
from cotenant.aws.eks import Iam
from cotenant.aws.faults import Fault
from cotenant.cli import ANSWERED, PARTLY, complain
from cotenant.cli.cluster.connect import NAMESPACE, Cluster, ask, cluster_flags
from cotenant.cli.cluster.standing import Standing, nowhere, policy, roles_in, spaces_of, standing
from cotenant.cli.view.output import document, output_flag, write
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import SELF_SUBJECT_REVIEWS, SPACES, TENANTS
from cotenant.model.arn import arn
from cotenant.model.iam.claims import canonical
from cotenant.runtime.rights import Right, lacking

ONCE = 2
"""Seconds that IAM has for the one thing that only it knows."""
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


class Identity(Struct, rename="camel", omit_defaults=True):
    """An answer of whoami."""

    cluster: str
    user: str
    groups: list[str]
    iam: str = ""
    """ARN by which somebody signed in, where EKS tells it."""
    session: str = ""
    role: str = ""
    """ARN of the role that the session is of; with its path where IAM tells the caller."""
    administrator: bool = False
    """Whether this user may list every tenant."""
    tenant: str = ""
    home: str = ""
    roles: list[str] = field(default_factory=list)
    spaces: dict[str, str] = field(default_factory=dict)
    """Space -> namespace."""
    limit: int | None = None
    hint: str = ""


@click.command()
@NAMESPACE
@output_flag("json", "yaml")
@cluster_flags
def whoami(*, output: str | None, **flags: Any) -> int:
    """Who the cluster says you are: user, groups, tenant, roles, spaces.

    The tenant is that of the context's namespace, or of -n. Exit 0; 3 if you belong to none that can be seen from there.
    """
    found = ask(identify, **flags)
    if output:
        write(document("WhoAmI", **to_builtins(found)), output)
    else:
        for title, value in lines(found):
            click.echo(f"{title + ':':<9}{value}")
    if not found.tenant and not found.administrator:
        return complain(found.hint, PARTLY)
    return ANSWERED


async def identify(cluster: Cluster) -> Identity:
    """Asks the cluster, with the rights of a member."""
    client = cluster.client
    review = await client.create(SELF_SUBJECT_REVIEWS, REVIEW)
    info = review.get("status", {}).get("userInfo", {})
    me = Identity(cluster.name, info.get("username", ""), list(info.get("groups") or ()))
    extra = info.get("extra") or {}
    me.iam, me.session = (extra.get("arn") or [""])[0], (extra.get("sessionName") or [""])[0]
    me.role = await role_of(me.iam)
    found = await standing(cluster)
    if found is None:
        me.hint = nowhere(cluster).message
        try:
            await client.list(TENANTS, limit=1)
        except Forbidden:
            return me
        me.administrator = True
        return me
    try:
        await belongings(cluster, found, me)
    except Forbidden:
        # Sees the namespace, and has no role of ours in its tenant: an administrator of something else.
        me.hint = f"you see namespace {found.namespace}, and have no role in its tenant"
    return me


async def role_of(session: str) -> str:
    """The role of a session. STS tells no path; IAM does, where the caller may ask it about this very role."""
    shape = arn(session)
    if shape is None or not shape.is_session:
        return ""
    calls = Calls(tries=1, patience=ONCE)
    try:
        found = await Iam(calls).role(shape.path.rstrip("/"))
    except Fault:
        return shape.role
    finally:
        calls.close()
    return found if canonical(found) == canonical(shape.role) else shape.role


async def belongings(cluster: Cluster, found: Standing, me: Identity) -> None:
    """Spaces and roles of the tenant that the namespace belongs to. Raises Forbidden for who may not list them."""
    client = cluster.client
    spaces = await spaces_of(client, found.home)
    me.tenant, me.home = found.tenant, found.home
    me.spaces = {one["metadata"]["name"]: one.get("status", {}).get("namespace", "") for one in spaces}
    there = found.namespace if found.space else next((name for name in me.spaces.values() if name), "")
    me.roles = await roles_in(client, there, me.user, me.groups) if there else []
    if not me.roles and not await lacking(client, [Right("create", SPACES, found.home)]):
        # Members read RoleBindings in spaces alone. Without one the API server still tells what they may do at home.
        me.roles = ["may create spaces"]
    rules = await policy(client, found.home)
    me.limit = rules.status.limit if rules and rules.status else None


def lines(me: Identity) -> list[tuple[str, str]]:
    """Titles and values for a person."""
    found = [("Cluster", me.cluster), ("User", me.user), ("Groups", ", ".join(me.groups) or "-")]
    if me.iam:
        shape = arn(me.iam)
        role = f" (role {me.role}, session {me.session})" if shape and shape.is_session else ""
        found.insert(1, ("IAM", me.iam + role))
    if me.administrator:
        found.append(("Tenants", "you may list all of them: cotenant get tenants"))
    if me.tenant:
        spaces = [f"{space} ({namespace or 'no namespace yet'})" for space, namespace in sorted(me.spaces.items())]
        count = f"{len(spaces)} of {me.limit}: " if me.limit is not None else ""
        found += [
            ("Tenant", f"{me.tenant} (home {me.home})"),
            ("Roles", ", ".join(me.roles) or "none that you can see"),
            ("Spaces", count + (", ".join(spaces) or "none yet")),
        ]
    return found
