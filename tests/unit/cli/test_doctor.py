from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cotenant.api.meta import Condition, ObjectMeta
from cotenant.api.schema import crds
from cotenant.api.tenant import Tenant, TenantStatus
from cotenant.cli.cluster.glazing import Broken
from cotenant.cli.cluster.placement import Placement
from cotenant.cli.cluster.signs import Sign
from cotenant.cli.cluster.survey import Facts, unsynced
from cotenant.cli.doctor import NEXT, Finding, diagnose, exit_code, lines
from cotenant.judge.reasons import REASONS

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEFINITIONS = {crd["metadata"]["name"]: crd for crd in crds()}


def signs(**ages: int) -> list[Sign]:
    """Of Leases that were renewed so many seconds ago: of the leader, and of another one that beats."""
    holders = {"cotenant": "pod-1", "cotenant_heartbeat": "pod-2"}
    return [Sign(name.replace("_", "-"), holders[name], NOW - timedelta(seconds=age)) for name, age in ages.items()]


def healthy(**changes) -> Facts:
    facts = {
        "major": 1,
        "minor": 36,
        "validating_served": True,
        "mutating_served": True,
        "daemon_sets": {"aws-node": ["--enable-network-policy=true"]},
        "definitions": DEFINITIONS,
        "namespaces": {"default": {}, "home-acme": {"cotenant.dev/tenant": "acme"}},
        "missing_rights": [],
        "policies": {"cotenant-leash": "bound", "cotenant-guard": "bound"},
        "denies": {"cotenant-leash": True, "cotenant-guard": True},
        "astray": [],
        "bound": {},
        "outsiders": [],
        "placement": Placement(nodes=3),
        "shut_out": {},
        "signs": signs(cotenant=3, cotenant_heartbeat=1),
    }
    return Facts(**(facts | changes))


def remarks(facts: Facts, *, before: bool = False) -> list[tuple[str, str, str]]:
    return [(f.level, f.what, f.detail) for f in diagnose(facts, NOW, before=before) if f.level != "ok"]


@pytest.mark.parametrize("before", [True, False])
def test_a_healthy_cluster_gets_no_remark(before):
    findings = diagnose(healthy(), NOW, before=before)

    assert {finding.level for finding in findings} == {"ok"}
    assert exit_code(findings, partly=False) == 0


@pytest.mark.parametrize(
    ("changes", "level", "what", "words"),
    [
        ({"minor": 29}, "FAIL", "version", "no ValidatingAdmissionPolicy"),
        ({"minor": 32}, "WARN", "version", "untested"),
        ({"minor": 37}, "WARN", "version", "untested"),
        ({"validating_served": False}, "FAIL", "validating policies", "not served"),
        ({"mutating_served": False}, "WARN", "mutating policies", "1.36"),
        ({"daemon_sets": {"aws-node": ["--enable-network-policy=false"]}}, "WARN", "network policies", "is off"),
        (
            {"aws_auth": {"mapRoles": "- rolearn: ["}},
            "FAIL",
            "IAM identities",
            "nobody whom mapRoles names can sign in",
        ),
        ({"aws_auth": {"mapRoles": "- username: x"}}, "WARN", "IAM identities", "names no ARN"),
        ({"aws_auth": {"mapUsers": "- userarn: a\n- userarn: a"}}, "WARN", "IAM identities", "a is mapped twice"),
        ({"daemon_sets": {}}, "WARN", "network policies", "not proven"),
        ({"daemon_sets": {"cilium": []}}, "WARN", "network policies", "cilium is there"),
        ({"namespaces": {"home-x": {}}}, "WARN", "namespaces", "home-x"),
        ({"policies": {"cotenant-guard": "missing"}}, "FAIL", "policies", "missing"),
        ({"policies": {"cotenant-leash": "not bound"}}, "FAIL", "policies", "not bound"),
        ({"policies": {"cotenant-leash": "bound for Audit only"}}, "FAIL", "policies", "Audit only: nothing is denied"),
        (
            {"shut_out": {"usual": ["acme"]}},
            "FAIL",
            "priority classes",
            "get usual, which pods.priorityClasses of acme",
        ),
        ({"denies": {"cotenant-guard": False}}, "FAIL", "policies", "cotenant-guard let through"),
        ({"denies": {"cotenant-leash": False}}, "FAIL", "policies", "cotenant-leash let through"),
        (
            {"lifted": [Broken("cotenant-pods", NOW + timedelta(minutes=5), "registry down", "ann")]},
            "WARN",
            "breakglass",
            "1 policies only audit until 2026-11-21T12:05:00Z: registry down (ann)",
        ),
        ({"astray": ["acme-old"]}, "WARN", "left behind", "acme-old carries a tenant's label"),
        ({"bygone": {"acme": ["acme-a", "home-acme"]}}, "WARN", "left behind", "acme is gone, acme-a, home-acme kept"),
        ({"bound": {"acme-old": 2}}, "WARN", "left behind", "2 role bindings of ours give rights in it"),
        (
            {"outsiders": [("acme-dev", "legacy", "User bob")]},
            "WARN",
            "role bindings",
            "RoleBinding legacy in acme-dev names User bob",
        ),
        (
            {"placement": Placement(contested={"gold": ["a", "b"]})},
            "WARN",
            "node pools",
            "gold is meant for one tenant, and a, b",
        ),
        ({"placement": Placement(untainted={"a": ["n1"]})}, "WARN", "node pools", "n1 of tenant a lack the taint"),
        (
            {"placement": Placement(guests=[("b-dev/web", "n1", "a")])},
            "FAIL",
            "node pools",
            "b-dev/web runs on node n1",
        ),
        ({"placement": Placement(outside={"a": ["a-dev/x"]})}, "WARN", "node pools", "a-dev/x of tenant a run outside"),
        ({"signs": []}, "FAIL", "operator", "no Lease"),
        ({"signs": signs(cotenant=300)}, "FAIL", "operator", "pod-1 was there last, 300 s ago"),
        ({"signs": signs(cotenant=900, cotenant_heartbeat=300)}, "FAIL", "operator", "pod-2 was there last, 300 s ago"),
        ({"signs": signs(cotenant=300, cotenant_heartbeat=1)}, "WARN", "operator", "pod-2 runs, pod-1 led last, 300 s"),
    ],
)
def test_what_is_wrong_gets_one_remark_with_a_fix(changes, level, what, words):
    (remark,) = remarks(healthy(**changes))

    assert remark[:2] == (level, what)
    assert words in remark[2]
    assert all(finding.fix for finding in diagnose(healthy(**changes), NOW, before=False) if finding.level != "ok")


@pytest.mark.parametrize(
    ("ages", "said"),
    [
        ({"cotenant": 3, "cotenant_heartbeat": 1}, "pod-1 leads"),
        ({"cotenant": 3}, "pod-1 leads"),
        ({"cotenant": 3, "cotenant_heartbeat": 300}, "pod-1 leads"),
        ({"cotenant_heartbeat": 1}, "pod-2 runs without leader election"),
    ],
)
def test_an_operator_is_seen_by_either_lease(ages, said):
    findings = diagnose(healthy(signs=signs(**ages)), NOW, before=False)
    assert [(one.level, one.detail) for one in findings if one.what == "operator"] == [("ok", said)]


def test_rights_in_a_released_namespace_come_with_the_command_that_takes_them():
    (found,) = [one for one in diagnose(healthy(bound={"acme-old": 2}), NOW, before=False) if one.level != "ok"]
    assert (
        found.fix
        == "kubectl delete rolebindings -n acme-old -l app.kubernetes.io/managed-by=cotenant,cotenant.dev/tenant"
    )


def test_many_bindings_of_outsiders_are_counted():
    many = [("acme-dev", f"b{number}", "User bob") for number in range(8)]

    assert [detail for _, what, detail in remarks(healthy(outsiders=many))][-1] == "and 3 more like these"


def test_definitions_that_miss_or_differ_are_named():
    some = dict(DEFINITIONS)
    del some["spaces.cotenant.dev"]
    old = DEFINITIONS["tenants.cotenant.dev"]
    some["tenants.cotenant.dev"] = {"spec": old["spec"] | {"versions": [{"schema": {}}]}}

    assert remarks(healthy(definitions=some)) == [
        ("WARN", "definitions", "tenants.cotenant.dev is of another version of cotenant"),
        ("FAIL", "definitions", "spaces.cotenant.dev is missing"),
    ]


def test_another_tenancy_tool_is_named():
    capsule = {"tenants.capsule.clastix.io": {"spec": {"group": "capsule.clastix.io"}}}

    (remark,) = remarks(healthy(definitions=DEFINITIONS | capsule))
    assert "Capsule" in remark[2]


def test_before_an_installation_only_what_it_needs_is_asked():
    facts = healthy(definitions={}, policies={}, denies={}, signs=[])
    assert remarks(facts, before=True) == []

    (remark,) = remarks(healthy(missing_rights=["clusterroles.rbac.authorization.k8s.io"]), before=True)
    assert remark[:2] == ("FAIL", "your rights")


def test_what_could_not_be_read_is_no_finding_and_exit_3():
    blind = Facts(major=1, minor=36, unseen=["namespaces: forbidden"])

    findings = diagnose(blind, NOW, before=False)

    assert [finding.what for finding in findings] == ["version"]
    assert exit_code(findings, partly=True) == 3
    assert list(lines(findings, blind.unseen))[-1].startswith("?")


def test_a_failure_weighs_more_than_what_was_not_seen():
    assert exit_code([Finding("FAIL", "x", "y")], partly=True) == 1
    assert exit_code([Finding("WARN", "x", "y")], partly=False) == 0


def test_a_glass_whose_time_is_over_gets_no_remark():
    assert remarks(healthy(lifted=[Broken("cotenant-pods", NOW, "registry down", "ann")])) == []


def says(status: str, reason: str, message: str = "m") -> dict[str, Condition]:
    return {"acme": Condition(type="IAMSynced", status=status, reason=reason, message=message)}


@pytest.mark.parametrize(
    ("status", "reason", "level", "fix"),
    [
        ("False", "AWSPermissionMissing", "FAIL", "cotenant iam policy"),
        ("False", "PrincipalNotFound", "FAIL", "kubectl edit cot acme"),
        ("False", "EntryConflict", "FAIL", "cotenant iam plan acme"),
        ("Unknown", "IAMPending", "WARN", "kubectl get cot acme"),
    ],
)
def test_a_tenant_whose_members_cannot_enter_is_named_with_reason_and_next_command(status, reason, level, fix):
    facts = healthy(unsynced=says(status, reason, "lacks eks:X"))
    (found,) = [one for one in diagnose(facts, NOW, before=False) if one.level != "ok"]
    assert (found.level, found.what, found.detail) == (level, "IAM members", f"tenant acme, {reason}: lacks eks:X")
    assert fix in found.fix


@pytest.mark.parametrize("reason", sorted(NEXT))
def test_every_next_command_is_about_a_reason_that_there_is(reason):
    assert reason in REASONS


def test_only_tenants_whose_principals_are_not_synced_are_named():
    tenants = [
        Tenant(metadata=ObjectMeta(name=name), status=TenantStatus(conditions=[condition]))
        for name, condition in (
            ("a", Condition(type="IAMSynced", status="True", reason="Synced")),
            ("b", Condition(type="IAMSynced", status="False", reason="EntryHeld")),
            ("c", Condition(type="Ready", status="False", reason="EntryHeld")),
        )
    ]
    assert list(unsynced(tenants)) == ["b"]
