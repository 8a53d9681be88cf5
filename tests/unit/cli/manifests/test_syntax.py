"""Broken YAML, each with the line and what to write instead, word for word."""

import pytest

from cotenant.cli.manifests.document import documents
from cotenant.model.document import Document, Problem

BROKEN = {
    "a curly quote at both ends": (
        "spec:\n  displayName: “Backend”\n",
        '2: curly quotes are letters to YAML: “Backend”; write "Backend"',
    ),
    "a curly apostrophe around a key": (
        "\u2018spec\u2019:\n  a: 1\n",
        '1: curly quotes are letters to YAML: \u2018spec\u2019; write "spec"',
    ),
    "a no-break space behind a colon": (
        "spec:\n  displayName:\u00a0Backend\n  profile: x\n",
        "2: a no-break space is a letter to YAML; write an ordinary one: displayName: Backend",
    ),
    "no-break spaces as indentation": (
        "spec:\n\u00a0\u00a0profile: x\n",
        "2: a no-break space is a letter to YAML; write an ordinary one: profile",
    ),
    "curly quotes that break the line": (
        "spec:\n  naming: “{tenant}: x”\n",
        '2: curly quotes “” are letters to YAML; write naming: "{tenant}: x"',
    ),
    "a tab": ("spec:\n\tmembers: []\n", "2: a tab indents this line; YAML wants spaces: write 2 spaces"),
    "a tab before a list item": (
        "spec:\n  members:\n\t- role: owner\n",
        "3: a tab indents this line; YAML wants spaces: write 4 spaces",
    ),
    "a list item too far out": (
        "spec:\n  members:\n  - role: owner\n    group: a\n - role: viewer\n   group: b\n",
        "5: this list item is indented by 1, and the items beside it by 2: write 2 spaces",
    ),
    "S0-12: name: too far out": (
        "subjects:\n- kind: User\n name: arn:aws:iam::123456789012:role/X\n  apiGroup: rbac.authorization.k8s.io\n",
        "3: `name:` is indented by 1, and `kind:` by 2: write 2 spaces",
    ),
    "name: too far in": (
        "subjects:\n- kind: User\n   name: x\n",
        "3: `name:` is indented by 3, deeper than `kind:`, which has a value already; write 2 spaces",
    ),
    "a key below a value": (
        "spec:\n  a: 1\n    b: 2\n",
        "3: `b:` is indented by 4, deeper than `a:`, which has a value already; write 2 spaces",
    ),
    "a text without end": (
        'spec:\n  displayName: "Backend\n  profile: x\n',
        '2: the text that begins here with " does not end; close it with "',
    ),
    "a list without end": (
        "a: [1, 2\nb: 3\n",
        "1: the list that begins here with [ does not end; close it with ]; or a comma is missing before the next part",
    ),
    "a pattern that YAML takes for a map": (
        "spec:\n  spaces:\n    naming: {tenant}-{space}\n",
        '3: a value that begins with { is a map to YAML; write "{tenant}-{space}"',
    ),
    "a colon without space": ("spec:\n  limit:5\n  naming: x\n", "2: a colon wants a space behind it; write limit: 5"),
    "a colon too many": (
        "spec:\n  displayName: Back: end\n",
        '2: a value with a colon and a space in it wants quotes; write displayName: "Back: end"',
    ),
    "a colon too few": ("spec\n  a: 1\n", "1: a key ends with a colon; write spec:"),
    "an at sign": ("a: @foo\n", "1: a value cannot begin with @; quote the whole value"),
    "a lone star": ("a: *b\n", "1: * begins an alias that nothing above defines; quote the value if the * is meant"),
    "a key that is there twice": (
        "spec: {}\nkind: a\nspec: {}\n",
        "3: spec is there twice, first in line 1; only one of them can hold",
    ),
    "a list for a manifest": ("- a\n- b\n", "1: a manifest is a map that begins with apiVersion and kind"),
    "an alias that repeats itself": (
        "a: &a\n  b: *a\n",
        "2: aliases repeat too much here; write the values out instead",
    ),
    "JSON without a comma": (
        '{"a": 1\n"b": 2}\n',
        "1: the map that begins here with { does not end; close it with }; or a comma is missing before the next part",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_yaml_is_answered_with_line_and_remedy(text, message):
    assert [str(one) for one in documents("t.yaml", text)] == [f"t.yaml:{message}"]


def test_a_broken_document_hides_nothing_of_the_others():
    text = '---\na: [\n---\nb: 1\n--- # the third\nc: "x\n...\n---\nd: 2\n'
    found = list(documents("t.yaml", text))
    assert [one.line for one in found if isinstance(one, Problem)] == [2, 6]
    assert [one.value for one in found if isinstance(one, Document)] == [{"b": 1}, {"d": 2}]


def test_lines_count_from_the_beginning_of_the_file():
    (found,) = documents("t.yaml", "# head\n---\n# more\n\nkind: Tenant\nspec:\n  members:\n  - role: owner\n")
    assert found.line == 5
    assert found.at(("spec", "members", 0, "role")) == 8
    assert found.at(("spec", "members", 0, "group")) == 8
    assert found.at(("spec", "nothing")) == 6


def test_values_are_what_kubectl_takes_them_for():
    text = "date: 2026-12-31\ntime: 10:30\nyes: yes\noctal: 0777\nquoted: '5'\nnull: ~\n"
    (found,) = documents("t.yaml", text)
    assert found.value == {
        "date": "2026-12-31",
        "time": "10:30",
        "yes": True,
        "octal": 511,
        "quoted": "5",
        "null": None,
    }


def test_a_merge_key_merges_and_the_own_value_wins():
    (found,) = documents("t.yaml", "x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  b: 2\n")
    assert found.value["y"] == {"a": 1, "b": 2}


def test_tabs_inside_json_are_no_fault():
    (found,) = documents("t.json", '{"a": 1,\n\t"b": [1,\n\t2]\n}')
    assert found.value == {"a": 1, "b": [1, 2]}


def test_curly_quotes_inside_a_quoted_text_are_letters_like_any_other():
    (found,) = documents("t.yaml", 'a: "the “best” team"\nb: Bob\u2019s\n')
    assert found.value == {"a": "the “best” team", "b": "Bob\u2019s"}


def test_aliases_cannot_blow_a_document_up():
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (found,) = documents("t.yaml", "\n".join(lines))
    assert "aliases repeat too much" in str(found)
