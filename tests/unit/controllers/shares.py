"""Who holds what of a tenant's quota, on a cluster in a dict."""

from __future__ import annotations

from typing import Any

from unit.controllers.play import Play

PODS = {"quota": {"hard": {"pods": 8}}}


def hard(play: Play, space: str, key: str = "pods") -> int:
    return int(play.cluster.there("ResourceQuota", "cotenant", f"red-{space}")["spec"]["hard"][key])


def total(play: Play) -> int:
    return sum(hard(play, name.removeprefix("red-")) for name in spaces(play))


def spaces(play: Play) -> list[str]:
    return sorted(key[1] for key in play.cluster.objects if key[0] == "ResourceQuota" and key[1] != "home-red")


def ledger(play: Play, name: str = "pods") -> dict[str, Any]:
    found: dict[str, Any] = play.cluster.there("TenantLedger", name, "home-red")["spec"]
    return found


def allocated(play: Play) -> dict[str, int]:
    return {one["space"]: one["allocation"] for one in ledger(play).get("entries", ())}


async def opened(play: Play, *names: str, **spec: Any) -> None:
    """Tenant red with these spaces, everything in place; a minute later."""
    play.tenant(**(PODS | spec))
    await play.one("tenant", "red")
    for name in names:
        play.space(name)
    await play.settle()
    play.wait(60)
    await play.one("ledger", "red")
    play.cluster.calls.clear()


async def uses(play: Play, space: str, amount: int) -> None:
    """Charges, as the API server makes them: never above status.hard."""
    there = play.cluster.there("ResourceQuota", "cotenant", f"red-{space}")
    assert amount <= int(there["status"]["hard"]["pods"]), "refused"
    play.cluster.change("ResourceQuota", "cotenant", f"red-{space}", status={"used": {"pods": str(amount)}})
    await play.one("ledger", "red")


def sets(
    play: Play, space: str, replicas: int, *, refused: bool = False, kind: str = "ReplicaSet", **status: Any
) -> None:
    """A ReplicaSet of pods without requests."""
    message = 'pods "w-x" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=1, limited: pods=1'
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"resources": {}}]}}}
    found = status | ({"conditions": [condition]} if refused else {})
    play.cluster.put(kind, "w", f"red-{space}", spec=spec, status=found)
