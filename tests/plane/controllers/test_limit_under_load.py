"""The limit on spaces is strict under parallel creates, over two API servers, from the first second on."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from cotenant import testing
from cotenant.kube.client import Client
from cotenant.kube.errors import Conflict, Forbidden
from cotenant.kube.resource import SPACES
from cotenant.kube.transport import Transport
from installation import Cluster
from vocabulary import eventually, expect_created, expect_ready, given_tenant, space_of

pytestmark = pytest.mark.cluster
LIMIT, TRIES = 12, 100


async def test_parallel_creates_over_two_api_servers_give_exactly_the_limit(cluster):
    team = await asyncio.to_thread(given_tenant, cluster, "rush", limit=LIMIT)
    clients = []
    for server in (0, 1):
        owner = cluster.user(team.owner.name, *team.owner.groups, server=server)
        clients.append(Client(await Transport.from_kubeconfig(owner.kubeconfig)))

    async def create(number: int) -> str:
        while True:
            try:
                await clients[number % 2].create(SPACES, space_of(team, f"s{number}"))
                return "created"
            except Forbidden as refusal:
                if "exceeded quota" not in refusal.message:  # the second server's authorizer lags behind a moment
                    await asyncio.sleep(0.05)
                    continue
                return "refused"
            except Conflict:
                continue  # of two that charged the quota at once, one is asked to come again

    try:
        answers = Counter(await asyncio.gather(*(create(number) for number in range(TRIES))))
        assert answers == {"created": LIMIT, "refused": TRIES - LIMIT}
        assert len((await clients[1].list(SPACES, team.home)).items) == LIMIT
    finally:
        for client in clients:
            await client.close()
    names = sorted(cluster.names("Space", team.home))
    await asyncio.to_thread(expect_ready, team, *names, within=20)


def test_a_refused_space_leaves_its_place_free(cluster):
    team = given_tenant(cluster, "churn", limit=1)
    for _ in range(2):
        expect_created(team.owner.apply(space_of(team, "bad", namespace="nowhere-at-all")))
        assert team.owner.kubectl("delete", "cosp", "bad", "-n", team.home, "--timeout=5s").ok
        # The count comes down when the quota has been quiet for a few seconds.
        eventually(
            lambda: (
                cluster.there("ResourceQuota", "cotenant", team.home)["status"]["used"]["count/spaces.cotenant.dev"]
                == "0"
            )
        )


@pytest.fixture
def fresh(pytestconfig, tmp_path):
    """A plane on which nothing was installed before: Kubernetes' quota controller does not know our kinds yet."""
    for plane in testing._plane(pytestconfig, apiservers=1):
        found = Cluster(plane, tmp_path)
        yield found
        found.operator.stop()


def test_on_a_fresh_plane_an_owners_space_is_usable_at_once(fresh, record_property):
    fresh.install()
    fresh.operator.start()
    started = time.monotonic()
    team = given_tenant(fresh, "first")
    tenant = time.monotonic()

    expect_created(team.owner.apply(space_of(team, "dev")), "space.cotenant.dev/dev")
    expect_ready(team, "dev")
    space = time.monotonic()
    expect_created(team.owner.run_pod("nginx", namespace=team.namespace("dev")), "pod/nginx")
    end = time.monotonic()

    figures = {"tenant": tenant - started, "space": space - tenant, "pod": end - space, "all": end - started}
    record_property("seconds", figures)
    print("\nfresh plane, seconds:", {key: round(value, 2) for key, value in figures.items()})
    assert end - started < 5  # 2 s where nothing else runs on the machine
