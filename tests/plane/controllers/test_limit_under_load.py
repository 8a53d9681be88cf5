"""The limit on spaces is strict under parallel creates, over two API servers, from the first second on."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from cotenant import testing
from cotenant.kube.resource import SPACES
from cotenant.local.wire import Wire, strict_context
from installation import OPERATOR, Cluster, in_words
from vocabulary import BUSY, Team, eventually, expect_created, expect_ready, given_tenant, space_of

pytestmark = pytest.mark.cluster
LIMIT, TRIES = 12, 100


def create(team: Team, number: int) -> str:
    """One Space by the owner, on a connection of its own, on one of two API servers; tried until it is decided."""
    plane = team.cluster.plane
    pki = plane.ca_file.parent
    context = strict_context(plane.ca_file, pki / "admin.crt", pki / "admin.key")
    owner = {"Impersonate-User": team.owner.name, "Impersonate-Group": team.owner.groups[0]}
    with closing(Wire(plane.urls[number % 2], context)) as wire:
        deadline = time.monotonic() + 30 * BUSY
        while time.monotonic() < deadline:
            status, answer = wire.json("POST", SPACES.path(team.home), space_of(team, f"s{number}"), **owner)
            if status == 201:
                return "created"
            if status == 403 and "exceeded quota" in answer["message"]:
                return "refused"
            # 409: of many that charge the quota at once, some are asked to come again.
            assert status == 409 or "cannot create resource" in answer["message"], answer
            time.sleep(0.05)
    return "undecided"


def test_parallel_creates_over_two_api_servers_give_exactly_the_limit(cluster):
    team = given_tenant(cluster, "rush", limit=LIMIT)

    with ThreadPoolExecutor(TRIES) as pool:
        answers = Counter(pool.map(lambda number: create(team, number), range(TRIES)))

    assert answers == {"created": LIMIT, "refused": TRIES - LIMIT}
    names = cluster.names("Space", team.home)
    assert len(names) == LIMIT
    expect_ready(team, *names, within=20)


def test_a_refused_space_leaves_its_place_free(cluster):
    team = given_tenant(cluster, "churn", limit=1)
    for _ in range(2):
        expect_created(team.owner.apply(space_of(team, "bad", namespace="nowhere-at-all")))
        assert team.owner.kubectl("delete", "cosp", "bad", "-n", team.home, "--timeout=60s").ok
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


def test_on_a_fresh_plane_an_owner_gets_a_space_and_a_pod_at_the_first_try(fresh):
    """How long it takes is measured by `make bench`. Here it counts that nobody is refused and asked to come again."""
    fresh.install()
    fresh.operator.start()
    team = given_tenant(fresh, "first")
    mark = fresh.plane.audit_mark()

    expect_created(team.owner.apply(space_of(team, "dev")), "space.cotenant.dev/dev")
    expect_ready(team, "dev")
    expect_created(team.owner.run_pod("nginx", namespace=team.namespace("dev")), "pod/nginx")

    creates = [one for one in fresh.plane.audit_since(mark, user=team.owner.name) if one.verb in ("create", "patch")]
    assert [(one.resource, one.code) for one in creates] == [("spaces", 201), ("pods", 201)]
    refused = [one for one in fresh.plane.audit_since(mark, user=OPERATOR, writes=True) if one.code in (403, 422)]
    assert in_words(refused) == []
