"""Which user and groups an IAM principal is in the cluster, and by what: the entry before aws-auth, as EKS reads them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from cotenant.aws.faults import Fault
from cotenant.cli import Failure
from cotenant.cli.iam.stores import Stores, claimed
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.model.arn import arn, refusal
from cotenant.model.iam import awsauth
from cotenant.model.iam.claims import canonical, default_username, merged, tenants_of
from cotenant.model.iam.entries import Association
from cotenant.model.iam.mode import Store
from cotenant.model.iam.strays import Identity, Stray, strays

EVERYBODY = "system:authenticated"
ENTRY = "access entry"


class Resolved(Struct, rename="camel", omit_defaults=True):
    """What the cluster makes of a principal. No username: it cannot sign in."""

    principal: str
    username: str = ""
    groups: list[str] = field(default_factory=list)
    via: str = ""
    origin: str = ""
    policies: list[Association] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)
    """Those groups of tenants that no tenant gives it."""

    @property
    def identity(self) -> Identity:
        """The same as a store has it."""
        store: Store = "entries" if self.via == ENTRY else "aws-auth"
        return Identity(self.principal, tuple(self.groups), store, self.origin == "cotenant")


async def everybody(stores: Stores, *, policies: bool) -> list[Resolved]:
    """Every principal that can sign in. Raises nothing: what cannot be read goes to `unread`."""
    found = mapped(stores)
    try:
        there = await listed(stores)
        holding = await stores.desk.eks.holders() if stores.desk and there and policies else set()
        for principal in there:
            if said := await of_entry(stores, principal, policies=principal in holding):
                found[canonical(principal)] = said
    except Fault as error:
        stores.unread.append(f"EKS: {error.message}")
    return await marked(stores, [found[key] for key in sorted(found)])


async def holders(stores: Stores) -> list[Resolved]:
    """Every principal that has access policies, with them; nobody else's entry is described. Raises Fault."""
    if stores.desk is None or stores.mode in ("", "CONFIG_MAP"):
        return []
    found = [await of_entry(stores, one, policies=True) for one in sorted(await stores.desk.eks.holders())]
    return [one for one in found if one is not None]


def named(principal: str) -> str:
    """A principal as somebody typed it: a role, a user, or a session of a role. Raises Failure for what is none."""
    shape = arn(principal)
    if reason := refusal(shape.role if shape and shape.is_session else principal):
        raise Failure(f"{principal} {reason}")
    return principal


async def resolve(stores: Stores, principal: str) -> Resolved:
    """One principal with its access policies; a session is resolved as its role. Only its own entry is described."""
    shape = arn(principal)
    key = canonical(shape.role if shape and shape.is_session else principal)
    try:
        for one in await listed(stores):
            if canonical(one) == key and (said := await of_entry(stores, one, policies=True)):
                return (await marked(stores, [said]))[0]
    except Fault as error:
        stores.unread.append(f"EKS: {error.message}")
    return (await marked(stores, [mapped(stores).get(key) or Resolved(principal)]))[0]


async def marked(stores: Stores, people: list[Resolved]) -> list[Resolved]:
    """The same, with the groups that no tenant gives them."""
    lost = {one.principal: list(one.groups) for one in await astray(stores, [one.identity for one in people])}
    for one in people:
        one.astray = lost.get(one.principal, [])
    return people


async def astray(stores: Stores, found: Iterable[Identity]) -> list[Stray]:
    """Who of these holds a tenant's group that no tenant gives. What cannot be read goes to `unread`, and is no fault."""
    held = [one for one in found if tenants_of(one.groups)]
    if not held:
        return []
    try:
        claims = await claimed(stores.client, stores.platform)
    except NotFound:
        claims = []  # cotenant is not installed, or not any more
    except Forbidden as error:
        stores.unread.append(f"tenants, whom they list: {error}")
        return []
    return strays(held, merged(claims, await stores.desk.roles_of_sets(claims) if stores.desk else None))


def mapped(stores: Stores) -> dict[str, Resolved]:
    """Whom aws-auth maps, by key."""
    found: dict[str, Resolved] = {}
    for one in awsauth.read(stores.data).items if stores.mode != "API" else ():
        if one.key == canonical(one.arn):
            via = f"aws-auth {one.section}[{one.at}]"
            origin = "cotenant" if one.ours else "nodes" if one.identity.is_node else "somebody else"
            found[one.canonical] = Resolved(one.arn, one.identity.username, list(one.identity.groups), via, origin)
    return found


async def listed(stores: Stores) -> list[str]:
    """The principals of all access entries; none where the cluster reads none. Raises Fault."""
    if stores.desk is None or stores.mode in ("", "CONFIG_MAP"):
        return []
    return await stores.desk.eks.listed()


async def of_entry(stores: Stores, principal: str, *, policies: bool) -> Resolved | None:
    """What an access entry makes of a principal; None for one that is gone. Raises Fault."""
    assert stores.desk
    entry, shape = await stores.desk.eks.entry(principal), arn(principal)
    if entry is None or shape is None:
        return None
    username = entry.username or default_username(shape)
    found = Resolved(principal, username, list(entry.groups), ENTRY, entry.origin)
    found.policies = await stores.desk.eks.policies(principal) if policies else []
    return found
