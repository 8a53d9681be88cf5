from __future__ import annotations

from cotenant.cli.view.usage import plain, space_rows, tenant_rows
from unit.judge.books import books

ODD = books({"a": (5368709118, 5368709118, 5368709118)}, key="limits.memory", limit=10 * 2**30)


def test_tables_have_amounts_that_can_be_read() -> None:
    assert tenant_rows([ODD]) == [("red", "limits.memory", "4.9Gi", "4.9Gi", "4.9Gi", "5.0Gi", "10Gi")]
    assert space_rows(ODD) == [("a", "limits.memory", "4.9Gi", "4.9Gi", "4.9Gi", "0", "10Gi")]


def test_documents_have_them_exactly() -> None:
    (one,) = plain(ODD)["resources"]
    assert (one["used"], one["headroom"], one["limit"]) == ("5368709118", "5368709122", "10Gi")
    assert one["spaces"][0]["used"] == "5368709118"
