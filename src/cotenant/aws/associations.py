"""Pod Identity associations of a cluster, remembered: a list tells no role, so each is described when it is new.

In the steady state a look costs one ListPodIdentityAssociations a hundred associations, and the oldest few descriptions,
for the role of an association can be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cotenant.aws.eks import Eks
from cotenant.model.iam.workloads import Bond

MOST = 60
"""Descriptions in one look, of new ones first."""
FEW = 20
"""Known ones that a look describes anew, at most."""
AGE = 10.0
"""Seconds for which a look is good enough."""
OLD = 3600.0
"""Seconds after which an association is described anew."""


class Associations:
    """clock: seconds that only grow."""

    def __init__(self, eks: Eks, clock: Callable[[], float]) -> None:
        self.eks, self.clock = eks, clock
        self.known: dict[str, Bond] = {}
        self._described: dict[str, float] = {}
        self._looked = -AGE

    async def look(self) -> Sequence[Bond]:
        """Every association that is known now; those that are new and many come with the next looks. Raises Fault."""
        now = self.clock()
        if now - self._looked < AGE:
            return sorted(self.known.values())
        listed = await self.eks.association_ids()
        there = set(listed)
        for gone in self.known.keys() - there:
            del self.known[gone], self._described[gone]
        new = [one for one in listed if one not in self.known]
        old = sorted((at, one) for one, at in self._described.items() if now - at >= OLD)
        for one in [*new, *(one for _, one in old[:FEW])][:MOST]:
            if found := await self.eks.association(one):
                self.known[one], self._described[one] = found, now
        if len(new) <= MOST:
            self._looked = now
        return sorted(self.known.values())
