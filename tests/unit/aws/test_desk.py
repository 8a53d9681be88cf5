"""Access entries against an endpoint that answers as EKS does."""

from __future__ import annotations

import pytest

from cotenant.aws.desk import DAY, SEEN, Settled
from cotenant.model.iam.claims import Claim
from cotenant.model.iam.entries import OWNED, PRINCIPAL_ID
from unit.aws.conftest import NAME, Rig

GROUP = "cotenant:red:owner"
WRITES = {"CreateAccessEntry", "UpdateAccessEntry", "DeleteAccessEntry"}


def claim(target: str, tenant: str = "red", username: str = "") -> Claim:
    return Claim(tenant, target, f"cotenant:{tenant}:owner", username)


def reasons(found: Settled) -> list[str]:
    return sorted(one.reason for one in found.trouble.values())


async def settled(rig: Rig, *claims: Claim) -> Settled:
    """Two looks: what was written is seen by the second."""
    await rig.desk.settle(claims)
    rig.clock.now += SEEN
    return await rig.desk.settle(claims)


async def test_an_entry_is_made_seen_and_then_left_alone(rig: Rig) -> None:
    role = rig.role("Dev", "/teams/red/")
    first = await rig.desk.settle([claim(role)])
    assert (reasons(first), first.again) == (["IAMPending"], SEEN)
    entry = rig.entry(role)
    assert entry["kubernetesGroups"] == [GROUP]
    assert entry["type"] == "STANDARD"
    assert entry["username"] == "arn:aws:sts::111122223333:assumed-role/Dev/{{SessionName}}"
    assert entry["tags"].items() > OWNED.items()
    assert entry["tags"][PRINCIPAL_ID].startswith("AROA")
    rig.clock.now += SEEN
    second = await rig.desk.settle([claim(role)])
    assert (reasons(second), second.done, second.again) == ([], (), None)
    rig.counted()
    await rig.desk.settle([claim(role)])
    assert rig.counted() == {"ListAccessEntries": 1, "ListRoles": 1}


async def test_a_role_without_its_path_in_the_tenant_gets_it_from_iam(rig: Rig) -> None:
    role = rig.role("Dev", "/teams/red/")
    assert reasons(await settled(rig, claim("arn:aws:iam::111122223333:role/Dev"))) == []
    assert rig.entries() == [role]


async def test_a_principal_that_iam_does_not_have_is_told_and_no_call_is_wasted(rig: Rig) -> None:
    found = await rig.desk.settle([claim("arn:aws:iam::111122223333:role/Nobody")])
    assert reasons(found) == ["PrincipalNotFound"]
    assert not WRITES & rig.counted().keys()


async def test_a_principal_of_another_account_is_left_to_eks(rig: Rig) -> None:
    found = await rig.desk.settle([claim("arn:aws:iam::999999999999:role/Nobody")])
    assert reasons(found) == ["PrincipalNotFound"]
    assert rig.counted()["CreateAccessEntry"] == 1


async def test_what_differs_is_updated_with_all_groups_and_keeps_its_entry(rig: Rig) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    made = rig.entry(role)["createdAt"]
    assert reasons(await settled(rig, claim(role), claim(role, "blue", "dev:{{SessionName}}"))) == []
    entry = rig.entry(role)
    assert entry["kubernetesGroups"] == ["cotenant:blue:owner", GROUP]
    assert entry["username"] == "dev:{{SessionName}}"
    assert entry["createdAt"] == made


async def test_drift_is_put_right_within_a_day(rig: Rig) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    rig.eks.update_access_entry(clusterName=NAME, principalArn=role, kubernetesGroups=["view"])
    rig.counted()
    await rig.desk.settle([claim(role)])
    assert not WRITES & rig.counted().keys()
    rig.clock.now += DAY
    await rig.desk.settle([claim(role)])
    assert rig.entry(role)["kubernetesGroups"] == [GROUP]


async def test_what_nobody_lists_any_more_goes_and_foreign_entries_stay(rig: Rig) -> None:
    ours, theirs = rig.role("Dev"), rig.role("Theirs")
    rig.eks.create_access_entry(clusterName=NAME, principalArn=theirs, kubernetesGroups=["view"])
    await settled(rig, claim(ours))
    assert rig.entries() == sorted([ours, theirs])
    await rig.desk.settle([], removing=False)
    assert rig.entries() == sorted([ours, theirs])
    await rig.desk.settle([])
    assert rig.entries() == [theirs]


async def test_after_a_restart_only_our_own_tag_says_what_may_go(rig: Rig) -> None:
    ours, theirs = rig.role("Dev"), rig.role("Theirs")
    rig.eks.create_access_entry(clusterName=NAME, principalArn=theirs, kubernetesGroups=[GROUP])
    await settled(rig, claim(ours))
    await rig.another().settle([])
    assert rig.entries() == [theirs]


async def test_a_foreign_entry_is_reported_with_its_owner_and_not_touched(rig: Rig) -> None:
    role = rig.role("Dev")
    rig.eks.create_access_entry(
        clusterName=NAME, principalArn=role, kubernetesGroups=["view"], tags={"ManagedBy": "Terraform"}
    )
    found = await settled(rig, claim(role))
    assert reasons(found) == ["EntryConflict"]
    assert "of Terraform" in next(iter(found.trouble.values())).message
    assert rig.entry(role)["kubernetesGroups"] == ["view"]


async def test_a_foreign_entry_with_our_group_is_as_good_as_ours(rig: Rig) -> None:
    role = rig.role("Dev")
    rig.eks.create_access_entry(clusterName=NAME, principalArn=role, kubernetesGroups=["view", GROUP])
    assert reasons(await settled(rig, claim(role))) == []
    assert rig.entry(role)["kubernetesGroups"] == ["view", GROUP]


async def test_a_dead_entry_is_deleted_in_one_look_and_made_in_a_later_one(rig: Rig) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    rig.iam.delete_role(RoleName="Dev")
    rig.role("Dev")
    rig.counted()
    found = await rig.desk.settle([claim(role)])
    assert reasons(found) == ["EntryReplaced"]
    assert (rig.entries(), WRITES & rig.counted().keys()) == ([], {"DeleteAccessEntry"})
    found = await rig.desk.settle([claim(role)])
    assert rig.entry(role)["tags"][PRINCIPAL_ID] == rig.iam.get_role(RoleName="Dev")["Role"]["RoleId"]


async def test_a_hundred_and_ten_entries_come_in_pages_and_are_described_once(rig: Rig) -> None:
    claims = [claim(rig.role(f"R{at}"), f"t{at % 40}") for at in range(110)]
    for _ in range(2):
        found = await rig.desk.settle(claims)
    assert len(rig.entries()) == 100  # the first page of this client
    rig.counted()
    rig.clock.now += SEEN
    for _ in range(3):
        found = await rig.desk.settle(claims)
    assert reasons(found) == []
    rig.counted()
    await rig.desk.settle(claims)
    assert rig.counted() == {"ListAccessEntries": 2, "ListRoles": 1}


async def test_a_permission_set_is_found_by_name_and_entered_with_its_path(rig: Rig) -> None:
    role = rig.role("AWSReservedSSO_Team_A_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/eu-north-1/")
    team = claim("permission-set 111122223333/Team_A", username="sso-devteam:{{SessionName}}")
    assert reasons(await settled(rig, team)) == []
    assert rig.entry(role)["username"] == "sso-devteam:{{SessionName}}"
    assert reasons(await rig.desk.settle([claim("permission-set 111122223333/Team")])) == ["PermissionSetNotFound"]


@pytest.mark.parametrize(
    ("operation", "code", "reason", "text"),
    [
        ("CreateAccessEntry", "AccessDeniedException", "AWSPermissionMissing", "eks:CreateAccessEntry"),
        ("ListAccessEntries", "AccessDeniedException", "AWSPermissionMissing", "eks:ListAccessEntries"),
        ("DescribeCluster", "AccessDeniedException", "AWSPermissionMissing", "eks:DescribeCluster"),
        ("ListAccessEntries", "ExpiredTokenException", "AWSCredentialsMissing", "ExpiredTokenException"),
        ("CreateAccessEntry", "ResourceLimitExceededException", "EntryLimitReached", "CreateAccessEntry"),
    ],
)
async def test_what_aws_refuses_is_told_by_its_exact_name(rig: Rig, operation, code, reason, text) -> None:
    role = rig.role("Dev")
    rig.aws.fail(operation, code, times=9, message="nope")
    found = await rig.desk.settle([claim(role)])
    assert reasons(found) == [reason]
    assert text in next(iter(found.trouble.values())).message
    assert not WRITES - {operation} & rig.counted().keys()


async def test_throttling_is_waited_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cotenant.aws.calls.FIRST", 0.001)
    role = rig.role("Dev")
    rig.aws.fail("CreateAccessEntry", "ThrottlingException", times=3, message="Rate exceeded")
    assert reasons(await settled(rig, claim(role))) == []
    rig.clock.now += DAY
    rig.aws.fail("ListAccessEntries", "ThrottlingException", times=99, message="Rate exceeded")
    found = await rig.desk.settle([claim(role)])
    assert [(one.reason, one.status) for one in found.trouble.values()] == [("AWSUnavailable", "Unknown")]


async def test_without_credentials_nothing_but_a_sentence_happens(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    found = await rig.desk.settle([claim("arn:aws:iam::111122223333:role/Dev")])
    assert reasons(found) == ["AWSCredentialsMissing"]
    assert rig.counted() == {}


async def test_a_cluster_that_is_not_there_is_told(rig: Rig) -> None:
    rig.desk.eks.cluster = "nope"
    found = await rig.desk.settle([claim(rig.role("Dev"))])
    assert reasons(found) == ["ClusterNotFound"]
    assert "No cluster found for name: nope" in next(iter(found.trouble.values())).message


async def test_without_the_right_to_list_roles_entries_are_made_all_the_same(rig: Rig) -> None:
    role = rig.role("Dev")
    rig.aws.fail("ListRoles", "AccessDenied", times=9, message="nope")
    team = claim("permission-set 111122223333/Team_A")
    found = await settled(rig, claim(role), team)
    assert {one.target: said.reason for one, said in found.trouble.items()} == {team.target: "AWSPermissionMissing"}
    assert "iam:ListRoles" in found.trouble[team].message
    assert PRINCIPAL_ID not in rig.entry(role)["tags"]


async def test_what_eks_shows_late_is_not_written_twice(rig: Rig) -> None:
    role = rig.role("Dev")
    rig.aws.delay(0.3)
    await rig.desk.settle([claim(role)])
    found = await rig.desk.settle([claim(role)])
    assert reasons(found) == ["IAMPending"]
    assert rig.counted()["CreateAccessEntry"] == 1


async def test_a_restart_describes_each_entry_once_and_writes_none(rig: Rig) -> None:
    number = 130
    roles = [rig.role(f"R{at:03}") for at in range(number)]
    claims = [claim(one) for one in roles]
    for one in roles:
        rig.eks.create_access_entry(
            clusterName=NAME,
            principalArn=one,
            kubernetesGroups=[GROUP],
            tags=OWNED,
        )
    rig.counted()
    desk, looks = rig.another(), 0
    while looks < 10:
        looks += 1
        found = await desk.settle(claims)
        if found.again is None:
            break
    counted = rig.counted()
    # Those of the administrator and of `number` members; 60 in one look, two pages of the list each time.
    assert looks == 3
    assert counted == {
        "GetCallerIdentity": 1,
        "DescribeCluster": 1,
        "ListRoles": 3,
        "ListAccessEntries": 6,
        "DescribeAccessEntry": number + 1,
    }


VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def given(rig: Rig, role: str) -> None:
    """Somebody else's access policy on our entry."""
    scope = {"type": "namespace", "namespaces": ["a"]}
    rig.eks.associate_access_policy(clusterName=NAME, principalArn=role, policyArn=VIEW, accessScope=scope)


def held(found: Settled) -> list[tuple[str, list[str]]]:
    return [(one.finding.reason, sorted(one.tenants)) for one in found.held]


async def test_an_entry_that_has_to_stay_loses_the_groups_of_who_lists_it_no_more_and_the_tenant_is_told(
    rig: Rig,
) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    given(rig, role)
    found = await rig.desk.settle([])
    assert [(one.action, one.groups) for one in found.done] == [("update", ())]
    assert (rig.entries(), rig.entry(role)["kubernetesGroups"]) == ([role], [])
    assert held(found) == [("EntryHeld", ["red"])]
    assert "AmazonEKSViewPolicy on a" in found.held[0].finding.message
    rig.counted()
    later = await rig.desk.settle([])
    assert (later.done, held(later)) == ((), [("EntryHeld", ["red"])])
    assert not WRITES & rig.counted().keys()
    rig.eks.disassociate_access_policy(clusterName=NAME, principalArn=role, policyArn=VIEW)
    await rig.desk.settle([])
    assert (rig.entries(), held(await rig.desk.settle([]))) == ([], [])


async def test_a_member_who_comes_back_gets_his_groups_back(rig: Rig) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    given(rig, role)
    await rig.desk.settle([])
    found = await settled(rig, claim(role))
    assert (rig.entry(role)["kubernetesGroups"], reasons(found), held(found)) == ([GROUP], [], [])


@pytest.mark.parametrize(
    ("operation", "code", "reason"),
    [
        ("DeleteAccessEntry", "AccessDeniedException", "AWSPermissionMissing"),
        ("ListAccessEntries", "AccessDeniedException", "AWSPermissionMissing"),
        ("ListAccessEntries", "ExpiredTokenException", "AWSCredentialsMissing"),
    ],
)
async def test_a_removal_that_fails_is_told_to_the_tenant_that_lists_nobody_any_more(
    rig: Rig, operation: str, code: str, reason: str
) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role))
    rig.aws.fail(operation, code, times=9, message="nope")
    found = await rig.desk.settle([])
    assert (held(found), found.again) == ([(reason, ["red"])], 60.0)


async def test_the_tenant_that_drops_a_shared_principal_is_told_what_keeps_it(rig: Rig) -> None:
    role = rig.role("Dev")
    await settled(rig, claim(role), claim(role, "blue"))
    rig.aws.fail("UpdateAccessEntry", "AccessDeniedException", times=9, message="nope")
    found = await rig.desk.settle([claim(role, "blue")])
    assert held(found) == [("AWSPermissionMissing", ["red"])]


async def test_while_iam_cannot_be_asked_no_entry_of_a_permission_set_is_deleted(rig: Rig) -> None:
    role = rig.role("AWSReservedSSO_Team_0123456789abcdef", "/aws-reserved/sso.amazonaws.com/")
    team = claim("permission-set 111122223333/Team")
    await settled(rig, team)
    rig.aws.fail("ListRoles", "AccessDenied", times=1, message="nope")
    found = await rig.desk.settle([team])
    assert (reasons(found), rig.entries()) == (["AWSPermissionMissing"], [role])
    await rig.desk.settle([claim("permission-set 111122223333/Tea")])
    assert rig.entries() == []
