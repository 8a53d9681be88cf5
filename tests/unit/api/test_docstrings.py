from __future__ import annotations

import pytest
from msgspec import Struct

from cotenant.api import docstrings
from cotenant.api.space import SpaceSpec
from cotenant.api.tenant import Tenant, TenantSpec


def test_a_field_is_described_by_the_string_below_it():
    assert docstrings.of_field(SpaceSpec, "quota") == (
        "Floor and ceiling of this space, only tighter than the tenant's; and its weight."
    )


def test_an_inherited_field_is_described_where_it_was_written():
    assert docstrings.of_field(TenantSpec, "cordoned").startswith("While true, members change nothing: ")


def test_a_class_is_described_by_its_docstring():
    assert docstrings.of_class(Tenant).startswith("A team that shares the cluster")


def test_what_nobody_described_is_an_error():
    class Silent(Struct):
        a: bool

    with pytest.raises(docstrings.Undocumented, match=r"Silent\.a"):
        docstrings.of_field(Silent, "a")
    Silent.__doc__ = None
    with pytest.raises(docstrings.Undocumented, match="Silent"):
        docstrings.of_class(Silent)
