from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cotenant.model.iam.awsauth import read
from cotenant.model.iam.claims import Wish
from cotenant.model.iam.edit import edit

ACCOUNT = "arn:aws:iam::111122223333"
NODES = """\
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/node-role      # the nodes
  username: system:node:{{EC2PrivateDNSName}}
"""
ADMIN = f"- {{rolearn: '{ACCOUNT}:role/Admin', username: admin, groups: [system:masters]}}\n"
OURS = f"""\
- rolearn: {ACCOUNT}:role/Team
  username: team:{{{{SessionName}}}}
  groups:
  - cotenant:team:owner
"""


def wish(name: str = "role/Team", username: str = "team:{{SessionName}}", *groups: str) -> Wish:
    return Wish(f"{ACCOUNT}:{name}", username, groups or ("cotenant:team:owner",), ("team",))


def who(data: dict[str, str]) -> dict[str, tuple[str, list[str]]]:
    """Identities by a reading of their own: PyYAML's values. By libyaml, like Go's parser: a tab may stand in a list there."""
    found = {}
    for section, key in (("mapRoles", "rolearn"), ("mapUsers", "userarn")):
        for item in yaml.load(data.get(section) or "", Loader=yaml.CSafeLoader) or []:
            fields = {name.lower(): value for name, value in item.items()} if isinstance(item, dict) else {}
            if fields.get(key):
                groups = fields.get("groups")
                found[fields[key].lower()] = (
                    str(fields.get("username") or ""),
                    [str(one) for one in groups] if isinstance(groups, list) else [],
                )
    return found


def test_an_item_is_added_behind_the_last_one_and_every_byte_before_it_stays() -> None:
    found = edit({"mapRoles": NODES + "# the end\n"}, [wish()])
    assert not found.refused
    assert found.data["mapRoles"] == NODES + OURS + "# the end\n"


def test_what_was_added_is_removed_again_and_nothing_is_left_of_it() -> None:
    before = {"mapRoles": NODES + "\n# more\n" + ADMIN, "other": "kept"}
    after = edit(before, [wish(), wish("user/bob", "bob")])
    assert set(after.data) == {"mapRoles", "mapUsers", "other"}
    assert edit(after.data, []).data == before | {"mapUsers": ""}


def test_a_role_loses_its_path_and_a_user_keeps_his() -> None:
    sso = "role/aws-reserved/sso.amazonaws.com/eu-north-1/AWSReservedSSO_PowerUserAccess_b0ad9936c75e5bcc"
    found = edit({}, [wish(sso), wish("user/teams/bob", "bob")])
    assert sorted(who(dict(found.data))) == [
        f"{ACCOUNT}:role/awsreservedsso_poweruseraccess_b0ad9936c75e5bcc",
        f"{ACCOUNT}:user/teams/bob",
    ]


def test_an_item_that_changes_keeps_its_place_and_the_comments_between_its_lines() -> None:
    text = OURS.replace("  groups:\n", "  # asked for by ann\n  groups:\n") + NODES
    found = edit({"mapRoles": text}, [wish("role/Team", "team:{{SessionName}}", "cotenant:team:viewer")])
    assert found.data["mapRoles"] == OURS.replace("owner", "viewer") + "  # asked for by ann\n" + NODES


@pytest.mark.parametrize(
    "broken",
    [
        "- rolearn: [",
        "rolearn: x",
        "- rolearn: a\n  rolearn: b\n",
        "- <<: *x\n",
        "- a\n---\n- b\n",
        "- rolearn: a\u2028\n",
        "[" * 100_000,
        "- &a [*a]\n" * 3 + "- *b\n",
        "\t- x",
    ],
)
def test_a_section_that_cannot_be_read_is_never_written(broken: str) -> None:
    data = {"mapRoles": broken, "mapUsers": ""}
    found = edit(data, [wish(), wish("user/bob", "bob")])
    assert found.refused[0].startswith("mapRoles, line ")
    assert found.data is data
    assert not found.changes


@pytest.mark.parametrize(
    "empty", ["", '""', "''", "``", "[]", "# nothing yet\n", "null", "# nothing yet", "[ ] # none"]
)
def test_an_empty_section_in_any_spelling_takes_an_item(empty: str) -> None:
    found = edit({"mapRoles": empty}, [wish()])
    assert not found.refused
    assert list(who(dict(found.data))) == [f"{ACCOUNT}:role/team"]
    if "#" in empty:
        assert "# no" in found.data["mapRoles"]


def test_somebody_elses_item_for_the_principal_is_neither_touched_nor_shadowed() -> None:
    theirs = f"- rolearn: {ACCOUNT}:role/TEAM\n  username: theirs\n  groups: [view]\n"
    found = edit({"mapRoles": theirs}, [wish()])
    assert found.data == {"mapRoles": theirs}
    assert [one.action for one in found.changes] == ["conflict"]
    assert "line 1 maps it already" in found.changes[0].why


def test_an_item_of_ours_that_somebody_gave_more_is_his_from_then_on() -> None:
    more = OURS + "  - view\n"
    assert edit({"mapRoles": more}, []).writes == ()
    assert [one.action for one in edit({"mapRoles": more}, [wish()]).changes] == ["keep"]
    nodes = OURS.replace("team:{{SessionName}}", "system:node:{{SessionName}}")
    assert edit({"mapRoles": nodes}, []).writes == ()


def test_the_identity_in_use_is_neither_removed_nor_changed() -> None:
    me = f"{ACCOUNT}:role/team"
    for wishes in ([], [wish("role/Team", "other:{{SessionName}}")]):
        found = edit({"mapRoles": OURS}, wishes, me)
        assert found.data == {"mapRoles": OURS}
        assert "signed in by it" in found.changes[0].why


def test_only_the_principals_in_question_are_looked_at() -> None:
    other = wish("role/Other")
    found = edit({"mapRoles": OURS}, [other], only=frozenset({other.key}))
    assert [(one.action, one.principal) for one in found.changes] == [("add", f"{ACCOUNT}:role/Other")]


def test_nothing_to_do_is_no_write() -> None:
    data = {"mapRoles": NODES + OURS}
    assert edit(data, [wish()]).data == data
    assert edit(data, [wish()]).writes == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OURS.replace("- rolearn", "- &mine\n  rolearn"), "anchor"),
        (OURS.replace("team:{{SessionName}}", "'te\n    am'"), "several lines"),
    ],
)
def test_an_item_of_ours_that_a_person_rewrote_in_an_odd_way_is_left_to_him(text: str, reason: str) -> None:
    found = edit({"mapRoles": text}, [])
    assert reason in found.refused[0]
    assert found.data == {"mapRoles": text}


def test_a_config_map_does_not_grow_beyond_what_the_api_server_takes() -> None:
    found = edit({"mapRoles": NODES, "other": "x" * 999_900}, [wish()])
    assert "beyond 1000000 bytes" in found.refused[0]


def test_windows_line_ends_stay_windows_line_ends() -> None:
    found = edit({"mapRoles": NODES.replace("\n", "\r\n")}, [wish()])
    assert found.data["mapRoles"] == (NODES + OURS).replace("\n", "\r\n")


def test_duplicates_of_ours_become_one() -> None:
    found = edit({"mapRoles": OURS + NODES + OURS}, [wish()])
    assert found.data["mapRoles"] == NODES + OURS


def test_six_hundred_principals_are_added_and_removed_at_once() -> None:
    wishes = [wish(f"role/R{at}") for at in range(600)]
    full = edit({"mapRoles": NODES}, wishes)
    assert len(full.writes) == 600
    assert edit(full.data, []).data["mapRoles"] == NODES


# What people write: pieces of a section, each a foreign text, one of ours, or a comment.
NAMES = st.text("abcdefghij-_.", min_size=1, max_size=8).map(lambda text: f"x{text}")
SPACES = st.sampled_from(["", "  ", "    "])
COMMENTS = st.sampled_from(["# keep, this: [too]\n", "\n", "   # é\U0001f600 indented\n", "# - rolearn: x\n"])


def quoted(text: str, style: str) -> str:
    return {"plain": text, "single": f"'{text}'", "double": json.dumps(text)}[style]


@st.composite
def items(draw: st.DrawFn, *, ours: bool) -> str:
    """An item with its dash in the first column."""
    style = draw(st.sampled_from(["plain", "single", "double"]))
    name = draw(NAMES)
    group = f"cotenant:t:{draw(st.sampled_from(['owner', 'viewer']))}" if ours else draw(NAMES)
    arn = quoted(f"{ACCOUNT}:role/{'Own' if ours else 'Their'}{name}", style)
    key = draw(st.sampled_from(["rolearn", "roleARN", "roleArn"]))
    groups = draw(st.sampled_from(["block", "flow"]))
    tail = draw(st.sampled_from(["", "   # tail", " "]))
    if draw(st.booleans()) and groups == "flow":
        return f"- {{{key}: {json.dumps(json.loads(quoted(f'{ACCOUNT}:role/Flow{name}' if not ours else f'{ACCOUNT}:role/Own{name}', 'double')))}, username: u, groups: [{quoted(group, 'double')}]}}{tail}\n"
    listed = f"  groups: [{group}]{tail}\n" if groups == "flow" else f"  groups:\n{draw(SPACES)[:2]}  - {group}{tail}\n"
    middle = "" if ours or draw(st.booleans()) else "  userid: AROAEXAMPLE\n  unknown: {a: [b]}\n"
    comment = draw(st.sampled_from(["", "  # inside\n"]))
    return f"- {key}: {arn}\n  username: {quoted('u:{{SessionName}}', style)}\n{comment}{middle}{listed}"


@st.composite
def sections(draw: st.DrawFn) -> tuple[str, list[str], bool]:
    """(text, foreign texts in order, whether it ends in a newline)."""
    pieces, foreign = [], []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["foreign", "ours", "mixed", "comment", "odd"]))
        if kind == "comment":
            pieces.append(draw(COMMENTS))
            foreign.append(pieces[-1].strip())
        elif kind == "odd":
            pieces.append(
                draw(
                    st.sampled_from(
                        [
                            "- null\n",
                            "- rolearn: ''\n  groups: x\n",
                            "- just a text\n",
                            "- sso: {permissionSetName: a}\n",
                        ]
                    )
                )
            )
            foreign.append(pieces[-1].rstrip())
        elif kind == "mixed":  # ours once; somebody gave it more
            name = draw(NAMES)
            pieces.append(f"- rolearn: {ACCOUNT}:role/Mixed{name}\n  username: u\n  groups: [cotenant:t:owner, view]\n")
            foreign.append(pieces[-1].rstrip())
        else:
            pieces.append(draw(items(ours=kind == "ours")))
            if kind == "foreign":
                foreign.append(pieces[-1].rstrip())
    pad = draw(SPACES)
    text = "".join(pad + line if line.strip() else line for line in "".join(pieces).splitlines(keepends=True))
    kept = ["\n".join(pad + line if line.strip() else line for line in one.split("\n")).strip() for one in foreign]
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return text, kept, True


WISHES = st.lists(
    st.builds(
        lambda name, user, groups: Wish(f"{ACCOUNT}:role/Own{name}", user, tuple(sorted(groups)), ("t",)),
        NAMES,
        st.sampled_from(["u:{{SessionName}}", "other:{{SessionName}}", "yes", "a: b #c"]),
        st.sets(st.sampled_from(["cotenant:t:owner", "cotenant:t:viewer", "cotenant:s:owner"]), min_size=1),
    ),
    max_size=4,
    unique_by=lambda one: one.key,
)


@settings(max_examples=150, deadline=None)
@given(section=sections(), wishes=WISHES)
def test_an_edit_changes_exactly_our_items_or_nothing(section: Any, wishes: list[Wish]) -> None:
    text, foreign, _ = section
    before = {"mapRoles": text, "mapAccounts": '- "012345678901"\n'}
    found = edit(before, wishes)
    assert not read(before).faults, read(before).faults
    assert not found.refused, found.refused
    assert all(one.action != "conflict" for one in found.changes)
    new = found.data["mapRoles"]
    # Texts of others: all there, in order, byte for byte.
    at = 0
    for one in foreign:
        at = new.index(one, at) + len(one)
    theirs = {key: value for key, value in who(before).items() if ":role/own" not in key}
    ours = {one.key: (one.username, list(one.groups)) for one in wishes}
    have = who(dict(found.data))
    assert {key: (user, sorted(groups)) for key, (user, groups) in have.items() if key in ours} == ours
    assert {key: value for key, value in have.items() if key not in ours} == theirs
    assert found.data["mapAccounts"] == before["mapAccounts"]
    assert edit(found.data, wishes).writes == ()
    assert edit(found.data, wishes).data == found.data


@settings(max_examples=80, deadline=None)
@given(
    section=sections(),
    junk=st.sampled_from(["- a: [\n", "a: b\n", "- 'x\n", "\t-\n", "- *nobody\n", "%!\n", "- b: c: d\n"]),
    wishes=WISHES,
)
def test_a_broken_section_anywhere_stops_the_whole_edit(section: Any, junk: str, wishes: list[Wish]) -> None:
    before = {"mapUsers": section[0] + "\n" + junk, "mapRoles": NODES}
    if not read(before).faults:
        return  # the junk was a comment's or a text's end
    found = edit(before, wishes)
    assert found.refused
    assert found.data is before


@settings(max_examples=150, deadline=None)
@given(text=st.text("-[]{}:,#&*!|>'\"%@` \n\trolean01", max_size=60), wishes=WISHES)
def test_any_text_at_all_is_edited_rightly_or_left_alone(text: str, wishes: list[Wish]) -> None:
    before = {"mapRoles": text}
    found = edit(before, wishes)
    if found.refused:
        assert found.data is before
        return
    if not wishes:
        # Not every text that stands for nothing is YAML.
        assert found.data == before
        return
    have = who(dict(found.data))
    assert all(have[one.key] == (one.username, list(one.groups)) for one in wishes)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=5, unique=True),
    gaps=st.lists(st.sampled_from([", ", ",\n  ", " , # a, b\n "]), min_size=5, max_size=5),
    trailing=st.sampled_from(["", ",", " # z,\n"]),
    keep=st.integers(0, 4),
)
def test_a_list_in_brackets_stays_one(names: list[str], gaps: list[str], trailing: str, keep: int) -> None:
    shapes = [
        json.dumps(
            {
                "rolearn": f"{ACCOUNT}:role/{one}",
                "username": "u",
                "groups": ["cotenant:t:owner" if at != keep else "view"],
            }
        )
        for at, one in enumerate(names)
    ]
    text = "["
    for at, one in enumerate(shapes):
        text += one + (gaps[at] if at < len(shapes) - 1 else trailing)
    text += "]\n"
    found = edit({"mapRoles": text}, [wish()])
    assert not found.refused, (text, found)
    left = {f"{ACCOUNT}:role/{one}" for at, one in enumerate(names) if at == keep}
    assert set(who(dict(found.data))) == left | {f"{ACCOUNT}:role/team"}
    for gap in gaps[: len(names) - 1]:
        if "#" in gap:
            assert "# a, b" in found.data["mapRoles"]


def test_while_the_roles_of_a_permission_set_are_not_known_its_items_stay() -> None:
    name = "role/AWSReservedSSO_Team_b0ad9936c75e5bcc"
    data = edit({"mapRoles": ""}, [wish(name)]).data
    assert edit(data, [], unsure=["permission-set 111122223333/Team"]).data == data
    assert edit(data, [], unsure=["permission-set 111122223333/Tea"]).data == {"mapRoles": ""}
