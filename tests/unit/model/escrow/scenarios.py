"""What is explored: two spaces, two leaders that may crash at any step, and one thing that goes wrong at a time."""

from __future__ import annotations

from dataclasses import replace

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.press import Press
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.settle import Settle
from cotenant.model.escrow.values import Limit
from unit.model.escrow import variants
from unit.model.escrow.board import NAMES, Tenant
from unit.model.escrow.explorer import Rules


def everyone(*kinds, **options):
    return tuple(kind(name, **options) for kind in kinds for name in NAMES)


def grows(*amounts, within=2, admit=False):
    return tuple(Grow(name, to, within, admit) for to in amounts for name in NAMES)


def drains(*amounts, within=2, guarded=True):
    return tuple(Drain(name, to, within, guarded) for to in amounts for name in NAMES)


CEILINGS = ({}, {"a": 0, "b": 1}, {"a": 1, "b": 0})
"""What the one knows who puts things in order at last: no task asks for a ceiling."""

TRANSFERS = Rules(grows(0, 1, 2) + drains(0, 1) + everyone(Settle))
"""Units go to and fro under the policy that binds every charge to spec.hard."""

PRESSED_TO_CEILINGS = replace(TRANSFERS, intents=(*TRANSFERS.intents, *everyone(Press, to=0), *everyone(Press, to=1)))
"""The same, and spec.hard comes down below what is used while the tenant's limit stays."""

UNGUARDED = replace(TRANSFERS, intents=grows(0, 1, 2) + drains(0, 1, guarded=False), native=True)
"""The same without that policy: a charge is bound to status.hard alone."""

FREEZING = replace(TRANSFERS, freezes=True)
"""Strict accounting holds spec.hard down for a recount, while units go to and fro."""
FREEZING_WHILE_LOST = Rules(
    (*grows(0, 1, within=1, admit=True), *drains(0, within=1), Rebuild()),
    Tenant(1, 1, losses=1),
    start=(1, 0),
    mirror=False,
    freezes=True,
)
"""The same while the ledger is lost: what is held down is not what the space had."""

CROWDED = Rules(grows(0, 1, within=1) + drains(0, within=1), Tenant(1, 1), leaders=3, start=(1, 0))
"""Two tasks that write the ledger together, and a third leader against them."""
CROWDED_WITH_TWO = replace(CROWDED, intents=grows(0, 2) + drains(0, 1), tenant=Tenant(2, 2), start=(1, 1))

OLD, NEW = Limit(2, ""), Limit(1, "0")
LOWERING = Rules(
    (*grows(2), *drains(0, within=1), Resize(NEW)),
    Tenant(2, 2, changes=(1,)),
)
"""The tenant's limit comes down once; some leaders have not heard of it."""
LOWERING_IN_FULL = replace(LOWERING, intents=grows(0, 2) + grows(0, 2, within=1) + drains(0) + drains(0, within=1) + everyone(Settle) + (Resize(OLD), Resize(NEW)))  # fmt: skip

PRESSING = replace(LOWERING, intents=(*LOWERING.intents, *everyone(Press, to=0)))
"""The same, and spec.hard comes down below what is used, by whoever has heard of it or has not."""
PRESSING_IN_FULL = replace(PRESSING, intents=(*PRESSING.intents, *grows(0), *grows(0, within=1)))

FLIPPING = Rules(
    (*grows(2), *grows(0, 2, within=1), *drains(0, within=1), *(Resize(Limit(*one)) for one in ((1, ""), (2, "1"), (1, "0")))),
    Tenant(1, 2, changes=(2, 1)),
    start=(1, 0),
)  # fmt: skip
"""The tenant's limit goes up and down again."""
FLIPPING_BRIEFLY = replace(FLIPPING, intents=(*grows(2), *FLIPPING.intents[-3:]))

LOSS = Rules(
    (*grows(0, 1, within=1, admit=True), *drains(0, within=1), Rebuild()),
    Tenant(1, 1, losses=2),
    start=(1, 0),
    mirror=False,
)
"""The ledger is lost, and lost again while it is being rebuilt."""
LOSS_OF_TWO = replace(LOSS, intents=grows(0, 2, admit=True) + drains(0, 1) + (Rebuild(),), tenant=Tenant(2, 2, losses=1), start=(1, 1))  # fmt: skip
LOSS_WHILE_PRESSED = replace(LOSS, intents=(*LOSS.intents, *everyone(Press, to=0)), tenant=Tenant(1, 1, losses=1))
"""The ledger is lost while a space uses more than its spec.hard says."""

LEAVING = Rules(
    (*grows(0, 1, within=1, admit=True), *drains(0, within=1), *everyone(Drain, to=0, within=1, retire=True)),
    Tenant(1, 1, moves=1),
    start=(1, 0),
)
"""A namespace goes, and comes again under the same name."""
LEAVING_AGAIN = replace(LEAVING, tenant=Tenant(1, 1, moves=2))
LEAVING_WITH_TWO = replace(LEAVING, intents=grows(0, 2, admit=True) + drains(0, 1) + everyone(Drain, to=0, within=2, retire=True), tenant=Tenant(2, 2, moves=1), start=(1, 1))  # fmt: skip

BAD = {
    "no announcement": replace(TRANSFERS, advance=variants.without_announcement),
    "the ledger before the quota": replace(
        TRANSFERS, begin=variants.begin_ledger_first, advance=variants.advance_ledger_first
    ),
    "no unconditional write": replace(TRANSFERS, advance=variants.without_unconditional_write),
    "a raise that is bound to spec.hard alone": replace(TRANSFERS, epochs=False),
    "status.hard in force and not waited for": replace(TRANSFERS, native=True),
    "a limit that is raised from memory": replace(FLIPPING, advance=variants.trusting_the_cache),
    "a limit that counts as followed by its number": replace(
        FLIPPING_BRIEFLY, tenant=Tenant(1, 2, changes=(2, 1), by_number=True)
    ),
    "a rebuild that does not fence": replace(LOSS, advance=variants.without_fence),
    "a rebuild that does not close the ledger": replace(LOSS, advance=variants.without_closing),
    "a rebuild that counts spec.hard alone": replace(
        LOSS_WHILE_PRESSED, advance=variants.rebuilding_from_spec_hard_alone
    ),
    "a space that leaves unannounced": replace(LEAVING, advance=variants.without_announcement),
    "a merged write that leaves out what it confirms": replace(
        TRANSFERS, merge=variants.merging_all_told_the_last_stored
    ),
    "a merged write of two changes of one space": replace(TRANSFERS, merge=variants.merging_what_concerns_one_space),
}
"""Each lacks one precaution, and must be found to overshoot."""
