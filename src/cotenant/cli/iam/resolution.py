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
    found: dict[str, Resolved] = {}
    if stores.mode != "API":
        auth = awsauth.read(stores.data)
        for one in auth.items:
            if one.key == canonical(one.arn):
                via = f"aws-auth {one.section}[{one.at}]"
                origin = "cotenant" if one.ours else "nodes" if one.identity.is_node else "somebody else"
                found[one.canonical] = Resolved(one.arn, one.identity.username, list(one.identity.groups), via, origin)
    desk = stores.desk
    if desk and stores.mode not in ("", "CONFIG_MAP"):
        try:
            for principal in await desk.eks.listed():
                entry = await desk.eks.entry(principal)
                shape = arn(principal)
                if entry is None or shape is None:
                    continue
                said = Resolved(
                    principal,
                    entry.username or default_username(shape),
                    list(entry.groups),
                    "access entry",
                    entry.origin,
                )
                said.policies = await desk.eks.policies(principal) if policies else []
                found[entry.key] = said
        except Fault as error:
            stores.unread.append(f"EKS: {error.message}")
    return [found[key] for key in sorted(found)]


async def resolve(stores: Stores, principal: str) -> Resolved:
    """One principal; a session is resolved as its role."""
    shape = arn(principal)
    key = canonical(shape.role if shape and shape.is_session else principal)
    for one in await everybody(stores, policies=False):
        if canonical(one.principal) == key:
            if one.via == "access entry" and stores.desk:
                try:
                    one.policies = await stores.desk.eks.policies(one.principal)
                except Fault as error:
                    stores.unread.append(f"access policies: {error.message}")
            return one
    return Resolved(principal)
