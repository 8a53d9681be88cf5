"""Rows of `cotenant get`, and those that come later."""

from __future__ import annotations

import pytest

from cotenant.cli.view.listing import Listing


def tenant(name: str, **spaces: int) -> dict:
    return {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name, "managedFields": [{"manager": "x"}]},
        "spec": {"members": [{"role": "owner", "group": "devs"}]},
        "status": {"spaces": {"ready": 0, "total": 0, **spaces}} if spaces else {},
    }


def test_a_change_stands_below_its_column(capsys):
    listing = Listing("Tenant", None, headers=True)
    listing.show([tenant("a-long-name", ready=1, total=2)])
    listing.follow(tenant("b", ready=2, total=2))
    head, first, later = capsys.readouterr().out.splitlines()
    assert later.index("2/2") == first.index("1/2") == head.index("SPACES")


def test_the_first_row_brings_the_headers_if_there_was_none(capsys):
    listing = Listing("Tenant", None, headers=True)
    listing.show([])
    listing.follow(tenant("a"))
    listing.follow(tenant("b"))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["NAME", "a", "b"]


def test_the_limit_is_the_one_in_force(capsys):
    Listing("Tenant", "wide", headers=False).show([tenant("a", limit=7)])
    assert capsys.readouterr().out.split()[8] == "7"


@pytest.mark.parametrize(("output", "said"), [("name", "tenant.cotenant.dev/a"), ("json", "{"), ("yaml", "---")])
def test_a_change_is_a_document_of_its_own(capsys, output, said):
    Listing("Tenant", output, headers=True).follow(tenant("a"))
    out = capsys.readouterr().out
    assert out.splitlines()[0] == said
    assert "managedFields" not in out
