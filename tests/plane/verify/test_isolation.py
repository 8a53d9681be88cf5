"""`verify` on planes whose isolation is whole, and on planes with holes made on purpose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cotenant.judge.isolation import table
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.proof import prover
from cotenant.proof.scene import Question, UnknownTenant
from plane.verify.hand import RBAC, Hand, group_subject, heard, manifest

pytestmark = pytest.mark.cluster
NOWHERE = "cotenant-verify-0123456789abcdef"


def asked(**more) -> Question:
    return Question(nowhere=NOWHERE, seed=1, now=datetime.now(UTC), **more)


async def verify(admin, question: Question):
    """The proof, of everything that was made until now."""
    await heard(admin)
    return await prover.verify(admin, question)


def cell(report, source: str, target: str):
    return next(one for one in report.cells if (one.source, one.target) == (source, target))


async def two(hand) -> None:
    await hand.tenant("red", owner="reds", spaces=("dev",))
    await hand.tenant("blue", editor="blues", viewer="blue-guests")


@pytest.fixture(scope="module")
async def whole(admin):
    """The report on two tenants without a hole: 3,400 requests, for all that it says."""
    hand = Hand(admin)
    await two(hand)
    report = await verify(admin, asked())
    await hand.undo()
    return report


async def test_two_tenants_are_proven_isolated_and_every_refusal_is_rbacs(whole):
    report = whole
    assert (report.verdict, report.exit_code, report.mode) == ("PROVEN", 0, "live")
    assert {one.state for one in report.cells} == {"PROVEN"}
    assert set(cell(report, "red", "blue").counts) == {"DENIED by RBAC"}
    assert 250 < cell(report, "red", "blue").checks / 2 < 400  # one member, a space and a home
    assert report.counts["DENIED by pod security"] == 2  # the owner and the editor; a viewer makes no pods
    said = 'User "cotenant-verify:reds" cannot create resource "secrets" in API group "" in the namespace'
    assert said in cell(report, "red", "blue").sample.answer
    assert "PROVEN: 2 of 2 pairs" in table.text(report)


async def test_where_everything_is_open_verify_still_changes_and_reads_nothing(admin, hand, verify_plane):
    await two(hand)
    await hand.bind("blue-dev", "cluster-admin", [group_subject("reds")])
    await heard(admin)
    mark = verify_plane.audit_mark()
    report = await prover.verify(admin, asked())
    assert report.exit_code == 1
    ours = verify_plane.audit_since(mark, agent="cotenant")
    assert sum("dryRun=All" in one.uri for one in ours) > 500
    assert [one for one in ours if one.write and one.code < 300] == []
    reads = [one for one in ours if one.namespace == "blue-dev" and one.impersonated and one.verb in ("get", "list")]
    assert all(NOWHERE in one.uri for one in reads if one.resource != "namespaces")


async def test_a_binding_in_another_tenants_space_is_found_and_named(admin, hand):
    await two(hand)
    await hand.bind("blue-dev", "view", [group_subject("reds")])
    report = await verify(admin, asked())
    assert (report.verdict, report.exit_code) == ("BROKEN", 1)
    assert (cell(report, "red", "blue").state, cell(report, "blue", "red").state) == ("BROKEN", "PROVEN")
    holes = cell(report, "red", "blue").failures
    by = 'RBAC: allowed by RoleBinding "view/blue-dev" of ClusterRole "view" to Group "reds"'
    assert {one.decider for one in holes if one.claim == "foreign"} == {by}
    pods = next(one for one in holes if one.action == "get pods in blue-dev")
    assert (pods.status, pods.outcome) == (404, "ALLOWED")
    assert pods.reproduce == (f"kubectl --as cotenant-verify:reds --as-group reds get pods {NOWHERE} -n blue-dev")
    assert not any("secrets" in one.action for one in holes)
    assert "BROKEN  red → blue: group reds" in table.text(report)


async def test_a_cluster_wide_binding_breaks_every_pair_of_its_subject(admin, hand):
    await two(hand)
    ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    hole = manifest(f"{RBAC}/v1", "ClusterRoleBinding", "hole", roleRef=ref, subjects=[group_subject("blue-guests")])
    await hand.make(hole)
    report = await verify(admin, asked())
    assert cell(report, "blue", "red").state == "BROKEN"
    assert cell(report, "blue", "blue").state == "BROKEN"  # lists pods of all namespaces
    assert cell(report, "red", "blue").state == "PROVEN"
    assert {one.member for one in cell(report, "blue", "red").failures} == {"group blue-guests"}


async def test_a_wildcard_role_shows_in_every_verb_and_as_a_rule(admin, hand):
    await two(hand)
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    await hand.make(manifest(f"{RBAC}/v1", "Role", "all", "blue-dev", rules=rules))
    await hand.bind("blue-dev", "all", [group_subject("reds")], kind="Role")
    report = await verify(admin, asked())
    found = cell(report, "red", "blue")
    refused_in_home = found.counts["DENIED by RBAC"]
    assert found.failed == found.checks - refused_in_home
    assert 0.45 < found.failed / found.checks < 0.55  # the space is open, the home is not
    assert {"grants", "foreign"} == {one.claim for one in found.failures}


async def test_a_right_on_one_named_object_alone_is_found_by_its_rule(admin, hand):
    await two(hand)
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"], "verbs": ["get"]}]
    await hand.make(manifest(f"{RBAC}/v1", "Role", "one", "blue-dev", rules=rules))
    await hand.bind("blue-dev", "one", [group_subject("reds")], kind="Role")
    found = cell(await verify(admin, asked()), "red", "blue")
    assert [one.answer for one in found.failures] == ["RBAC gives get on secrets named db"]


async def test_a_right_of_a_spaces_service_accounts_in_another_tenant_is_found_and_named(admin, hand):
    await hand.tenant("red", viewer="reds")
    await hand.tenant("blue", viewer="blues")
    await hand.make(manifest("v1", "ServiceAccount", "robot", "blue-dev"))
    await hand.bind("blue-dev", "view", [group_subject("system:serviceaccounts:red-dev")])
    await hand.cluster_role("odd", [{"apiGroups": ["example.com"], "resources": ["x"], "verbs": ["get"]}])
    await hand.bind("red-dev", "odd", [{"kind": "ServiceAccount", "namespace": "blue-dev", "name": "robot"}])
    report = await verify(admin, asked())
    (hole,) = cell(report, "red", "blue").failures
    assert hole.member == "any ServiceAccount of red-dev"
    by = 'RBAC: allowed by RoleBinding "view/blue-dev" of ClusterRole "view" to Group "system:serviceaccounts:red-dev"'
    assert hole.decider == by
    (other,) = cell(report, "blue", "red").failures
    assert (other.member, other.answer) == ("serviceAccount blue-dev/robot", "RBAC gives get on x.example.com")
    assert 'RoleBinding "odd/red-dev"' in other.decider
    assert report.members == 2


async def test_cluster_wide_rights_beyond_everybodys_are_found_whatever_they_are(admin, hand):
    await hand.tenant("red", viewer="reds")
    await hand.tenant("blue", viewer="blues")
    rules = [
        {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "verbs": ["approve"]},
        {"nonResourceURLs": ["/logs", "/healthz"], "verbs": ["get"]},
    ]
    await hand.cluster_role("minter", rules, group_subject("reds"))
    binder = [{"apiGroups": [RBAC], "resources": ["clusterrolebindings", "rolebindings"], "verbs": ["create"]}]
    await hand.cluster_role("binder", binder, group_subject("blues"))
    report = await verify(admin, asked())
    seen = next(one for one in cell(report, "red", "red").failures if one.action == "any right cluster-wide")
    assert seen.answer == "RBAC gives approve on signers.certificates.k8s.io; RBAC gives get on /logs"
    assert seen.decider == 'RBAC: allowed by ClusterRoleBinding "minter" of ClusterRole "minter" to Group "reds"'
    assert cell(report, "red", "blue").state == "BROKEN"
    tried = {one.action: one for one in [*cell(report, "blue", "blue").failures, *cell(report, "blue", "red").failures]}
    for action in (f"create clusterrolebindings.{RBAC} cluster-wide", f"create rolebindings.{RBAC} in red-dev"):
        assert (tried[action].outcome, tried[action].status) == ("ALLOWED", 404), action
    assert {cell.state for cell in report.cells} == {"BROKEN"}
    assert table.text(report).splitlines()[-1].endswith("failures cluster-wide; 0 of 2 pairs proven isolated")


async def test_members_without_any_right_are_no_proof(admin, hand):
    await hand.tenant("red", owner="reds", bound=False)
    await hand.tenant("blue", editor="blues")
    report = await verify(admin, asked())
    assert (report.verdict, report.exit_code) == ("INCOMPLETE", 3)
    assert cell(report, "red", "blue").state == "INCOMPLETE"
    assert cell(report, "blue", "red").state == "PROVEN"
    assert "group reds cannot do in an own space what its role says" in table.text(report)


@pytest.mark.parametrize("label", ["", "privileged"])
async def test_a_privileged_pod_in_an_own_space_breaks_it(admin, hand, label):
    await hand.tenant("red", owner="reds")
    await hand.tenant("blue", editor="blues", label=label, spaces=("old",))
    report = await verify(admin, asked())
    assert (report.verdict, report.exit_code, cell(report, "blue", "blue").state) == ("BROKEN", 1, "BROKEN")
    assert [one.answer for one in cell(report, "blue", "blue").failures] == [
        "a privileged pod is accepted in blue-old",
        f"namespace blue-old enforces {label or 'no level'}; the rules of its Tenant say baseline",
    ]
    assert cell(report, "red", "red").state == "PROVEN"


async def test_a_label_that_enforces_too_little_is_found_without_the_right_to_try(admin, hand):
    await hand.tenant("red", viewer="reds")
    await hand.tenant("blue", viewer="blues", label="privileged")
    report = await verify(admin, asked(static=True))
    assert (report.exit_code, cell(report, "blue", "blue").state) == (1, "BROKEN")


async def test_whoever_may_change_its_own_fence_is_not_isolated(admin, hand):
    await two(hand)
    await hand.bind("red-dev", "admin", [group_subject("reds")])
    report = await verify(admin, asked())
    failures = {one.action for one in cell(report, "red", "red").failures}
    assert "create networkpolicies.networking.k8s.io in red-dev" in failures
    assert report.exit_code == 1


async def test_an_owner_makes_bindings_and_gives_nothing_away_by_them(whole):
    own = cell(whole, "red", "red")
    assert (own.state, own.counts["DENIED by policy"]) == ("PROVEN", 2)
    assert "DENIED by policy" not in cell(whole, "blue", "blue").counts  # an editor makes none


async def test_whoever_binds_anybody_to_anything_in_an_own_space_is_not_isolated(admin, hand):
    await two(hand)
    # The platform, as far as one kind goes: no policy stands above it.
    rules = [{"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["create", "bind", "escalate"]}]
    await hand.cluster_role("binder", rules, group_subject("reds"))
    report = await verify(admin, asked())
    said = {one.answer for one in cell(report, "red", "red").failures if one.claim == "bindings"}
    assert said == {
        "a binding of group system:authenticated is accepted",
        "a binding with the label of cotenant's own is accepted",
        "a Role with every right is accepted",
    }


async def test_static_asks_only_and_finds_the_same_hole(admin, hand, verify_plane):
    await two(hand)
    await hand.bind("blue-dev", "view", [group_subject("reds")])
    await heard(admin)
    mark = verify_plane.audit_mark()
    report = await prover.verify(admin, asked(static=True))
    assert (report.mode, report.exit_code, cell(report, "red", "blue").state) == ("static", 1, "BROKEN")
    assert not [one for one in verify_plane.audit_since(mark) if one.impersonated]


async def test_who_may_not_impersonate_asks_instead_and_the_report_says_so(admin, hand, verify_plane):
    await two(hand)
    rules = [
        {"apiGroups": ["cotenant.dev"], "resources": ["tenants", "tenantprofiles"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]},
        {"apiGroups": [RBAC], "resources": ["clusterroles"], "verbs": ["get"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    await hand.make(manifest(f"{RBAC}/v1", "ClusterRole", "auditor", rules=rules))
    ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "auditor"}
    await hand.make(
        manifest(f"{RBAC}/v1", "ClusterRoleBinding", "auditor", roleRef=ref, subjects=[group_subject("auditors")])
    )
    await heard(admin)
    auditor = Client(await Transport.from_kubeconfig(verify_plane.user("ann", ["auditors"])))
    try:
        report = await prover.verify(auditor, asked())
    finally:
        await auditor.close()
    assert (report.mode, report.exit_code) == ("static", 0)
    assert any("may not impersonate 3 of 3 members" in note for note in report.notes)


async def test_a_namespace_that_no_space_stands_for_is_left_out_and_named(admin, hand):
    await two(hand)
    await hand.namespace("red-astray", {"cotenant.dev/tenant": "red", "cotenant.dev/space": "astray"})
    report = await verify(admin, asked())
    assert report.verdict == "PROVEN"
    assert [note for note in report.notes if "red-astray" in note] == [
        "namespace red-astray was left out: no Space stands for it; see: cotenant tree"
    ]


async def test_a_member_of_both_tenants_is_not_held_against_them(admin, hand):
    await hand.tenant("red", owner="both")
    await hand.tenant("blue", editor="both")
    report = await verify(admin, asked())
    assert cell(report, "red", "blue").checks <= 4  # only the ServiceAccounts, by one rules review a namespace
    assert "group both is a member of blue, red: not tried between them" in report.notes


async def test_one_tenant_alone_has_nothing_to_be_isolated_from(admin, hand):
    await hand.tenant("red", owner="reds")
    report = await verify(admin, asked())
    assert (report.verdict, report.exit_code) == ("INCOMPLETE", 3)


async def test_a_tenant_that_does_not_exist_is_an_error(admin, hand):
    with pytest.raises(UnknownTenant, match="no tenant green"):
        await verify(admin, asked(only=("green",)))


async def test_a_service_account_is_tried_with_the_groups_that_it_has(admin, hand):
    await two(hand)
    account = {"serviceAccount": {"namespace": "ci", "name": "robot"}}
    spec = {"members": [{"role": "owner", "group": "reds"}, {"role": "viewer", **account}]}
    await admin.merge(resource.TENANTS, "red", {"spec": spec})
    robot = {"kind": "ServiceAccount", "namespace": "ci", "name": "robot"}
    await hand.bind("red-dev", "cotenant:viewer", [robot])
    await hand.bind("home-red", "cotenant:home-viewer", [group_subject("reds"), robot])
    report = await verify(admin, asked())
    assert (report.members, report.verdict) == (4, "PROVEN")
    await hand.bind("blue-dev", "view", [group_subject("system:serviceaccounts:ci")])
    assert cell(await verify(admin, asked()), "red", "blue").state == "BROKEN"
