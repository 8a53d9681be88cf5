"""The proof of an installation: of every binding by itself, so that one that is gone is noticed and named."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.cli.cluster.canaries import ROUTES, canaries, ground
from cotenant.cli.cluster.observers import observed
from cotenant.cli.cluster.proof import NAME, NotProven, prove
from cotenant.cli.cluster.settled import changes, claims, settle, writing
from cotenant.cli.cluster.survey import listed
from cotenant.cli.install import install
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues, deny, force
from plane.install.admission.place import definition
from vocabulary import TooLate

pytestmark = pytest.mark.cluster
BINDINGS = {
    "ValidatingAdmissionPolicyBinding": resource.VALIDATING_POLICY_BINDINGS,
    "MutatingAdmissionPolicyBinding": resource.MUTATING_POLICY_BINDINGS,
}


WARN = ("cotenant-volumes-warn", "cotenant-exec-warn", "cotenant-services-warn")
OBSERVE = "cotenant-pods-observe"


@pytest.fixture(scope="module")
async def bound():
    """A plane of its own with the Gateway API, installed with its proof; the test takes the bindings away."""
    with LocalControlPlane() as plane:
        admin = Client(await Transport.from_kubeconfig(plane.kubeconfig))
        try:
            await admin.create(resource.CRDS, definition("gateway.networking.k8s.io", "httproutes", "HTTPRoute"))
            async with asyncio.timeout(120):
                while not await listed(admin, ROUTES):
                    await asyncio.sleep(0.1)
            done = await install(admin, InstallValues(), with_operator=False)
            assert done.unproven == ()
            yield admin
        finally:
            await admin.close()


async def test_each_canary_misses_its_own_binding(bound):
    """All are taken away at once: each canary wants to hear the name of its own."""
    admin, platform = bound, Platform()
    async with ground(admin) as places:
        await settle(admin, platform, places.settled)
        fresh = admin.apart(each=True)
        soft = changes(fresh, places.settled, routes=True)
        found = [
            *canaries(admin, platform, places, routes=True),
            *soft,
            claims(fresh, fresh.as_user(NAME, []), places.settled),
            writing(fresh, places.settled),
        ]
        for one in found:
            await prove(one, denials=1)
        for name in (*WARN, OBSERVE):
            await admin.delete(resource.VALIDATING_POLICY_BINDINGS, name)
        for one in soft:
            if one.words[1] in {f"with binding '{name}'" for name in WARN}:
                assert "still does not warn" in await fault(one)
        assert await silence(admin, places.settled) == f"after 15 s {OBSERVE} still do not audit"
        for manifest in [*deny(platform), *force(platform)]:
            name, kind = manifest["metadata"]["name"], BINDINGS.get(manifest["kind"])
            if kind and name not in (*WARN, OBSERVE):
                await admin.delete(kind, name)

        faults = await asyncio.gather(*map(fault, found))

    assert all("lets through" in one for one in faults[:-1]), faults
    assert "does not write" in faults[-1]


async def silence(admin, place: str) -> str:
    """What is said of the bindings that audit, once the API server has noticed that one is gone."""

    async def look() -> None:
        asked = lambda one: changes(one, place, routes=True)  # noqa: E731 - local
        await observed(admin, [OBSERVE, "cotenant-exec-observe"], asked, seconds=15)

    return await told(look)


async def fault(canary) -> str:
    """What is said of a canary, once the API server has noticed that its binding is gone."""
    return await told(lambda: prove(canary, denials=3, seconds=5))


async def told(attempt) -> str:
    last, clock = "nothing was said", asyncio.get_running_loop().time
    deadline = clock() + 300
    while clock() < deadline:
        try:
            await attempt()
        except NotProven as answer:
            last = str(answer)
            if answer.tried:
                return last
    raise TooLate(f"not within 300 s; at last: {last}")
