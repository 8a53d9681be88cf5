"""Manifests in, objects out, no cluster."""

import json

import pytest
import yaml

from cotenant.cli import answer
from cotenant.cli.manifests import load
from cotenant.cli.render import offline
from cotenant.model.platform import Platform

TEAM = """
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: backend}
spec:
  members:
  - {role: owner, group: devs}
  - {role: viewer, user: bob}
  spaces: {limit: 3, declared: [dev]}
  quota: {hard: {pods: 20}, space: {max: {pods: 10}}}
"""
SPACE = """
---
apiVersion: cotenant.dev/v1alpha1
kind: Space
metadata: {name: extra, namespace: home-backend}
spec: {quota: {max: {pods: 5}}}
"""


@pytest.fixture
def rendered(tmp_path, capsys):
    """Runs `cotenant render` on a text: code, documents, what stderr says."""

    def run(text, *flags):
        path = tmp_path / "t.yaml"
        path.write_text(text)
        code = answer(["render", "-f", str(path), *flags], "cotenant")
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def named(text):
    return [
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in yaml.safe_load_all(text)
    ]


def test_a_tenant_becomes_its_home_and_everything_in_its_spaces(rendered):
    code, out, _ = rendered(TEAM)
    assert code == 0
    assert named(out) == [
        ("Namespace", "", "home-backend"),
        ("ResourceQuota", "home-backend", "cotenant"),
        ("SpacePolicy", "home-backend", "policy"),
        ("Space", "home-backend", "dev"),
        ("RoleBinding", "home-backend", "cotenant-create"),
        ("RoleBinding", "home-backend", "cotenant-read"),
        ("Namespace", "", "backend-dev"),
        ("ResourceQuota", "backend-dev", "cotenant"),
        ("LimitRange", "backend-dev", "cotenant"),
        ("NetworkPolicy", "backend-dev", "cotenant-allow-internet"),
        ("NetworkPolicy", "backend-dev", "cotenant-allow-platform"),
        ("NetworkPolicy", "backend-dev", "cotenant-allow-tenant"),
        ("NetworkPolicy", "backend-dev", "cotenant-default-deny"),
        ("SpacePolicy", "backend-dev", "policy"),
        ("RoleBinding", "backend-dev", "cotenant-owner"),
        ("RoleBinding", "backend-dev", "cotenant-viewer"),
    ]


def test_the_same_manifests_give_the_same_text_in_any_order(rendered, tmp_path):
    two = TEAM.replace("backend", "frontend")
    assert rendered(f"{TEAM}---{two}")[1] == rendered(f"{two}---{TEAM}")[1]


def test_a_space_of_its_own_document_gets_its_own_ceiling(rendered):
    found = {
        one["metadata"]["namespace"]: one["spec"]["hard"]["pods"]
        for one in yaml.safe_load_all(rendered(TEAM + SPACE)[1])
        if one["kind"] == "ResourceQuota"
    }
    assert found == {"home-backend": "0", "backend-dev": "10", "backend-extra": "5"}


def test_native_objects_are_enough_for_a_cluster_without_cotenant(rendered):
    kinds = {kind for kind, _, _ in named(rendered(TEAM, "--native")[1])}
    assert kinds == {"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding"}


def test_json_is_one_versioned_document_and_names_can_be_counted(rendered):
    whole = json.loads(rendered(TEAM, "-o", "json")[1])
    assert (whole["apiVersion"], whole["kind"]) == ("cli.cotenant.dev/v1", "RenderReport")
    names = rendered(TEAM, "-o", "name")[1].splitlines()
    assert len(names) == len(whole["items"])
    assert names[2] == "spacepolicy.cotenant.dev/policy"


def test_a_profile_in_the_files_fills_in_what_the_tenant_leaves_out(rendered):
    profile = "apiVersion: cotenant.dev/v1alpha1\nkind: TenantProfile\nmetadata: {name: std}\nspec: {pods: {security: baseline}}\n---"
    out = rendered(profile + TEAM.replace("spec:", "spec:\n  profile: std"))[1]
    spaces = [
        one
        for one in yaml.safe_load_all(out)
        if one["kind"] == "Namespace" and one["metadata"]["name"] == "backend-dev"
    ]
    assert spaces[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEAM.replace("spec:", "spec:\n  profile: std"), "tenant backend names profile std, which is in no file"),
        (TEAM + SPACE.replace("home-backend", "home-other"), "which is the home of no tenant in these files"),
    ],
)
def test_what_is_in_no_file_is_asked_for(rendered, text, message):
    code, out, err = rendered(text)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (TEAM.replace("pods: 20", "limits.cpu: 4"), "tenant backend: QuotaWithoutDefaults: "),
        (
            TEAM.replace("user: bob", 'user: bob, expires: "2020-01-01T00:00:00Z"'),
            "tenant backend: MemberExpired: user bob",
        ),
        (TEAM.replace("role: viewer", "role: boss"), "tenant backend: RoleNotAllowed: "),
        (TEAM.replace("limit: 3", "limit: 1") + SPACE, "tenant backend: SpacesOverLimit: "),
        (TEAM + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n", "ignored: v1 Secret s ("),
        (
            TEAM.replace("name: backend", "name: backend-with-quite-a-long-name-of-a-team").replace(
                "declared: [dev]", "declared: [a-space-whose-name-is-long]"
            ),
            "NameTooLong: ",
        ),
    ],
)
def test_what_would_be_a_condition_is_a_note(rendered, text, note):
    code, _, err = rendered(text)
    assert code == 0
    assert note in err


def test_a_role_of_the_installation_is_allowed_by_a_flag(rendered):
    _, out, err = rendered(TEAM.replace("role: viewer", "role: developer"), "--roles", "developer")
    assert ("RoleBinding", "backend-dev", "cotenant-developer") in named(out)
    assert "RoleNotAllowed" not in err


def test_names_that_clash_are_noted_and_the_first_one_wins(rendered):
    one = TEAM.replace("name: backend", "name: a").replace("[dev]", "[b-c]")
    other = TEAM.replace("name: backend", "name: a-b").replace("[dev]", "[c]")
    _, out, err = rendered(f"{one}---{other}")
    assert [name for kind, _, name in named(out) if kind == "Namespace"].count("a-b-c") == 1
    assert "space home-a-b/c: NamespaceTaken: namespace a-b-c is taken" in err


def test_what_no_forecast_can_tell_is_no_warning(rendered):
    _, out, err = rendered(TEAM)
    assert "cotenant.dev/accounting: strict" in out
    assert "Accounting" not in err


def test_a_settled_forecast_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(TEAM + SPACE)
    forecast = offline(load([str(path)]), Platform())
    assert forecast.writes
    forecast.settle("backend")  # the first status is copied into the home
    forecast.writes.clear()
    forecast.settle("backend")
    assert forecast.writes == {}


def test_nothing_is_printed_when_a_manifest_is_faulty(rendered):
    code, out, _ = rendered(TEAM + "  odd: 1\n")
    assert (code, out) == (2, "")


POOLED = """
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: %s}
spec: {members: [{role: owner, group: devs}], nodes: {pool: %s, dedicated: %s}}
"""
POOL, DEDICATED = "node-restriction.kubernetes.io/cotenant-pool", "node-restriction.kubernetes.io/cotenant-tenant"


def test_the_nodes_of_a_dedicated_pool_are_labelled_tainted_and_tagged_whatever_makes_them(rendered):
    code, out, said = rendered(
        POOLED % ("acme", "gold", "true"), "--nodes", "--eks-cluster", "prod", "--region", "eu-west-1"
    )

    pool, nodes, group, runtime = yaml.safe_load_all(out)
    assert code == 0
    taint = {"key": DEDICATED, "value": "acme", "effect": "NoExecute"}
    tags = {"cotenant.dev/pool": "gold", "cotenant.dev/tenant": "acme"}
    assert (pool["kind"], nodes["kind"]) == ("NodePool", "EC2NodeClass")
    assert pool["spec"]["template"]["metadata"]["labels"] == {POOL: "gold"}
    assert pool["spec"]["template"]["spec"]["taints"] == [taint]
    assert pool["spec"]["template"]["spec"]["nodeClassRef"]["name"] == nodes["metadata"]["name"] == "cotenant-gold"
    assert nodes["spec"]["tags"] == tags
    assert group["metadata"] == {"name": "prod", "region": "eu-west-1"}
    (managed,) = group["managedNodeGroups"]
    assert (managed["taints"], managed["tags"]) == ([taint], tags)
    # EKS refuses it: the node group would not be made.
    assert "labels" not in managed
    assert f"kubectl label nodes -l eks.amazonaws.com/nodegroup=cotenant-gold {POOL}=gold" in said
    assert runtime["metadata"]["name"] == "cotenant-pool-gold"
    assert runtime["scheduling"]["nodeSelector"] == {POOL: "gold"}
    assert [one["value"] for one in runtime["scheduling"]["tolerations"]] == ["gold", "acme"]


def test_a_shared_pool_names_no_tenant_and_is_printed_once(rendered):
    text = POOLED % ("acme", "gold", "false") + "---" + POOLED % ("beta", "gold", "null")
    _, out, _ = rendered(text, "--nodes", "karpenter")

    assert named(out) == [("NodePool", "", "cotenant-gold"), ("EC2NodeClass", "", "cotenant-gold")]
    assert "acme" not in out
    assert f"key: {POOL}" in out


def test_what_is_dedicated_to_one_tenant_and_named_by_another_is_refused(rendered):
    code, out, said = rendered(
        POOLED % ("acme", "gold", "true") + "---" + POOLED % ("beta", "gold", "false"), "--nodes"
    )

    assert (code, out) == (2, "")
    assert "pool gold is dedicated to tenant acme, and tenants acme, beta name it" in said


def test_the_pool_of_a_profile_counts_and_one_kind_can_be_chosen(rendered):
    profile = "\n---\napiVersion: cotenant.dev/v1alpha1\nkind: TenantProfile\nmetadata: {name: p}\nspec: {nodes: {pool: silver}}"
    _, out, said = rendered(
        TEAM.replace("spec:\n", "spec:\n  profile: p\n") + profile, "--nodes", "runtimeclass", "-o", "name"
    )

    assert out == "runtimeclass.node.k8s.io/cotenant-pool-silver\n"
    assert said == ""


def test_a_tenant_without_a_pool_has_no_nodes(rendered):
    assert rendered(TEAM, "--nodes") == (0, "", "no Tenant in these files has nodes.pool: nothing to render\n")
