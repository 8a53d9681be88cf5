from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.model.escrow.units import limit_of, text_of, use_of
from cotenant.model.quantity import LARGEST, parse

CPU, PODS, MEMORY = "requests.cpu", "pods", "limits.memory"


@pytest.mark.parametrize(
    ("key", "text", "limit", "use"),
    [
        (CPU, "500m", 500, 500),
        ("cpu", "2", 2000, 2000),
        ("limits.cpu", "1.0005", 1000, 1001),
        (PODS, "9500m", 9, 10),
        (PODS, 20, 20, 20),
        (MEMORY, "1Gi", 2**30, 2**30),
        (MEMORY, "100m", 0, 1),
        ("requests.nvidia.com/gpu", "4", 4, 4),
        ("count/configmaps", "1k", 1000, 1000),
    ],
)
def test_a_limit_rounds_down_and_a_use_rounds_up(key: str, text: str | int, limit: int, use: int) -> None:
    assert (limit_of(key, text), use_of(key, text)) == (limit, use)


@pytest.mark.parametrize("read", [limit_of, use_of])
def test_nothing_is_less_than_nothing(read) -> None:
    with pytest.raises(ValueError, match="pods: -1 is negative; a quota is 0 or more"):
        read(PODS, "-1")
    with pytest.raises(ValueError, match="is no quantity"):
        read(PODS, "many")


def test_an_absurd_limit_is_still_an_integer_for_the_api_server() -> None:
    assert limit_of(CPU, "9E") == LARGEST
    assert limit_of(MEMORY, "1e99") == LARGEST
    # Of what is counted it takes the thousandths: 9Pi pods are "not an integer" for it.
    for key in (
        PODS,
        "count/configmaps",
        "count/cpu",
        "services",
        "fast.storageclass.storage.k8s.io/persistentvolumeclaims",
    ):
        assert limit_of(key, "9E") == limit_of(key, "9Pi") == LARGEST // 1000


@given(st.sampled_from([CPU, PODS, MEMORY]), st.integers(0, 10**15))
def test_what_is_written_is_read_back_as_it_was(key: str, amount: int) -> None:
    assert limit_of(key, text_of(key, amount)) == use_of(key, text_of(key, amount)) == amount


def test_texts_are_those_of_the_api_server() -> None:
    assert [text_of(CPU, one) for one in (0, 1, 1000, 1500)] == ["0", "1m", "1", "1500m"]
    assert parse(text_of(MEMORY, 2**30)) == parse("1Gi")
