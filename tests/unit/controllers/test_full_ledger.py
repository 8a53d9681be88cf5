"""A tenant whose ledger has as many entries as it may have, by the controllers; whose namespaces outlived their Spaces."""

from __future__ import annotations

from cotenant.api.keys import COTENANT, MANAGED_BY, SPACE, TENANT, home_of
from cotenant.judge.accounts import remarks
from cotenant.model.accounts import Accounts
from cotenant.model.escrow.values import MOST
from unit.controllers.play import Play
from unit.controllers.shares import allocated, hard, opened

OLD = [f"red-old{number:03}" for number in range(MOST - 1)]


def outlive(play: Play) -> None:
    """So many namespaces of the tenant without a Space that with the one space that there is the ledger is full."""
    pattern = play.cluster.there("ResourceQuota", "cotenant", "red-dev")
    keys = pattern["spec"]["hard"]
    nothing = dict.fromkeys(keys, "0")
    for name in OLD:
        marks = {TENANT: "red", MANAGED_BY: COTENANT, SPACE: name.removeprefix("red-")}
        play.cluster.put("Namespace", name, about={"labels": marks})
        status = {"hard": nothing, "used": nothing}
        play.cluster.put(
            "ResourceQuota", "cotenant", name, about={"labels": marks}, spec={"hard": nothing}, status=status
        )
    entries = [{"space": name, "allocation": 0} for name in ("red-dev", *OLD)]
    entries[0]["allocation"] = hard(play, "dev")
    play.cluster.change("TenantLedger", "pods", "home-red", spec={"entries": entries})


def told(play: Play) -> list[str]:
    """What `cotenant top` says beside the figures."""
    found = Accounts(
        tenant="red",
        now=play.now(),
        hard={"pods": 8},
        ledgers={one.spec.resource: one for one in play.world.ledgers.by("namespace", home_of("red"))},
        quotas={name: one for name in ("red-dev", "red-late", *OLD) if (one := play.world.quotas.get(name, COTENANT))},
    )
    return [one.topic for one in remarks(found)]


async def test_a_space_that_no_ledger_has_room_for_waits_is_told_and_comes_in_when_another_is_gone(play: Play) -> None:
    await opened(play, "dev", spaces={"limit": MOST})
    outlive(play)
    play.space("late")
    await play.one("space", "home-red/late")
    await play.one("quota", "red-late")
    play.counts("red-late")
    for _ in range(2):
        # Its status tells of the entries that were written by hand.
        await play.one("ledger", "red")
        play.wait(60)
    play.cluster.calls.clear()

    await play.one("ledger", "red")
    play.wait(60)
    result = await play.one("ledger", "red")

    assert len(allocated(play)) == MOST
    assert "red-late" not in allocated(play)
    assert hard(play, "dev") > hard(play, "late") == 0
    # Nothing is tried again and again, and nobody gives up something for who cannot have it.
    assert result.after is None
    assert [one for one in play.cluster.writes() if "TenantLedger" in one or "ResourceQuota" in one] == []
    await play.one("space", "home-red/late")
    assert play.ready("Space", "late")["status"] == "False"
    await play.one("tenant", "red")
    condition = play.condition("Tenant", "red", "QuotaSynced")
    assert (condition["status"], condition["reason"]) == ("False", "LedgerFull")
    assert condition["message"].startswith(
        f"pods: its ledger has {MOST} entries, the most there can be, and namespace red-late"
    )
    assert "ledger-full" in told(play)

    play.cluster.vanish("ResourceQuota", "cotenant", OLD[0])
    play.cluster.vanish("Namespace", OLD[0])
    for _ in range(2):
        await play.one("ledger", "red")
    assert OLD[0] not in allocated(play)
    assert allocated(play)["red-late"] == hard(play, "late") > 0
    assert sum(allocated(play).values()) <= 8
    await play.one("tenant", "red")
    assert play.condition("Tenant", "red", "QuotaSynced")["reason"] != "LedgerFull"
    assert "ledger-full" not in told(play)
