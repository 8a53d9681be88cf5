"""Members become access entries, and each entry an event; where aws-auth is all that is read, it decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cotenant.aws.associations import AGE, Associations
from cotenant.aws.desk import SEEN, SOON
from cotenant.controllers.iam import KEY, IamController
from cotenant.controllers.world import World
from cotenant.local.eks import Cluster, Endpoint
from cotenant.model.finding import Finding
from cotenant.model.platform import Platform
from unit.aws.conftest import Rig
from unit.cluster import Cluster as Kubernetes
from unit.controllers.play import Events
from unit.model.iam.test_inforce import DEV

ROLE = "arn:aws:iam::111122223333:role/Dev"


class Scene:
    def __init__(self, rig: Rig) -> None:
        self.rig, self.cluster, self.world, self.events = rig, Kubernetes(), World(), Events()
        self.data: dict[str, str] | None = None
        self.unread: Finding | None = None
        client: Any = self.cluster
        events: Any = self.events
        self.controller = IamController(
            client,
            self.world,
            Platform(),
            lambda: datetime.now(UTC),
            rig.desk,
            600.0,
            events,
            lambda: self.data,
            lambda: self.unread,
            Associations(rig.desk.eks, rig.clock),
        )

    def tenant(self, *roles: str, pods: tuple[str, ...] = ()) -> None:
        members = [{"role": "editor", "iamRole": one} for one in roles]
        self.cluster.put("Tenant", "red", spec={"members": members, "serviceAccounts": {"iamRoles": list(pods)}})
        labels = {"cotenant.dev/tenant": "red", "cotenant.dev/space": "dev"}
        self.cluster.put("Namespace", "red-dev", about={"labels": labels})
        self.cluster.sync(self.world)

    def associated(self, role: str, namespace: str = "red-dev", account: str = "app") -> str:
        made = self.rig.eks.create_pod_identity_association(
            clusterName="cotenant-dev", namespace=namespace, serviceAccount=account, roleArn=role
        )
        identifier: str = made["association"]["associationId"]
        return identifier

    async def look(self) -> list[str]:
        """The reasons that the tenant is told; time goes on."""
        await self.controller.reconcile(KEY)
        self.rig.clock.now += SEEN
        found = self.world.mapped.get(None, "red")
        assert found is not None
        return [one.reason for one in found.trouble]


@pytest.fixture(params=["API_AND_CONFIG_MAP"])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with Endpoint(Cluster(mode=request.param)) as aws:
        for key, value in aws.env().items():
            monkeypatch.setenv(key, value)
        rig = Rig(aws)
        yield Scene(rig)
        rig.calls.close()


async def test_an_entry_that_is_made_changed_and_deleted_is_an_event_on_its_tenant_each_time(scene: Scene) -> None:
    role = scene.rig.role("Dev")
    scene.tenant(role)
    assert await scene.look() == ["IAMPending"]
    assert await scene.look() == []
    assert scene.events.said == [("EntryCreated", f"access entry of {role}: member of red")]
    scene.rig.eks.update_access_entry(
        clusterName="cotenant-dev", principalArn=role, kubernetesGroups=["cotenant:red:owner"]
    )
    scene.rig.desk = scene.controller.desk = scene.rig.another()
    await scene.look()
    scene.tenant()
    await scene.look()
    assert [reason for reason, _ in scene.events.said] == ["EntryCreated", "EntryChanged", "EntryDeleted"]
    assert await scene.look() == []


async def test_a_member_who_went_and_keeps_his_entry_is_told_to_the_tenant_that_has_no_member_left(
    scene: Scene,
) -> None:
    scene.tenant(scene.rig.role("Dev"))
    await scene.look()
    await scene.look()
    scene.tenant()
    scene.rig.aws.fail("DeleteAccessEntry", "AccessDeniedException", times=1, message="nope")
    assert await scene.look() == ["AWSPermissionMissing"]
    assert await scene.look() == []


@pytest.mark.parametrize("scene", ["CONFIG_MAP"], indirect=True)
async def test_in_mode_config_map_aws_auth_decides_and_its_damage_is_told(scene: Scene) -> None:
    scene.tenant(ROLE)
    assert await scene.look() == ["ModeWithoutEntries"]
    for data, said in (
        ({}, ["ModeWithoutEntries"]),
        ({"mapRoles": DEV}, []),
        ({"mapRoles": DEV + "  - x"}, ["AwsAuthDamaged"]),
        ({"mapRoles": DEV + "  - x"}, ["AwsAuthDamaged"]),
    ):
        scene.data = data
        assert await scene.look() == said
    assert [reason for reason, _ in scene.events.said] == ["AwsAuthDamaged"]


@pytest.mark.parametrize("scene", ["CONFIG_MAP"], indirect=True)
async def test_where_aws_auth_cannot_be_read_nobody_knows_who_is_mapped(scene: Scene) -> None:
    scene.tenant(ROLE)
    scene.unread = Finding("AwsAuthUnread", "no", "Unknown")
    assert await scene.look() == ["AwsAuthUnread"]
    scene.data = {}
    assert await scene.look() == ["ModeWithoutEntries"]


async def test_a_role_that_a_tenant_may_not_carry_is_told_with_the_command_and_an_event_once(scene: Scene) -> None:
    mine, theirs = scene.rig.role("red-app"), scene.rig.role("blue-app")
    scene.tenant(pods=(mine,))
    scene.associated(mine, account="good")
    wrong = scene.associated(theirs)
    assert await scene.look() == ["ForeignRole"]
    (found,) = scene.world.mapped.get(None, "red").trouble
    assert found.message.startswith(f"ServiceAccount red-dev/app has by Pod Identity {theirs}")
    assert found.message.endswith(f"--cluster-name cotenant-dev --association-id {wrong}")
    assert await scene.look() == ["ForeignRole"]
    assert [reason for reason, _ in scene.events.said] == ["ForeignRole"]
    scene.rig.eks.delete_pod_identity_association(clusterName="cotenant-dev", associationId=wrong)
    scene.rig.clock.now += AGE
    assert await scene.look() == []


async def test_a_permission_for_associations_that_is_missing_is_told_to_who_names_roles_for_pods(scene: Scene) -> None:
    scene.tenant()
    scene.rig.aws.fail("ListPodIdentityAssociations", "AccessDeniedException", times=2, message="nope")
    assert await scene.look() == []
    scene.tenant(pods=(ROLE,))
    assert await scene.look() == ["AWSPermissionMissing"]
    (found,) = scene.world.mapped.get(None, "red").trouble
    assert found.status == "Unknown" and "eks:ListPodIdentityAssociations" in found.message


@pytest.mark.parametrize("scene", ["CONFIG_MAP", "API_AND_CONFIG_MAP"], indirect=True)
async def test_a_member_who_went_and_stands_in_aws_auth_still_is_told_wherever_that_is_read(scene: Scene) -> None:
    scene.tenant()
    scene.data = {"mapRoles": DEV}
    assert await scene.look() == ["GroupWithoutMember"]
    assert await scene.look() == ["GroupWithoutMember"]
    assert [reason for reason, _ in scene.events.said] == ["GroupWithoutMember"]
    scene.data = {}
    assert await scene.look() == []


@pytest.mark.parametrize("scene", ["API"], indirect=True)
async def test_what_aws_auth_says_is_of_no_account_where_it_is_not_read(scene: Scene) -> None:
    scene.tenant()
    scene.data = {"mapRoles": DEV}
    assert await scene.look() == []


async def test_a_group_that_another_tool_gave_is_told_and_soon_no_more_once_it_is_gone(scene: Scene) -> None:
    scene.tenant()
    role = scene.rig.role("Theirs")
    scene.rig.eks.create_access_entry(
        clusterName="cotenant-dev", principalArn=role, kubernetesGroups=["view", "cotenant:red:owner"]
    )
    assert await scene.look() == ["GroupWithoutMember"]
    scene.rig.eks.update_access_entry(clusterName="cotenant-dev", principalArn=role, kubernetesGroups=["view"])
    scene.rig.clock.now += SOON
    assert await scene.look() == []


@pytest.mark.parametrize("scene", ["API"], indirect=True)
async def test_a_username_by_which_a_session_becomes_another_tenants_user_is_taken_back_and_told(scene: Scene) -> None:
    role = scene.rig.role("Dev")
    members = [{"role": "viewer", "iamRole": role, "username": "blue:{{SessionName}}"}]
    scene.cluster.put("Tenant", "red", spec={"members": members})
    scene.cluster.sync(scene.world)
    await scene.look()
    assert await scene.look() == []
    assert scene.rig.entry(role)["username"] == "blue:{{SessionName}}"
    scene.cluster.put("Tenant", "blue", spec={"members": [{"role": "owner", "user": "blue:ann"}]})
    scene.cluster.sync(scene.world)
    await scene.look()
    assert await scene.look() == ["UsernameConflict"]
    assert "assumed-role/Dev/" in scene.rig.entry(role)["username"]
    assert [reason for reason, _ in scene.events.said] == ["EntryCreated", "UsernameConflict", "EntryChanged"]
