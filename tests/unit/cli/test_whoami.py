from __future__ import annotations

import pytest

from cotenant.cli.whoami import role_of
from unit.aws.conftest import Rig, rig

__all__ = ["rig"]
SESSION = "arn:aws:sts::111122223333:assumed-role/Dev/ann"


async def test_the_role_has_its_path_where_iam_tells(rig: Rig) -> None:
    role = rig.role("Dev", "/teams/a/")
    assert await role_of(SESSION) == role


async def test_without_iams_word_it_has_none(rig: Rig) -> None:
    rig.role("Dev", "/teams/a/")
    rig.aws.fail("GetRole", "AccessDenied", "nope", status=403, times=9)
    assert await role_of(SESSION) == "arn:aws:iam::111122223333:role/Dev"


@pytest.mark.parametrize("arn", ["", "arn:aws:iam::111122223333:user/ann"])
async def test_who_has_no_session_has_no_role(arn: str) -> None:
    assert await role_of(arn) == ""
