"""The escrow protocol: what to ask of the cluster next.

    step = begin(Grow("dev", to=20, within=100), ledger, quota)
    while not isinstance(step, Finished):
        step = advance(step, await perform(step.request))

A task is a frozen value that waits for the answer to `task.request`. It may be dropped at any moment: that is a crash,
and what it left is finished by `Drain`, `Grow` with `to=0`, `Settle` or `Rebuild`, begun by anybody. A task asks again
after a conflict, without an end of its own: whoever drives it bounds the number of requests.

The invariant, for every space at every revision: spec.hard ≤ allocation, and the sum of allocations ≤ limit.
"""

from __future__ import annotations

from cotenant.model.escrow import drain as drains
from cotenant.model.escrow import grow as grows
from cotenant.model.escrow import press as presses
from cotenant.model.escrow import rebuild as rebuilds
from cotenant.model.escrow import resize as resizes
from cotenant.model.escrow import settle as settles
from cotenant.model.escrow.drain import Drain, Draining
from cotenant.model.escrow.grow import Grow, Growing
from cotenant.model.escrow.messages import Answer, Finished
from cotenant.model.escrow.press import Press, Pressing
from cotenant.model.escrow.rebuild import Rebuild, Rebuilding
from cotenant.model.escrow.resize import Resize, Resizing
from cotenant.model.escrow.settle import Settle, Settling
from cotenant.model.escrow.values import Ledger, Quota

Intent = Grow | Drain | Press | Settle | Resize | Rebuild
Task = Growing | Draining | Pressing | Settling | Resizing | Rebuilding
Step = Task | Finished


def begin(intent: Intent, ledger: Ledger | None = None, quota: Quota | None = None) -> Step:
    """The first step. Snapshots from a cache spare reads; where a live read is needed it is asked for nevertheless."""
    match intent:
        case Grow():
            return grows.grow(intent, ledger, quota)
        case Drain():
            return drains.drain(intent, ledger)
        case Press():
            return presses.press(intent, quota)
        case Settle():
            return settles.settle(intent, quota)
        case Resize():
            return resizes.resize(intent, ledger)
        case Rebuild():
            return rebuilds.rebuild(ledger)


def advance(task: Task, answer: Answer) -> Step:
    """The step after this answer. Raises TypeError for an answer that the request cannot have."""
    match task:
        case Growing():
            return grows.advance(task, answer)
        case Draining():
            return drains.advance(task, answer)
        case Pressing():
            return presses.advance(task, answer)
        case Settling():
            return settles.advance(task, answer)
        case Resizing():
            return resizes.advance(task, answer)
        case Rebuilding():
            return rebuilds.advance(task, answer)
