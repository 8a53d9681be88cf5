"""What the ledger controller keeps in mind between two looks: how long each space has been quiet, and who is on the way."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime

from cotenant.apply.escrow import Books
from cotenant.controllers.status import Patience
from cotenant.model.escrow.policy import HOLD

TOGETHER, MOST = 1.0, 5.0
"""Seconds for which a new space waits for the next one of its tenant that is on its way, and for all of them together:
one write admits them all.
"""


class Company:
    """For how long those that are there wait for those that are not: TOGETHER from the last one, MOST from the first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.last, self.first = Patience(now, TOGETHER), Patience(now, MOST)
        self.there: dict[str, int] = {}

    def left(self, key: str, there: int) -> float:
        """Seconds, of a tenant that has got so many by now."""
        if self.there.get(key) != there:
            self.there[key] = there
            self.last.over(key)
        return min(self.last.left(key), self.first.left(key))

    def complete(self, key: str) -> None:
        """All are there, or the tenant is gone."""
        self.there.pop(key, None)
        self.last.over(key)
        self.first.over(key)


class Pulses:
    """How long each space has been quiet. In memory alone: after a restart nobody is known to be idle for a while."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now, self.started = now, now().timestamp()
        self.seen: dict[str, dict[str, tuple[dict[str, str], float | None]]] = {}
        self.touched: dict[str, dict[str, dict[str, float]]] = {}
        """By tenant, space and key: when its use was last seen to change."""

    def age(self, books: Books, space: str) -> float | None:
        """Seconds since its use changed, or since it was made; None where nobody was here to see."""
        tenant, there, moment = self.seen.setdefault(books.tenant, {}), books.quotas[space], self.now().timestamp()
        used, since = tenant.get(space, (None, None))
        if used is None:
            made = there.metadata.creation_timestamp
            born = datetime.fromisoformat(made).timestamp() if made else moment
            since = born if moment - born < HOLD else None
            tenant[space] = dict(there.status.used), since
        elif used != there.status.used:
            since = moment
            changed = {key: moment for key, amount in there.status.used.items() if amount != used.get(key, amount)}
            self.touched.setdefault(books.tenant, {}).setdefault(space, {}).update(changed)
            tenant[space] = dict(there.status.used), since
        if since is None:
            return moment - self.started if moment - self.started >= HOLD else None
        return moment - since

    def left(self, tenant: str, space: str, key: str, seconds: float) -> float:
        """For how much longer the last change of one key in a space is less than so many seconds old; 0 where it is older."""
        since = self.touched.get(tenant, {}).get(space, {}).get(key)
        return 0.0 if since is None else max(0.0, since + seconds - self.now().timestamp())

    def keep(self, tenant: str, spaces: Container[str]) -> None:
        """Whatever is not there any more may come back, and is new then."""
        for known in (self.seen.get(tenant, {}), self.touched.get(tenant, {})):
            for space in [one for one in known if one not in spaces]:
                del known[space]

    def forget(self, tenant: str) -> None:
        """The tenant is gone."""
        self.seen.pop(tenant, None)
        self.touched.pop(tenant, None)
