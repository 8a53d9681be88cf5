from __future__ import annotations

from cotenant.api.markdown import cell


def test_a_cell_is_one_line_in_which_nothing_is_a_tag_or_the_end_of_the_cell():
    assert cell("a\n  b") == "a b"
    assert cell("<name> | x") == "\\<name> \\| x"
    assert cell("0<=x<=9") == "0<=x<=9"
    assert cell("2\u00a0quotas") == "2&nbsp;quotas"
