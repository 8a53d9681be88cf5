"""Broken files are read to their end, and what aws-auth holds has its lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cotenant.cli.manifests.mending import read

AUTH = "kind: ConfigMap\nmetadata: {name: aws-auth}\ndata:\n  mapRoles: "


def test_every_line_that_can_be_mended_is_and_told_once():
    found = read("t", "a: \u201cx\u201d\n---\nb:\n- c: 1\n d: 2\n---\ne: [\n")
    assert [(one.line, where) for one, where in found.faults] == [(1, "document"), (5, "document"), (7, "document")]
    assert [one.value for one in found.documents] == [{"a": "x"}, {"b": [{"c": 1, "d": 2}]}]
    assert found.lines[0] == 'a: "x"' and found.lines[4] == "  d: 2"


def test_a_text_of_aws_auth_is_read_with_its_lines_and_columns():
    (one,) = read("t", f"{AUTH}|\n\n    - rolearn: x\n      groups: [a]\n").documents
    path = ("data", "mapRoles", 0, "groups", 0)
    assert (one.at(path), one.spans[path].column) == (7, 15)
    assert one.value["data"] == {"mapRoles": [{"rolearn": "x", "groups": ["a"]}]}


def test_a_text_in_another_style_is_read_and_its_lines_are_not_guessed():
    for text in (">\n    - rolearn: x\n", '"- rolearn: x"\n', "|-2\n    - rolearn: x\n"):
        (one,) = read("t", AUTH + text).documents
        assert one.value["data"] == {"mapRoles": [{"rolearn": "x"}]}, text
        assert one.at(("data", "mapRoles", 0, "rolearn")) in (4, 5)


def test_a_broken_text_of_aws_auth_names_its_section_and_line():
    ((problem, where),) = read("t", f"{AUTH}|\n    - rolearn: 'x\n").faults
    assert (problem.line, where) == (5, "mapRoles")


@given(st.text(st.sampled_from("ab:-[]{}'\"\u201c\u201d|>&*#!, \t\n"), max_size=60))
def test_no_text_is_too_odd_to_be_read(text):
    found = read("t", text)
    assert len(found.lines) == len(text.splitlines())
    again = read("t", "\n".join(found.lines))
    assert [one.value for one in again.documents] == [one.value for one in found.documents]
