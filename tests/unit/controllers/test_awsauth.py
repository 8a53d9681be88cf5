"""What others do to aws-auth is seen within one look, and a look that fails forgets nothing."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from cotenant.controllers.awsauth import AwsAuthWatch
from cotenant.kube.errors import Forbidden, Unavailable
from cotenant.runtime.metrics import Metrics
from unit.cluster import Cluster
from unit.model.iam.test_inforce import ADMIN, DEV, NODES


class Scene:
    def __init__(self) -> None:
        self.cluster, self.metrics, self.news = Cluster(), Metrics(), 0
        client: Any = self.cluster
        self.watch = AwsAuthWatch(client, self.metrics, self.hear)

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


async def test_an_answer_that_does_not_come_changes_nothing():
    scene = Scene()
    scene.there(mapRoles=NODES)
    await scene.watch.look()
    for error in (Forbidden(403, "Forbidden", "no"), Unavailable(0, "", "gone")):
        scene.cluster.refuse("get", "ConfigMap", "aws-auth", error)
        await scene.watch.look()
        scene.cluster.allow()
    assert (scene.watch.data, scene.news) == ({"mapRoles": NODES}, 1)


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
