"""What the import prints is run by somebody's shell."""

from __future__ import annotations

import shlex

from cotenant.model.iam.awsauth import read
from cotenant.model.iam.migration import Proposal, migration

ROLE = "arn:aws:iam::111122223333:role/Dev"


def test_nothing_that_stands_in_aws_auth_gets_out_of_its_word() -> None:
    [one] = Proposal(ROLE, username="x'; touch /pwned; '", groups=("a b", "$(id)", "'`id`'")).commands("red")
    words = shlex.split(one)
    assert words[words.index("--username") + 1] == "x'; touch /pwned; '"
    assert words[words.index("--kubernetes-groups") + 1 :] == ["a b", "$(id)", "'`id`'"]
    assert words[words.index("--principal-arn") + 1] == ROLE


def test_an_item_whose_arn_is_none_is_left_and_named() -> None:
    items = "- rolearn: \"arn:aws:iam::111122223333:role/x'$(id)'\"\n  username: x\n"
    found = migration(read({"mapRoles": items}), {})
    assert (found.proposals, len(found.left)) == ((), 1)
    assert "is no ARN of an IAM principal" in found.left[0]


def test_who_has_an_entry_already_gets_no_command_that_would_fail() -> None:
    found = migration(read({"mapRoles": f"- rolearn: {ROLE}\n  username: x\n"}), {}, {ROLE.lower()})
    assert found.proposals == ()
    assert "has an access entry already" in found.left[0]
