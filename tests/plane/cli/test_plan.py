"""`cotenant plan` and `render` against a real cluster: what they foretell is what happens."""

from __future__ import annotations

import json

import pytest

from plane.cli.program import cotenant, expect
from vocabulary import eventually, given_tenant, is_ready

pytestmark = pytest.mark.cluster


PLAN = """apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata:
  name: {name}
spec:
  members:
  - {{role: owner, group: {name}-owners}}
  - {{role: viewer, user: zoe}}
  pods: {{security: baseline}}
  spaces: {{limit: 5, declared: [dev, more]}}
"""


def test_plan_tells_what_would_change_and_changes_nothing(cluster, manifest):
    team = given_tenant(cluster, "plan", spaces=["dev"])
    mark = cluster.plane.audit_mark()
    found = cotenant(cluster.admin, "plan", "-f", manifest(PLAN.format(name=team)))
    expect(
        found, 1, f"Tenant {team} (changed)", "+ members[role viewer, user zoe]", "~ spaces.declared [dev] -> [dev, more]",
        "+ access   User zoe: viewer", "+ Namespace/plan-", "Namespaces deleted: 0", "Hits 1 of 1 tenants",
    )  # fmt: skip
    written = [
        one for one in cluster.plane.audit_since(mark, agent="cotenant-cli", writes=True) if "dryRun" not in one.uri
    ]
    assert written == []
    assert cluster.get("Namespace", team.namespace("more")) is None


def test_plan_tells_the_truth(cluster, manifest):
    """What it foretells is what the operator then makes."""
    team = given_tenant(cluster, "truth", spaces=["dev"])
    path = manifest(PLAN.format(name=team))
    found = json.loads(expect(cotenant(cluster.admin, "plan", "-f", path, "-o", "json"), 1))
    (tenant,) = found["tenants"]
    assert cluster.admin.kubectl("apply", "-f", path).ok
    eventually(lambda: (space := cluster.get("Space", "more", team.home)) and is_ready(space))
    for one in tenant["objects"]:
        where, goes = (one["kind"], one["name"], one.get("namespace", "")), one["verb"] == "delete"
        eventually(lambda where=where, goes=goes: (cluster.get(*where) is None) == goes)
    eventually(lambda: cotenant(cluster.admin, "plan", "-f", path).code == 0)


def test_plan_counts_rights_that_are_missing_in_the_cluster(cluster, manifest):
    """Drift in access is a change of access, though no word of the spec is different."""
    team = given_tenant(cluster, "rights", spaces=["dev"])
    path = manifest(json.dumps(team.tenant() | {"metadata": {"name": team.name}}))
    eventually(lambda: cotenant(cluster.admin, "plan", "-f", path).code == 0)
    cluster.operator.kill()
    cluster.delete("RoleBinding", "cotenant-owner", team.namespace("dev"))
    expect(
        cotenant(cluster.admin, "plan", "-f", path), 1, f"+ access   Group {team}-owners: owner", "1 changes of access"
    )


def test_plan_points_at_the_line_that_the_api_server_refuses(cluster, manifest):
    team = given_tenant(cluster, "line", limit=1, spaces=["dev"])
    text = f"apiVersion: cotenant.dev/v1alpha1\nkind: Space\nmetadata:\n  name: more\n  namespace: {team.home}\n"
    path = manifest(text)
    expect(cotenant(cluster.admin, "plan", "-f", path), 2, f"error: {path}:1: ", "exceeded quota")


def test_plan_is_for_those_who_may_read_the_cluster(cluster, manifest):
    team = given_tenant(cluster, "noplan", spaces=["dev"])
    expect(cotenant(team.owner, "plan", "-f", manifest(PLAN.format(name=team))), 2, "forbidden")


def test_rendered_objects_are_what_the_operator_makes(cluster, manifest):
    team = given_tenant(cluster, "same", spaces=["dev"])
    text = PLAN.format(name=team).replace("  - {role: viewer, user: zoe}\n", "").replace(", more", "")
    rendered = json.loads(expect(cotenant(cluster.admin, "render", "-f", manifest(text), "-o", "json", "--native")))
    for one in rendered["items"]:
        metadata = one["metadata"]
        there = cluster.there(one["kind"], metadata["name"], metadata.get("namespace", ""))
        assert metadata["labels"].items() <= there["metadata"]["labels"].items()
        assert [key for key in ("subjects", "roleRef") if one.get(key) != there.get(key)] == []
        if one["kind"] in ("NetworkPolicy", "ResourceQuota"):
            assert one["spec"] == there["spec"]
