"""A tenant that asks for the forbidden without a pause gets nothing through: while cotenant is installed, is brought up
to date, and while its operator ends and starts."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from cotenant.cli.install import install
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues, deny
from installation import PLATFORM
from vocabulary import given_tenant

pytestmark = pytest.mark.cluster
RBAC = "rbac.authorization.k8s.io"
NODE_PORT = {"spec": {"type": "NodePort", "ports": [{"port": 80}]}}
FOREIGN = {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
    "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "docker.io/evil"}]}}}}  # fmt: skip
GRANT = {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}, "subjects": []}
STRANGERS = {
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cotenant:viewer"},
    "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:authenticated"}],
}
TOKEN = {"type": "kubernetes.io/service-account-token"}
TOKEN_OF = {"annotations": {"kubernetes.io/service-account.name": "default"}}
FORBIDDEN = (
    (resource.SERVICES, NODE_PORT),
    (resource.DEPLOYMENTS, FOREIGN),
    (resource.ROLE_BINDINGS, GRANT),
    (resource.ROLE_BINDINGS, STRANGERS),
    (resource.SECRETS, TOKEN),
)


class Hammer:
    """Asks, each time under a new name and for real, and counts the answers."""

    def __init__(self, client: Client, place: str) -> None:
        self.client, self.place = client, place
        self.through: list[str] = []
        self.refused: Counter[str] = Counter()
        self.good = 0

    async def run(self, worker: int) -> None:
        for turn in range(10**9):
            name = f"h-{worker}-{turn}"
            for kind, body in FORBIDDEN:
                try:
                    await self.client.create(kind, self.named(kind, body, name))
                    self.through.append(f"{kind.kind} {name}")
                except ApiError as error:
                    self.refused[
                        error.message.partition("ValidatingAdmissionPolicy '")[2].partition("'")[0] or "RBAC"
                    ] += 1
            with contextlib.suppress(ApiError):
                settings = {"data": {"turn": str(turn)}}
                await self.client.create(resource.CONFIG_MAPS, self.named(resource.CONFIG_MAPS, settings, name))
                self.good += 1
                await self.client.delete(resource.CONFIG_MAPS, name, self.place)
            # Lest the API server is too busy for those who install.
            await asyncio.sleep(0.05)

    def named(self, kind, body, name: str):
        about = {"name": name, "namespace": self.place} | (TOKEN_OF if kind is resource.SECRETS else {})
        return {"apiVersion": kind.api_version, "kind": kind.kind, **body, "metadata": about}


@contextlib.asynccontextmanager
async def hammering(client: Client, place: str) -> AsyncIterator[Hammer]:
    found = Hammer(client, place)
    tasks = [asyncio.create_task(found.run(number)) for number in range(1)]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in ended} == {asyncio.CancelledError}, ended


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not fact():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def speaking(kubeconfig) -> AsyncIterator[Client]:
    client = Client(await Transport.from_kubeconfig(kubeconfig))
    try:
        yield client
    finally:
        await client.close()


async def test_nothing_gets_through_while_cotenant_is_installed_for_the_first_time():
    with LocalControlPlane() as plane:
        async with speaking(plane.kubeconfig) as admin, speaking(plane.user("eve")) as eve:
            marks = {"name": "old", "labels": {"cotenant.dev/tenant": "acme"}}
            await admin.create(resource.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": marks})
            # As an earlier installation left it: the right comes with the ClusterRole.
            await admin.create(resource.ROLE_BINDINGS, {
                "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "cotenant-editor", "namespace": "old"},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cotenant:owner"},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "eve"}]})  # fmt: skip
            async with hammering(eve, "old") as hammer:
                await until(lambda: hammer.refused["RBAC"] > 20)
                assert (await install(admin, InstallValues(), with_operator=False)).unproven == ()
                before = hammer.good
                await until(lambda: hammer.good > before + 5)

            assert hammer.through == []
            # Several policies refuse the same request; which of them is named is the API server's choice.
            assert hammer.refused.total() - hammer.refused["RBAC"] > 10, hammer.refused


async def test_nothing_gets_through_while_policies_are_replaced_and_the_operator_ends_and_starts(cluster):
    rules = {"pods": {"registries": ["registry.example.com/"]}, "services": {"types": ["ClusterIP"]}}
    team = given_tenant(cluster, "hammer", spaces=["dev"], **rules)
    place = team.namespace("dev")
    values = InstallValues(platform=PLATFORM)
    async with (
        speaking(cluster.plane.kubeconfig) as admin,
        speaking(team.owner.kubeconfig) as owner,
        hammering(owner, place) as hammer,
    ):
        await until(lambda: hammer.good > 5)
        await asyncio.to_thread(cluster.operator.kill)
        for policy in older(PLATFORM):
            await admin.apply(resource.VALIDATING_POLICIES, policy, manager="cotenant-install")
        before = hammer.good
        await until(lambda: hammer.good > before + 5)
        done = await install(admin, values, with_operator=False)
        assert done.changed >= 14
        assert done.unproven == ()
        await asyncio.to_thread(cluster.operator.start)
        before = hammer.good
        await until(lambda: hammer.good > before + 5)

    assert hammer.through == []
    assert {"cotenant-services", "cotenant-workloads", "cotenant-rights"} <= hammer.refused.keys()


def older(platform: Platform) -> list[dict]:
    """The policies as another version would have them: other words in every one."""
    found = [one for one in deny(platform) if one["kind"] == "ValidatingAdmissionPolicy"]
    for one in found:
        for validation in one["spec"]["validations"]:
            if "messageExpression" in validation:
                validation["messageExpression"] = f"({validation['messageExpression']}) + ''"
    return found
