"""Names of processes, told apart by the kernel: so these are processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from cotenant.runtime.identity import identity

CODE = """
import sys
from cotenant.runtime.identity import identity
with identity(sys.argv[1], {}) as name:
    print(name, flush=True)
    sys.stdin.read()
"""
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def one(of: str = "", folder: str = "") -> tuple[subprocess.Popen[str], str]:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, of or str(tmp_path)],
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield one
    for process in running:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    process.wait(10)


def test_a_second_process_at_the_same_place_has_a_name_of_its_own(start: Start) -> None:
    _, first = start()
    _, second = start()
    _, third = start()

    assert (second, third) == (f"{first}-2", f"{first}-3")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_restarted_process_has_its_name_again_also_beside_another_one(start: Start, how: signal.Signals) -> None:
    first, name = start()
    second, other = start()
    end(first, how)
    assert start()[1] == name

    end(second, how)
    assert start()[1] == other


def test_operators_of_two_clusters_do_not_share_numbers(start: Start) -> None:
    _, one = start("https://one.example.com")
    _, two = start("https://two.example.com")

    assert one == two


def test_another_folder_is_another_name(start: Start) -> None:
    assert start(folder="a")[1] != start(folder="b")[1]


def test_in_a_pod_it_is_the_name_of_the_pod() -> None:
    with (
        identity("x", {"POD_NAME": "cotenant-5d7-abc"}) as name,
        identity("x", {"POD_NAME": "cotenant-5d7-abc"}) as again,
    ):
        assert name == again == "cotenant-5d7-abc"


def test_where_the_kernel_cannot_tell_no_two_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without abstract sockets."""

    class Without:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...
        def bind(self, _: str) -> None:
            raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("cotenant.runtime.identity.socket.socket", Without)
    with identity("x", {}) as one, identity("x", {}) as two:
        assert one != two
