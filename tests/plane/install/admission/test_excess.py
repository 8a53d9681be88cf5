"""Requests that are larger than any person writes: refused, whatever it costs to find out, and nobody else is kept waiting."""

from __future__ import annotations

import asyncio
import json

import pytest

from plane.install.admission.place import Answer, Manifest, Place, bare, image, passes, pod, template

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
TOLERATED = [{"key": "node.kubernetes.io/x", "operator": "Equal", "value": str(number)} for number in range(10_000)]
LABELS = {f"l{number:04d}": "x" * 58 for number in range(4_096)}
"""256 KiB, keys and values."""
OURS = {f"cotenant.dev/l{number:04d}": "x" * 45 for number in range(4_096)}
FOREIGN = image("docker.io/x")
REFUSED = (403, 422)
PATIENCE = 10.0


def tolerating(*more: Manifest) -> Manifest:
    return pod(tolerations=[*TOLERATED, *more])


def labelled(body: Manifest) -> Manifest:
    return body | {"metadata": {"labels": LABELS}}


EXCESS = {
    "a foreign toleration behind 10,000": ("pods", tolerating({"key": "gpu", "operator": "Exists"})),
    "a key to everything behind 10,000": ("pods", tolerating({"operator": "Exists"})),
    "the same in a template": ("deployments", template("deployments", tolerating({"operator": "Exists"}))),
    "a foreign image among 256 KiB of labels": ("pods", labelled(pod(containers=FOREIGN))),
    "1,000 foreign images": (
        "pods",
        pod(initContainers=[{"name": f"i{n}", "image": "docker.io/x"} for n in range(1000)]),
    ),
    "a type that is not allowed among 256 KiB of labels": (
        "services",
        labelled({"spec": {"type": "NodePort", "ports": [{"port": 80}]}}),
    ),
}


@pytest.mark.parametrize("case", EXCESS)
async def test_what_is_not_allowed_is_refused_in_excess_too(strict, case):
    what, body = EXCESS[case]
    answer = await strict.ask(what, body)
    assert answer.status in REFUSED, f"{answer.status} {answer.message[:300]}"
    assert "ValidatingAdmissionPolicy" in answer.message, answer.message[:300]


@pytest.mark.parametrize(
    "labels", [LABELS, OURS, OURS | {"cotenant.dev/tenant": None}], ids=["any", "ours", "stripped"]
)
async def test_a_namespace_is_not_changed_by_256_kib_of_labels(strict, labels):
    answer = await relabelled(strict, labels)
    assert answer.status in REFUSED, f"{answer.status} {answer.message[:300]}"


async def relabelled(place: Place, labels: Manifest) -> Answer:
    """The namespace of the place, with these labels."""
    path = f"/api/v1/namespaces/{place.namespace}"
    body = {"metadata": {"labels": labels}}
    status, text = await place.eve.raw(
        "PATCH", path, query={"dryRun": "All"}, body=json.dumps(body).encode(), content_type=MERGE
    )
    return Answer(status, text.decode(), {})


async def test_who_asks_for_usual_things_beside_it_is_answered(strict, free):
    ended = False

    async def excessive(body: Manifest) -> int:
        count = 0
        while not ended:
            assert (await strict.ask("pods", body)).status in REFUSED
            count += 1
        return count

    storm = [asyncio.create_task(excessive(EXCESS[case][1])) for case in list(EXCESS)[:2]]
    try:
        for _ in range(25):
            async with asyncio.timeout(PATIENCE):
                passes(await free.ask("pods", bare(), by=free.admin))
    finally:
        ended = True
        counts = await asyncio.gather(*storm)
    assert all(counts), counts
