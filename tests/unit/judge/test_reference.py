from __future__ import annotations

import pytest

from cotenant.judge import reference
from cotenant.judge.reasons import REASONS


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_says_what_to_do(reason: str) -> None:
    text = REASONS[reason]
    assert text.endswith(".")
    assert 10 < len(text) < 300
    assert f"| `{reason}` |" in reference.page()
