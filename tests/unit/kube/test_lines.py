from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cotenant.kube.lines import Lines


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.lists(st.integers(0, 200)))
def test_however_the_bytes_arrive_the_lines_are_the_same(lines: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    cutter = Lines()

    found = [line for a, b in pairwise(edges) for line in cutter.feed(whole[a:b])]

    assert [line for line in lines if line] == found
    assert cutter.pending == 0


def test_what_has_no_newline_yet_waits() -> None:
    cutter = Lines()

    assert cutter.feed(b'{"a"') == []
    assert cutter.pending == 4
    assert cutter.feed(b':1}\n{"b"') == [b'{"a":1}']
    assert cutter.feed(b"") == []
    assert cutter.pending == 4


def test_a_line_of_64_mib_in_small_pieces_takes_linear_time() -> None:
    cutter, piece = Lines(), b"x" * 65_536
    for _ in range(1024):
        assert cutter.feed(piece) == []

    (line,) = cutter.feed(b"\n")

    assert len(line) == 64 * 2**20
