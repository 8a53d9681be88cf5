"""Tables, ages and documents."""

from datetime import UTC, datetime

import pytest
import yaml

from cotenant.cli.view.output import age, document, paint, table, write, yaml_text

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_table_looks_like_kubectls():
    text = table(("NAME", "READY", "AGE"), [["backend", "True", "5d"], ["a", "", "12m"]])
    assert text == "NAME      READY   AGE\nbackend   True    5d\na         -       12m"


def test_a_table_without_headers_has_the_same_columns():
    assert table(("NAME", "AGE"), [["backend", "5d"]], headers=False) == "backend   5d"
    assert table(("NAME",), [], headers=False) == ""


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-11-21T11:59:15Z", "45s"),
        ("2026-11-21T11:58:15Z", "105s"),
        ("2026-11-21T11:48:00Z", "12m"),
        ("2026-11-21T07:00:00Z", "5h"),
        ("2026-11-18T11:00:00Z", "3d"),
        ("2026-11-21T12:00:09Z", "0s"),
        (None, "<unknown>"),
    ],
)
def test_an_age_is_short(since, text):
    assert age(since, NOW) == text


def test_json_carries_our_version(capsys):
    write(document("TenantList", items=[]), "json")
    assert '"apiVersion": "cli.cotenant.dev/v1"' in capsys.readouterr().out


def test_yaml_repeats_what_is_there_twice_and_keeps_the_order_of_keys():
    same = {"z": 1, "a": 2}
    text = yaml_text({"one": same, "two": same}, {"x": "2026-11-21", "y": "yes"})
    assert "&" not in text
    assert text.index("z:") < text.index("a:")
    assert list(yaml.safe_load_all(text))[1] == {"x": "2026-11-21", "y": "yes"}


def test_no_colour_where_nobody_looks_or_nobody_wants_it(monkeypatch):
    assert paint("x", "red") == "x"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert paint("x", "red") != "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "red") == "x"
