"""Signs of operators: the Lease of who leads, and the heartbeat that one without leader election has too."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import LEASES
from cotenant.render.install.values import HEARTBEAT, LEASE

NAMES = (LEASE, HEARTBEAT)
"""Only an operator that elects has the first, only one that counts strictly the second."""


class Sign(Struct, frozen=True):
    """Who renewed a Lease last, and when."""

    lease: str
    holder: str
    renewed: datetime


async def sign(client: Client, name: str, namespace: str) -> Sign | None:
    """What a Lease says; None where there is none, or nobody ever renewed it. Raises ApiError for who may not read it."""
    try:
        found = (await client.get(LEASES, name, namespace)).get("spec", {})
    except NotFound:
        return None
    renewed = found.get("renewTime")
    return Sign(name, found.get("holderIdentity", ""), datetime.fromisoformat(renewed)) if renewed else None
