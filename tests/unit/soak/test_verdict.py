"""What the judge of the soak says of a few revisions, written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from soak.verdict import COUNTER, Change, Judge, Verdict

CHARGED = "charged over spec.hard"
SERVER, OPERATOR = "kube-apiserver", "cotenant-quota"
LIMIT = 4


def quota(hard: int, used: int | None = None, owners: tuple[str, ...] = (), key: str = "pods") -> dict[str, Any]:
    """A space's, and whose names its use bears. Who counted it first still owns the map and other keys."""
    fields: dict[str, dict[str, Any]] = {COUNTER: {".": {}, "f:services.nodeports": {}}}
    for owner in owners:
        fields.setdefault(owner, {})[f"f:{key}"] = {}
    managed: list[dict[str, Any]] = [
        {"manager": owner, "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:used": names}}}
        for owner, names in fields.items()
    ]
    # Whoever writes the spec owns nothing of the status.
    managed.append({"manager": OPERATOR, "operation": "Update", "fieldsV1": {"f:spec": {"f:hard": {f"f:{key}": {}}}}})
    status = {} if used is None else {"used": {key: str(used)}}
    metadata = {"namespace": "team-a", "name": "cotenant", "managedFields": managed}
    return {"metadata": metadata, "spec": {"hard": {key: str(hard)}}, "status": status}


def ledger(limit: int, **entries: int) -> dict[str, Any]:
    spaces = [{"space": f"team-{name}", "allocation": amount} for name, amount in entries.items()]
    return {"spec": {"resource": "pods", "limit": limit, "entries": spaces}}


def judged(*quotas: dict[str, Any] | None, key: str = "pods", real: bool = True) -> Verdict:
    """Of one space, revision by revision."""
    judge = Judge({key: LIMIT}, real=real)
    for number, one in enumerate(quotas, start=1):
        judge.take(Change(number, "quota", "team-a", one))
    return judge.found


@pytest.mark.parametrize("real", [True, False], ids=["strict", "native"])
def test_a_charge_above_spec_hard_is_a_violation(real: bool) -> None:
    found = judged(quota(1, 0, (COUNTER,)), quota(1, 2, (SERVER,)), real=real)
    assert found.violations == {CHARGED: 1}
    assert found.broken == ["revision 2: charged over spec.hard: pods team-a: 2 > 1"]


def test_a_charge_up_to_spec_hard_is_none() -> None:
    assert not judged(quota(2, 0, (COUNTER,)), quota(2, 2, (SERVER,))).violations


def test_what_the_quota_controller_counts_above_spec_hard_is_no_charge() -> None:
    found = judged(quota(1, 0, (SERVER,)), quota(1, 2, (COUNTER,)))
    assert not found.violations
    assert found.most_used == {"pods": 2}  # it was seen all the same


@pytest.mark.parametrize(
    "owners",
    [(), (OPERATOR,), ("ancient-changes",), (COUNTER, SERVER)],
    ids=["nobody", "the operator", "somebody", "two"],
)
def test_who_is_not_the_quota_controller_alone_has_charged(owners: tuple[str, ...]) -> None:
    assert judged(quota(1, 1, (SERVER,)), quota(1, 2, owners)).violations == {CHARGED: 1}


def test_a_quota_that_does_not_say_who_wrote_it_was_charged() -> None:
    silent = quota(1, 2)
    del silent["metadata"]["managedFields"]
    assert judged(quota(1, 1, (SERVER,)), silent).violations == {CHARGED: 1}


def test_each_key_has_an_owner_of_its_own() -> None:
    """The quota controller counted the services when an API server had charged a pod."""
    both = quota(1, 2, (SERVER,))
    both["status"]["used"]["count/services"] = "3"
    both["metadata"]["managedFields"][0]["fieldsV1"]["f:status"]["f:used"]["f:count/services"] = {}
    assert judged(quota(1, 1, (SERVER,)), both).violations == {CHARGED: 1}
    assert not judged(quota(1, 1, (SERVER,)), both, key="count/services").violations


def test_a_space_that_is_pressed_to_less_than_it_uses_was_not_charged() -> None:
    found = judged(quota(4, 4, (SERVER,)), quota(2, 4, (SERVER,)), quota(2, 3, (OPERATOR,)), None)
    assert not found.violations


def test_sums_are_held_against_the_ledger_and_against_the_largest_limit_while_there_is_none() -> None:
    judge = Judge({"pods": LIMIT}, real=False)
    judge.take(Change(1, "quota", "team-a", quota(4, 4, (COUNTER,))))
    assert not judge.found.violations
    judge.take(Change(2, "ledger", "pods", ledger(3, a=3)))
    assert judge.found.violations == {"use over the limit": 1, "hard over the limit": 1, "hard over the allocation": 1}
    judge.take(Change(3, "ledger", "pods", ledger(3, a=4)))
    assert judge.found.violations["allocated over the ledger's limit"] == 1
    # While it is rebuilt it limits nothing yet.
    closed = ledger(3, a=4)
    closed["spec"]["rebuilding"] = True
    seen = dict(judge.found.violations)
    judge.take(Change(4, "ledger", "pods", closed))
    assert judge.found.violations == seen


def test_what_the_quota_controller_counts_is_within_the_tenants_limit_too() -> None:
    assert judged(quota(4, 4, (SERVER,)), quota(4, 5, (COUNTER,))).violations == {"use over the limit": 1}


@pytest.mark.parametrize(
    ("real", "said"), [(True, {"objects over the limit": 1}), (False, {})], ids=["strict", "native"]
)
def test_objects_above_the_limit_are_a_violation_under_strict_accounting(real: bool, said: dict[str, int]) -> None:
    judge = Judge({"pods": LIMIT}, real=real)
    for number in range(LIMIT + 1):
        judge.take(Change(number, "pod", f"team-a/p{number}", {}))
    assert judge.found.violations == said
    assert judge.found.most_real == {"pods": LIMIT + 1}
