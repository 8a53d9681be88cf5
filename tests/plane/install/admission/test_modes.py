"""A rule observes, warns or refuses, by rule and tenant; and the glass, which is whole again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from cotenant.cli.cluster.glazing import change
from cotenant.kube import resource
from cotenant.render.install.admission import glass, mode
from plane.install.admission.conftest import STRICT, policy_of
from plane.install.admission.place import Manifest, Place, image, passes, pod, refused, template

pytestmark = pytest.mark.cluster

ELSEWHERE = {"node-restriction.kubernetes.io/cotenant-pool": "silver"}
FOREIGN = pod(containers=image("docker.io/x"))
PATIENT = 30.0
GLAZED = ("cotenant-pods", "cotenant-workloads")


async def softened(make_place, namespace: str, **spec: Manifest) -> Place:
    """A strict space with these words about modes, and the copies that the operator would make."""
    place = await make_place(namespace, None)
    for name in ("policy", "warn", "observe"):
        body = policy_of(namespace, STRICT)
        body["spec"] |= spec
        body["metadata"] |= {"name": name}
        if name != "policy":
            body["metadata"]["labels"] = {"cotenant.dev/enforcement": name}
        await place.operator.create(resource.SPACE_POLICIES, body)
    async with asyncio.timeout(PATIENT):
        while not (await place.ask("pods", pod())).ok:
            await asyncio.sleep(0.1)
    return place


async def warnings(place: Place, body: Manifest) -> tuple[int, str]:
    """What the API server answers, and what it warns of."""
    told: list[str] = []
    place.eve.on_warning = told.append
    try:
        answer = await place.ask("pods", body)
    finally:
        place.eve.on_warning = None
    return answer.status, "; ".join(one for one in told if "COTENANT" in one)


async def test_one_rule_warns_while_the_others_refuse(make_place):
    place = await softened(make_place, "modes-warn", rules={"COTENANT-POD-8": "warn"})

    status, said = await warnings(place, FOREIGN)

    assert status == 201
    assert "COTENANT-POD-8: image docker.io/x" in said
    refused(await place.ask("pods", pod(nodeSelector=ELSEWHERE, containers=image("docker.io/x"))), "COTENANT-POD-4")
    assert (await warnings(place, pod()))[1] == ""


async def test_a_rule_that_observes_lets_through_without_a_word(make_place):
    place = await softened(make_place, "modes-observe", enforcement="observe", rules={"COTENANT-POD-10": "enforce"})

    assert await warnings(place, FOREIGN) == (201, "")
    refused(await place.ask("pods", pod(schedulerName="mine")), "COTENANT-POD-10")


async def test_in_a_trial_every_rule_refuses_and_nothing_else_than_a_dry_run_is_one(make_place):
    place = await softened(make_place, "modes-trial", enforcement="observe")

    refused(await place.ask("pods", FOREIGN, query={"fieldManager": mode.TRIAL}), "COTENANT-POD-8")
    real = FOREIGN | {"metadata": {"name": "real"}}
    passes(await place.ask("pods", real, query={"fieldManager": mode.TRIAL}, dry=False))


@pytest.fixture
async def mended(admin, installed):
    """The policies as they were, for the tests that come after."""
    yield
    for name in GLAZED:
        await change(admin, name, glass.whole)


async def test_the_glass_is_whole_again_by_itself_with_nobody_there(strict, admin, mended):
    made = template("deployments", pod()) | {"metadata": {"name": "glass"}}
    passes(await strict.ask("deployments", made, dry=False))
    await break_until(admin, datetime.now(UTC) + timedelta(hours=1))
    async with asyncio.timeout(PATIENT):
        while not await through(strict, all):
            await asyncio.sleep(0.1)

    until = datetime.now(UTC) + timedelta(seconds=4)
    await break_until(admin, until)
    async with asyncio.timeout(PATIENT):
        while await through(strict, any):
            await asyncio.sleep(0.2)

    assert datetime.now(UTC) > until - timedelta(seconds=1)
    forged = FOREIGN | {"metadata": {"name": "x", "creationTimestamp": "2020-01-01T00:00:00Z"}}
    refused(await strict.ask("pods", forged), "COTENANT-POD-8")
    await _cannot_forge_the_time_of_a_change(strict)


async def through(place: Place, how: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether a pod may be made of a foreign image, and a Deployment be changed to it."""
    answers = [await place.ask("pods", FOREIGN), await place.ask("deployments", _image("docker.io/x"), **PATCH)]
    return how(one.ok for one in answers)


PATCH = {"name": "glass", "method": "PATCH", "content_type": "application/strategic-merge-patch+json"}


def _image(name: str) -> Manifest:
    return {"spec": {"template": {"spec": {"containers": image(name)}}}}


async def _cannot_forge_the_time_of_a_change(place: Place) -> None:
    """managedFields may be written by anybody; what was changed now has the time of now all the same."""
    for fields in ([{}], None, "old"):

        def forge(it: Manifest, fields: object = fields) -> None:
            it["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/y"
            if fields == "old":
                for one in it["metadata"]["managedFields"]:
                    one["time"] = "2020-01-01T00:00:00Z"
            else:
                it["metadata"]["managedFields"] = fields

        refused(await place.replace("deployments", "glass", forge), "COTENANT-POD-8")


async def break_until(admin, until: datetime) -> None:
    for name in GLAZED:
        await change(admin, name, lambda there: glass.broken(there, until, {}))
