from __future__ import annotations

from structlog.testing import capture_logs

from cotenant.runtime.recognition import AGAIN, Recognition


class Scene:
    def __init__(self) -> None:
        self.now, self.passed = 5.0, 0
        self.known = Recognition(self.take, lambda: self.now)

    def take(self, _method: str, _code: int, _seconds: float) -> None:
        self.passed += 1

    def answers(self, *codes: int) -> list[str]:
        """The levels of what is logged meanwhile."""
        with capture_logs() as said:
            for code in codes:
                self.known("GET", code, 0.1)
        return [one["log_level"] for one in said]


def test_a_token_that_is_refused_is_an_error_once_a_minute_and_a_reason_not_to_be_ready():
    scene = Scene()
    assert scene.answers(200) == [] == scene.known.problems()
    assert scene.answers(401, 401, 0) == ["error"]
    scene.now += AGAIN
    assert scene.answers(401, 401) == ["error"]
    (problem,) = scene.known.problems()
    assert problem.startswith(f"the API server answers 401 for {AGAIN:.0f} s: the token")


def test_any_other_answer_ends_it_and_the_next_refusal_is_told_at_once():
    scene = Scene()
    scene.answers(401)
    assert scene.answers(403) == ["info"]
    assert scene.known.problems() == []
    assert scene.answers(401) == ["error"]


def test_an_answer_is_passed_on_unless_it_is_only_heard():
    scene = Scene()
    scene.answers(200, 401)
    scene.known.heard("PUT", 401, 0.1)
    assert scene.passed == 2
