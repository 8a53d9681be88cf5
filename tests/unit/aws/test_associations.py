from __future__ import annotations

from cotenant.aws.associations import AGE, FEW, OLD, Associations
from cotenant.aws.eks import Eks
from unit.aws.conftest import NAME, Rig


def made(rig: Rig, number: int) -> list[str]:
    role = rig.role("app")
    return [
        rig.eks.create_pod_identity_association(
            clusterName=NAME, namespace="red-dev", serviceAccount=f"a{one}", roleArn=role
        )["association"]["associationId"]
        for one in range(number)
    ]


async def test_what_is_known_is_not_described_again_and_what_is_gone_is_forgotten(rig: Rig) -> None:
    first, *_ = made(rig, 7)
    found = Associations(Eks(rig.calls, NAME), rig.clock)
    rig.counted()
    assert len(await found.look()) == 7
    assert rig.counted() == {"ListPodIdentityAssociations": 1, "DescribePodIdentityAssociation": 7}
    await found.look()
    assert rig.counted() == {}
    rig.clock.now += AGE
    await found.look()
    assert rig.counted() == {"ListPodIdentityAssociations": 1}
    rig.eks.delete_pod_identity_association(clusterName=NAME, associationId=first)
    rig.clock.now += AGE
    assert first not in [one.id for one in await found.look()]


async def test_a_role_that_was_changed_is_seen_within_an_hour_few_at_a_time(rig: Rig) -> None:
    first, *_ = made(rig, FEW + 2)
    found = Associations(Eks(rig.calls, NAME), rig.clock)
    await found.look()
    other = rig.role("other")
    rig.eks.update_pod_identity_association(clusterName=NAME, associationId=first, roleArn=other)
    rig.clock.now += OLD
    rig.counted()
    for _ in range(2):
        seen = await found.look()
        rig.clock.now += AGE
    assert rig.counted()["DescribePodIdentityAssociation"] == FEW + 2
    assert other in [one.role for one in seen]
