"""A group of a tenant that somebody has whom no tenant lists."""

from __future__ import annotations

from cotenant.model.iam.awsauth import read
from cotenant.model.iam.claims import SETS, Claim, merged
from cotenant.model.iam.entries import OWNED, Entry
from cotenant.model.iam.strays import of_aws_auth, of_entries, strays

ROLE = "arn:aws:iam::111122223333:role/"
RED, BLUE = "cotenant:red:editor", "cotenant:blue:owner"


def entry(name: str, *groups: str, **tags: str) -> Entry:
    return Entry(principal=ROLE + name, groups=groups, tags=tags)


def test_an_entry_gives_only_what_its_tenants_say():
    wished = merged([Claim("red", f"{ROLE}Dev", RED)], [])
    found = [entry("teams/Dev", RED, BLUE, **OWNED), entry("Ops", RED, "view"), entry("Mine", "view")]
    said = strays(of_entries(found), wished)
    assert [(one.principal, one.groups, one.ours, sorted(one.tenants)) for one in said] == [
        (f"{ROLE}Ops", (RED,), False, ["red"]),
        (f"{ROLE}teams/Dev", (BLUE,), True, ["blue"]),
    ]
    assert "aws eks update-access-entry" in said[0].remedy
    assert said[1].remedy == "cotenant iam apply"
    assert said[1].text == f"{ROLE}teams/Dev: its access entry gives it {BLUE}, and no tenant lists it"


def test_an_item_that_can_match_nobody_gives_nobody_anything():
    items = [f"- {{rolearn: '{ROLE}{name}', username: x, groups: ['{RED}', '{more}']}}" for name, more in (("Old", BLUE), ("teams/Dev", RED), ("Ops", "system:masters"))]  # fmt: skip
    said = strays(of_aws_auth(read({"mapRoles": "\n".join(items)})), merged([], []))
    assert [(one.principal, one.remedy.startswith("cotenant")) for one in said] == [
        (f"{ROLE}Old", True),
        (f"{ROLE}Ops", False),
    ]
    assert said[0].remedy == "cotenant iam apply --store aws-auth --prune"


def test_a_role_that_may_be_of_a_permission_set_is_left_out_while_nobody_can_tell():
    there = [entry("AWSReservedSSO_Team_0123456789abcdef", RED)]
    claim = Claim("red", f"{SETS}111122223333/Team", RED)
    assert strays(of_entries(there), merged([claim], None)) == []
    assert len(strays(of_entries(there), merged([claim], []))) == 1
