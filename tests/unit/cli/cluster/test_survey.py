"""What is left behind, and what only looks like it; who runs."""

from __future__ import annotations

from typing import Any

from cotenant.cli.cluster.survey import Facts, operators, rights
from cotenant.kube.resource import ROLE_BINDINGS
from unit.cluster import Cluster


async def test_the_operators_own_bindings_are_not_left_behind() -> None:
    cluster: Any = Cluster()
    ours = {"app.kubernetes.io/managed-by": "cotenant"}
    for name, namespace, more in (
        ("cotenant", "cotenant-system", {}),
        ("cotenant-aws-auth", "kube-system", {}),
        ("cotenant-owner", "red-dev", {"cotenant.dev/tenant": "red"}),
        ("cotenant-owner", "old", {"cotenant.dev/tenant": "gone"}),
        ("cotenant-editor", "old", {"cotenant.dev/tenant": "gone"}),
    ):
        cluster.put("RoleBinding", name, namespace, about={"labels": ours | more})
    assert rights((await cluster.list(ROLE_BINDINGS)).items, {"red-dev"}) == {"old": 2}


async def test_operators_are_seen_by_every_lease_that_was_ever_renewed() -> None:
    cluster: Any = Cluster()
    facts = Facts(major=1, minor=36, namespace="cotenant-system")
    await operators(cluster, facts)
    assert facts.signs == []
    spec = {"holderIdentity": "pod-2", "renewTime": "2026-11-21T12:00:00.000000Z"}
    cluster.put("Lease", "cotenant", "cotenant-system", spec={"holderIdentity": ""})
    cluster.put("Lease", "cotenant-heartbeat", "cotenant-system", spec=spec)
    await operators(cluster, facts)
    assert [(one.lease, one.holder) for one in facts.signs or ()] == [("cotenant-heartbeat", "pod-2")]


async def test_who_may_read_no_lease_is_told_that_and_nothing_else() -> None:
    cluster: Any = Cluster()
    cluster.refuse("get", "Lease")
    facts = Facts(major=1, minor=36, namespace="cotenant-system")
    await operators(cluster, facts)
    assert facts.signs is None
    assert facts.unseen and facts.unseen[0].startswith("operator: ")
