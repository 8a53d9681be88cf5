from __future__ import annotations

from cotenant.cli.top import SHOWN, noted
from cotenant.model.accounts import Accounts
from unit.judge.books import NOW


def without_quota(number: int) -> list[Accounts]:
    return [Accounts(tenant=f"t{one}", now=NOW, hard={}) for one in range(number)]


def test_what_holds_of_many_tenants_is_said_once():
    (line,) = noted(without_quota(SHOWN + 2))
    assert line.startswith("t0, t1, t2, t3, t4 and 2 more: the tenant has no quota")


def test_of_one_tenant_each_remark_is_a_note():
    (line,) = noted(without_quota(1))
    assert line.startswith("note: tenant t0 has no quota")
