from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from cotenant.model.refund import recount as r
from cotenant.model.refund.values import Refund, Stored, pairs

HARD = pairs({"pods": Fraction(10), "secrets": Fraction(5)})
LOW = pairs({"pods": Fraction(7), "secrets": Fraction(2)})
USED = pairs({"pods": Fraction(7), "secrets": Fraction(2), "x.deviceclass.resource.k8s.io/devices": Fraction(3)})
QUOTA = Stored(10, USED, HARD, (("pods", 4),))
LISTED = r.Listed(pairs({"pods": Fraction(1), "count/pods": Fraction(9)}), (("pods", 20), ("secrets", 21)))


def play(step: r.Step, *answers: r.Answer) -> r.Step:
    for answer in answers:
        assert isinstance(step, r.Recounting)
        step = r.advance(step, answer)
    return step


def request(step: r.Step) -> r.Request:
    assert isinstance(step, r.Recounting)
    return step.request


def test_it_reads_waits_lists_and_writes_what_exists() -> None:
    step: r.Step = r.begin(r.Recount())
    assert request(step) == r.GetQuota()
    step = play(step, r.Read(QUOTA))
    assert request(step) == r.Wait(r.WAIT)
    step = play(step, r.Waited())
    assert request(step) == r.ListObjects(("pods", "secrets"))
    step = play(step, LISTED)
    after = dict(USED) | {"pods": Fraction(1), "secrets": Fraction(0)}
    assert request(step) == Refund(10, pairs(after), (("pods", 20), ("secrets", 21)))
    assert play(step, r.Written(22)) == r.Finished(done=True)


def test_what_claims_may_be_charged_for_too_is_never_lowered_to_what_pods_ask_for() -> None:
    used = pairs({"pods": Fraction(7), "requests.example.com/gpu": Fraction(5)})
    for there, after in ((2, 5), (6, 6)):
        listed = r.Listed(pairs({"pods": Fraction(1), "requests.example.com/gpu": Fraction(there)}), (("pods", 20),))
        step = play(r.begin(r.Recount()), r.Read(Stored(10, used, HARD, ())), r.Waited(), listed)
        wanted = pairs({"pods": Fraction(1), "requests.example.com/gpu": Fraction(after)})
        assert request(step) == Refund(10, wanted, (("pods", 20),))


def test_whatever_moves_the_quota_ends_it() -> None:
    assert play(r.begin(r.Recount()), r.Read(QUOTA), r.Waited(), LISTED, r.Conflict()) == r.Finished(done=False)
    assert play(r.begin(r.Recount()), r.NotFound()) == r.Finished(done=False)


def test_a_quota_that_has_been_quiet_already_is_not_waited_for() -> None:
    assert isinstance(request(r.begin(r.Recount(), QUOTA)), r.ListObjects)


def test_a_frozen_one_takes_the_room_away_and_leaves_it_to_others_to_give_it_back() -> None:
    step = play(r.begin(r.Recount(freeze=True)), r.Read(QUOTA))
    assert request(step) == r.Freeze(LOW, 10)
    step = play(step, r.Written(12))
    assert request(step) == r.Wait(r.WAIT)
    step = play(step, r.Waited(), LISTED)
    assert getattr(request(step), "revision", 0) == 12
    assert play(step, r.Written(30)) == r.Finished(done=True)


def test_a_frozen_one_insists() -> None:
    step = play(r.begin(r.Recount(freeze=True)), r.Read(QUOTA), r.Conflict())
    assert request(step) == r.GetQuota()
    frozen = Stored(13, USED, LOW)
    step = play(step, r.Read(frozen), r.Waited(), LISTED, r.Conflict())
    # Somebody has raised it meanwhile, or taken more: it comes down again.
    step = play(step, r.Read(replace(QUOTA, revision=15)))
    assert request(step) == r.Freeze(LOW, 15)
    assert play(step, r.Written(16), r.Waited(), LISTED, r.Written(30)) == r.Finished(done=True)


def test_an_answer_to_another_question_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="Waited answers no GetQuota"):
        r.advance(r.begin(r.Recount()), r.Waited())
