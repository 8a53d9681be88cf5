"""What each space wants of one resource beyond what it uses: what is known to come, and what is kept at hand.

Slack is generous while there is plenty: a space that is at work holds half of an equal share of what nobody uses, and
the pool the rest. So most pods find their quota without a transfer. What the idle hold stays where it is until somebody
needs it; then those that have been quiet longest give first, all but a reserve.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from cotenant.model.escrow.policy import HOLD, Demand
from cotenant.model.escrow.values import Ledger, Quota

BRIEF = 3.0
"""Seconds after which a space counts as idle when there are only a few pods left for all."""
LATELY = 600.0
"""Seconds for which a space in which something was made that no workload announces may want one more."""
QUIETEST = 3600.0
"""Seconds after which nobody is told from those that have been quiet for longer. Before that a space is told from one that
has been quiet for half as long: of many alike the one that can give most gives all, and the others are not asked.
"""
STEPS = int(QUIETEST).bit_length()
FEW = 4
"""Pods that an active space holds even where that is more than half of its share."""


class Pulse(Struct, frozen=True):
    """What a space is known to want, in base units, and how long it has been quiet.

    `age`: seconds since its use or its workloads changed; None where nobody has seen that yet. `left`: its Space is
    deleted or gone and the namespace stays: it gets what its workloads ask for, and keeps nothing at hand. `lately`: what
    no workload announces was made or deleted there LATELY: one more of it comes before the reserve of those who have none.
    """

    refused: int = 0
    ahead: int = 0
    age: float | None = None
    left: bool = False
    lately: bool = False


def demands(
    ledger: Ledger,
    quotas: Mapping[str, Quota],
    pulses: Mapping[str, Pulse],
    *,
    grain: int,
    within: int,
    expected: int = 0,
) -> dict[str, Demand]:
    """The Demand of each space in the ledger.

    `grain` is one pod's part of the resource, `within` the tenant's limit, `expected` how many spaces there will be,
    those that are left not counted.
    """
    spaces = [entry.space for entry in ledger.entries if entry.space in quotas]
    seen = {space: pulses.get(space, Pulse()) for space in spaces}
    count = max(1, sum(not one.left for one in seen.values()), expected)
    wanted = sum(quotas[space].used + seen[space].refused + seen[space].ahead for space in spaces)
    spare = max(0, min(ledger.limit, within) - wanted)
    share = spare // count
    generous = spare if count == 1 else min(share, max(share // 2, FEW * grain))
    slack, reserve = max(grain, generous), max(grain, share // 4)
    hold = HOLD if spare >= 2 * grain * count else BRIEF
    return {space: demand(one, slack, reserve, grain, hold) for space, one in seen.items()}


def demand(one: Pulse, slack: int, reserve: int, grain: int, hold: float) -> Demand:
    """One space's. Nobody counts as idle for the policy, which would take all of it: it is cut as far as others need."""
    if one.left:
        # In use still, it may want again what it had a moment ago; later it is the first that gives, and gives all.
        idle = HOLD if one.age is not None and one.age >= HOLD else HOLD - 1
        return Demand(one.refused, one.ahead, 0, grain, idle)
    step = int(min(one.age or 0.0, QUIETEST)).bit_length()
    at_work = one.age is not None and one.age < hold
    wanted = slack if at_work else grain if one.lately else 0
    return Demand(one.refused, one.ahead, wanted, grain, step / STEPS * (HOLD - 1), reserve)
