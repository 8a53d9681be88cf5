"""Which user and groups an IAM principal is in the cluster, and by what: the entry before aws-auth, as EKS reads them."""

from __future__ import annotations

from msgspec import Struct, field

from cotenant.aws.faults import Fault
from cotenant.cli.iam.stores import Stores
from cotenant.model.arn import arn
from cotenant.model.iam import awsauth
from cotenant.model.iam.claims import canonical, default_username
from cotenant.model.iam.entries import Association

EVERYBODY = "system:authenticated"


class Resolved(Struct, rename="camel", omit_defaults=True):
    """What the cluster makes of a principal. No username: it cannot sign in."""

    principal: str
    username: str = ""
    groups: list[str] = field(default_factory=list)
    via: str = ""
    origin: str = ""
    policies: list[Association] = field(default_factory=list)


async def everybody(stores: Stores, *, policies: bool) -> list[Resolved]:
    """Every principal that can sign in. Raises nothing: what cannot be read goes to `unread`."""
    found = mapped(stores)
    try:
        for principal in await listed(stores):
            if said := await of_entry(stores, principal, policies=policies):
                found[canonical(principal)] = said
    except Fault as error:
        stores.unread.append(f"EKS: {error.message}")
    return [found[key] for key in sorted(found)]


async def resolve(stores: Stores, principal: str) -> Resolved:
    """One principal with its access policies; a session is resolved as its role. Only its own entry is described."""
    shape = arn(principal)
    key = canonical(shape.role if shape and shape.is_session else principal)
    try:
        for one in await listed(stores):
            if canonical(one) == key and (said := await of_entry(stores, one, policies=True)):
                return said
    except Fault as error:
        stores.unread.append(f"EKS: {error.message}")
    return mapped(stores).get(key) or Resolved(principal)


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
    found = Resolved(principal, username, list(entry.groups), "access entry", entry.origin)
    found.policies = await stores.desk.eks.policies(principal) if policies else []
    return found
