"""aws-auth on a real API server: nobody's item is lost, whoever writes at the same moment."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from cotenant.apply.awsauth import AwsAuthDesk
from cotenant.kube.client import Client
from cotenant.kube.errors import Conflict
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.model.iam.awsauth import NAME, NAMESPACE, read
from cotenant.model.iam.claims import Wish
from cotenant.model.iam.edit import Edited, edit
from cotenant.model.iam.history import NAME as HISTORY
from cotenant.model.iam.history import revisions
from plane.iam.conftest import NODES

pytestmark = pytest.mark.cluster
ACCOUNT = "arn:aws:iam::111122223333"


def wish(name: str) -> Wish:
    return Wish(f"{ACCOUNT}:role/{name}", f"{name}:{{{{SessionName}}}}", (f"cotenant:{name}:owner",), (name,))


def desk(client: Client) -> AwsAuthDesk:
    return AwsAuthDesk(client, "test", lambda: "2026-11-21T00:00:00Z")


def adding(name: str):
    one = wish(name)
    return partial(edit, wishes=[one], only=frozenset({one.key}))


async def stored(client: Client) -> dict[str, str]:
    return (await client.get(CONFIG_MAPS, NAME, NAMESPACE))["data"]


async def by_hand(client: Client, item: str) -> None:
    """Another tool that plays by the rules: it reads, appends, and writes what it read."""
    while True:
        found = await client.get(CONFIG_MAPS, NAME, NAMESPACE)
        found["data"]["mapRoles"] += item
        try:
            await client.replace(CONFIG_MAPS, found)
        except Conflict:
            await asyncio.sleep(0.01)
        else:
            return


async def test_concurrent_editors_lose_no_item(aws_auth: Client) -> None:
    foreign = [
        f"- rolearn: {ACCOUNT}:role/Theirs{at}  # {at}\n  username: theirs\n  groups: [view]\n" for at in range(6)
    ]
    done = await asyncio.gather(
        *(desk(aws_auth).change(adding(f"team{at}"), "test") for at in range(6)),
        *(by_hand(aws_auth, one) for one in foreign),
    )
    assert [one.edited.refused for one in done[:6]] == [()] * 6
    data = await stored(aws_auth)
    assert set(read(data).identities()) == {
        f"{ACCOUNT}:role/node-role",
        *(f"{ACCOUNT}:role/team{at}" for at in range(6)),
        *(f"{ACCOUNT}:role/theirs{at}" for at in range(6)),
    }
    assert data["mapRoles"].startswith(NODES)
    assert all(one in data["mapRoles"] for one in foreign)
    past = revisions((await aws_auth.get(CONFIG_MAPS, HISTORY, NAMESPACE))["data"])
    assert past[-1].author == "test"
    # Every write of ours left what it replaced; losing a race leaves one more.
    assert len(past) >= 6


async def test_a_version_is_kept_before_the_write_and_comes_back(aws_auth: Client) -> None:
    before = await stored(aws_auth)
    written = await desk(aws_auth).change(adding("team"), "apply")
    assert written.revision == 1
    past = revisions((await aws_auth.get(CONFIG_MAPS, HISTORY, NAMESPACE))["data"])
    assert past[0].data == before
    back = await desk(aws_auth).change(lambda _: Edited(past[0].data), "rollback to 1")
    assert back.revision == 2
    assert await stored(aws_auth) == before


async def test_nothing_to_do_writes_nothing(aws_auth: Client) -> None:
    await desk(aws_auth).change(adding("team"), "apply")
    version = (await aws_auth.get(CONFIG_MAPS, NAME, NAMESPACE))["metadata"]["resourceVersion"]
    again = await desk(aws_auth).change(adding("team"), "apply")
    assert again.revision == 0
    assert (await aws_auth.get(CONFIG_MAPS, NAME, NAMESPACE))["metadata"]["resourceVersion"] == version


async def test_a_broken_section_is_left_as_it_is(aws_auth: Client) -> None:
    await aws_auth.merge(CONFIG_MAPS, NAME, {"data": {"mapUsers": "- userarn: ["}}, NAMESPACE)
    before = await stored(aws_auth)
    refused = await desk(aws_auth).change(adding("team"), "apply")
    assert "mapUsers, line 2" in refused.edited.refused[0]
    assert await stored(aws_auth) == before


async def test_without_aws_auth_nobody_makes_one(aws_auth: Client) -> None:
    await aws_auth.delete(CONFIG_MAPS, NAME, NAMESPACE)
    refused = await desk(aws_auth).change(adding("team"), "apply")
    assert "kubectl create configmap aws-auth" in refused.edited.refused[0]


async def test_one_that_is_immutable_is_told(aws_auth: Client) -> None:
    await aws_auth.merge(CONFIG_MAPS, NAME, {"immutable": True}, NAMESPACE)
    refused = await desk(aws_auth).change(adding("team"), "apply")
    assert refused.edited.refused == ("the ConfigMap aws-auth is immutable",)


class Meddling(Client):
    """A cluster in which something changes aws-auth on its way in, once."""

    meddled = False

    async def replace(self, resource, body, **more):
        if resource is CONFIG_MAPS and body["metadata"]["name"] == NAME and not self.meddled:
            self.meddled = True
            body = body | {"data": {"mapRoles": "- rolearn: nobody\n"}}
        return await super().replace(resource, body, **more)


async def test_what_was_stored_otherwise_than_sent_is_put_back_at_once(aws_auth: Client) -> None:
    before = await stored(aws_auth)
    refused = await desk(Meddling(aws_auth.transport)).change(adding("team"), "apply")
    assert "the version before is back" in refused.edited.refused[0]
    assert await stored(aws_auth) == before
