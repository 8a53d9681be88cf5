"""What others do to aws-auth is seen within one look, and a look that fails forgets nothing."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from cotenant.controllers.awsauth import FAILURES, AwsAuthWatch
from cotenant.kube.errors import Forbidden, Unavailable
from cotenant.runtime.metrics import Metrics
from unit.cluster import Cluster
from unit.controllers.play import Events
from unit.model.iam.test_inforce import ADMIN, DEV, NODES


class Scene:
    def __init__(self) -> None:
        self.cluster, self.metrics, self.news, self.events = Cluster(), Metrics(), 0, Events()
        client: Any = self.cluster
        self.watch = AwsAuthWatch(client, self.metrics, self.hear, self.events)

    def hear(self) -> None:
        self.news += 1

    def there(self, **data: str) -> None:
        self.cluster.put("ConfigMap", "aws-auth", "kube-system", data=data)

    def unread(self) -> float:
        found = self.metrics.registry.get_sample_value("cotenant_aws_auth_unread_sections")
        assert found is not None
        return found


async def test_a_change_wakes_whoever_maps_and_no_change_nobody():
    scene = Scene()
    await scene.watch.look()
    assert (scene.watch.data, scene.news) == ({}, 1)
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    await scene.watch.look()
    assert (scene.watch.data, scene.news, scene.unread()) == ({"mapRoles": NODES}, 2, 0)


async def test_a_broken_section_is_counted_until_it_is_mended(caplog):
    scene = Scene()
    scene.there(mapRoles=NODES + "  - x", mapUsers="- [")
    await scene.watch.look()
    assert scene.unread() == 2
    scene.there(mapRoles=NODES + DEV)
    await scene.watch.look()
    assert scene.unread() == 0


async def test_an_answer_that_does_not_come_once_changes_nothing():
    scene = Scene()
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    scene.cluster.refuse("get", "ConfigMap", "aws-auth", Unavailable(0, "", "gone"))
    await scene.watch.look()
    scene.cluster.allow()
    await scene.watch.look()
    assert (scene.watch.data, scene.watch.unread, scene.news) == ({"mapRoles": NODES}, None, 1)
    assert scene.events.said == []


@pytest.mark.parametrize(
    ("error", "looks", "remedy"),
    [
        (Forbidden(403, "Forbidden", "no"), 1, "cotenant install"),
        (Unavailable(503, "", "gone"), FAILURES, "kubectl get configmap aws-auth"),
    ],
)
async def test_what_cannot_be_read_for_long_is_told_once_and_what_was_seen_is_kept(error, looks, remedy):
    scene = Scene()
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    scene.cluster.refuse("get", "ConfigMap", "aws-auth", error)
    for number in range(looks + 2):
        assert (scene.watch.unread is not None) == (number >= looks)
        await scene.watch.look()
    said = scene.watch.unread
    assert said and (said.reason, said.status) == ("AwsAuthUnread", "Unknown") and remedy in said.message
    assert (scene.watch.data, scene.news) == ({"mapRoles": NODES}, 2)
    assert [reason for reason, _ in scene.events.said] == ["AwsAuthUnread"]
    scene.cluster.allow()
    await scene.watch.look()
    assert (scene.watch.unread, scene.news) == (None, 3)


async def test_damage_is_an_event():
    scene = Scene()
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    scene.there(mapRoles="- [")
    await scene.watch.look()
    assert [reason for reason, _ in scene.events.said] == ["AwsAuthDamaged"]


async def test_a_new_administrator_comes_with_a_remedy_that_can_work() -> None:
    scene = Scene()
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    scene.there(mapRoles=NODES + ADMIN)
    with capture_logs() as said:
        await scene.watch.look()
    [one] = [each for each in said if each["log_level"] == "error"]
    assert one["what"].endswith("is in system:masters now")
    assert "kubectl edit configmap aws-auth" in one["remedy"]
    assert "rollback" not in one["remedy"]
