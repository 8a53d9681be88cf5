"""What is left behind, and what only looks like it."""

from __future__ import annotations

from typing import Any

from cotenant.cli.cluster.survey import rights
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
