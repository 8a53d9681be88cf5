from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from cotenant.model.usage.amounts import excess, write
from cotenant.model.usage.pods import extended, usage

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def container(name: str = "c", **more: Any) -> dict[str, Any]:
    """`cpu` and `memory` are requests, `limit` a cpu limit; the rest goes into the container as it is."""
    requests = {key: more.pop(key) for key in ("cpu", "memory") if key in more}
    limits = {"cpu": more.pop("limit")} if "limit" in more else {}
    return {"name": name, "resources": {"requests": requests, "limits": limits}} | more


def pod(*containers: dict, init: tuple[dict, ...] = (), status: dict | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": list(containers), "initContainers": list(init), **spec},
        "status": status or {},
    }


def of(found: dict[str, Any], *keys: str) -> list[str]:
    charged = usage(found, NOW)
    return [write(charged[key]) for key in keys if key in charged]


CPU = "requests.cpu"


def test_containers_add_up_under_both_names_of_a_request() -> None:
    found = pod(container(cpu="250m", memory="1Gi"), container("d", cpu="1", limit="2"))
    assert of(found, "cpu", CPU, "limits.cpu", "requests.memory", "pods", "count/pods", "limits.memory") == [
        "1250m", "1250m", "2", "1073741824", "1", "1",
    ]  # fmt: skip


def test_an_init_container_counts_where_it_needs_more_than_all_others() -> None:
    assert of(pod(container(cpu="1"), init=(container("i", cpu="3"), container("j", cpu="2"))), CPU) == ["3"]
    assert of(pod(container(cpu="4"), init=(container("i", cpu="3"),)), CPU) == ["4"]


def test_a_sidecar_stays_and_is_there_while_later_init_containers_run() -> None:
    sidecar = container("s", cpu="1", restartPolicy="Always")
    assert of(pod(container(cpu="1"), init=(sidecar,)), CPU) == ["2"]
    assert of(pod(container(cpu="1"), init=(sidecar, container("i", cpu="3"))), CPU) == ["4"]
    assert of(pod(container(cpu="1"), init=(container("i", cpu="3"), sidecar)), CPU) == ["3"]


def test_overhead_is_added_to_requests_and_to_limits_that_there_are() -> None:
    overhead = {"cpu": "100m", "memory": "64Mi"}
    found = pod(container(cpu="1", limit="2"), overhead=overhead)
    assert of(found, CPU, "limits.cpu", "requests.memory", "limits.memory") == ["1100m", "2100m", "67108864"]


def test_what_is_set_for_the_whole_pod_takes_the_place_of_the_sum() -> None:
    found = pod(container(cpu="1"), resources={"requests": {"cpu": "3", "ephemeral-storage": "9"}, "limits": {}})
    assert of(found, CPU, "requests.ephemeral-storage") == ["3"]


@pytest.mark.parametrize(
    ("wanted", "in_force", "allocated", "reason", "charged"),
    [
        ("2", "1", "1", "", "2"),
        ("1", "2", "1", "", "2"),
        ("1", "1", "2", "", "2"),
        ("5", "1", "2", "Infeasible", "2"),
        ("5", "1", "2", "Deferred", "5"),
    ],
)
def test_a_resize_is_charged_at_the_highest_until_it_is_done(wanted, in_force, allocated, reason, charged) -> None:
    state = {"name": "c", "resources": {"requests": {"cpu": in_force}}, "allocatedResources": {"cpu": allocated}}
    status: dict[str, Any] = {"containerStatuses": [state]}
    if reason:
        status["conditions"] = [{"type": "PodResizePending", "reason": reason}]
    assert of(pod(container(cpu=wanted), status=status), CPU) == [charged]


def test_a_container_that_no_node_reports_on_is_charged_as_wanted() -> None:
    assert of(pod(container(cpu="2"), status={"containerStatuses": [{"name": "c"}]}), CPU) == ["2"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_terminal_pod_is_an_object_and_nothing_else(phase: str) -> None:
    assert usage(pod(container(cpu="1"), status={"phase": phase}), NOW) == {"count/pods": 1}


def test_a_pod_is_charged_until_its_grace_is_over_twice() -> None:
    found = pod(container(cpu="1"))
    found["metadata"] |= {"deletionTimestamp": "2026-01-01T11:59:30Z", "deletionGracePeriodSeconds": 30}
    assert of(found, "pods") == ["1"]
    found["metadata"]["deletionGracePeriodSeconds"] = 29
    assert of(found, "pods") == []


def test_devices_and_huge_pages_have_their_keys() -> None:
    found = pod({"name": "c", "resources": {"requests": {"nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"}}})
    assert of(found, "requests.nvidia.com/gpu", "nvidia.com/gpu", "hugepages-2Mi", "requests.hugepages-2Mi") == [
        "2", "4194304", "4194304",
    ]  # fmt: skip
    assert not extended("node.kubernetes.io/x")
    assert not extended("cpu")


def test_amounts_are_written_as_they_are_read() -> None:
    assert [write(Fraction(one)) for one in ("0", "5", "3/2", "1/1000000", "1/1000000000")] == [
        "0", "5", "1500m", "1u", "1n",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="finer"):
        write(Fraction(1, 3))
    assert excess({"a": Fraction(2), "b": Fraction(1)}, {"a": Fraction(1), "b": Fraction(1)}) == {"a": 1}
