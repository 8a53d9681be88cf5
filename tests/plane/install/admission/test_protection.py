"""What the platform marked as its own in a space: members with every right there neither change nor delete it."""

from __future__ import annotations

import pytest

from plane.install.admission.place import Manifest, passes, refused
from plane.install.admission.test_rights import MERGE, binding, sa

pytestmark = pytest.mark.cluster
MARKED = {"labels": {"cotenant.dev/protected": "true"}}
PROTECTED: dict[str, Manifest] = {
    "roles": {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]},
    "rolebindings": binding(sa(name="ci"), role="cotenant:viewer", kind="ClusterRole"),
    "configmaps": {"data": {"a": "b"}},
    "secrets": {"stringData": {"a": "b"}},
    "services": {"spec": {"ports": [{"port": 80}]}},
    "serviceaccounts": {},
    "poddisruptionbudgets": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
}


@pytest.mark.parametrize("what", PROTECTED)
async def test_what_the_platform_marked_is_not_a_members_to_change_or_delete(strict, what):
    marked = PROTECTED[what] | {"metadata": {"name": "kept", **MARKED}}
    passes(await strict.ask(what, marked, by=strict.admin, dry=False))
    how = {"name": "kept", "method": "PATCH", "content_type": MERGE}
    every = {"method": "DELETE", "query": {"labelSelector": "cotenant.dev/protected"}}
    mine = PROTECTED[what] | {"metadata": {"name": "mine"}}

    for change in ({"metadata": {"annotations": {"a": "b"}}}, {"metadata": {"labels": None}}):
        refused(await strict.ask(what, change, **how), "COTENANT-RIGHT-9", "kept")
    refused(await strict.ask(what, name="kept", method="DELETE"), "COTENANT-RIGHT-9", "kept")
    refused(await strict.ask(what, **every), "COTENANT-RIGHT-9")
    # Nobody passes something off as the platform's, nor makes it so afterwards.
    refused(await strict.ask(what, marked | {"metadata": {"name": "x", **MARKED}}), "COTENANT-RIGHT-9")
    passes(await strict.ask(what, mine, dry=False))
    refused(await strict.ask(what, {"metadata": MARKED}, **(how | {"name": "mine"})), "COTENANT-RIGHT-9")
    passes(await strict.ask(what, {"metadata": {"annotations": {"a": "b"}}}, **(how | {"name": "mine"})))
    passes(await strict.ask(what, name="mine", method="DELETE", dry=False))
    passes(await strict.ask(what, {"metadata": {"labels": None}}, by=strict.admin, **how))
    passes(await strict.ask(what, name="kept", method="DELETE", by=strict.admin, dry=False))
