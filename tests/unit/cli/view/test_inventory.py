"""Trees: states, drift and who did it."""

from datetime import UTC, datetime

import msgspec

from cotenant.cli.cluster.observation import Observation
from cotenant.cli.cluster.standing import Standing, means
from cotenant.cli.view.forecast import Forecast
from cotenant.cli.view.inventory import Branch, blame, drawn, plain, tenant_tree
from cotenant.kube.resource import CLUSTER_ROLES, TENANTS
from cotenant.model.finding import Ref
from cotenant.model.platform import Platform

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def observed():
    seen = Observation()
    for role in Platform().roles:
        seen.take(CLUSTER_ROLES, {"metadata": {"name": f"cotenant:{role}"}})
    members = [{"role": "owner", "group": "devs"}]
    spec = {"members": members, "spaces": {"declared": ["build", "dev"]}, "quota": {"hard": {"pods": "9"}}}
    seen.take(TENANTS, {"metadata": {"name": "backend"}, "spec": spec})
    for _ in range(2):  # the second time for what the first status changes
        Forecast(seen.world, Platform(), NOW).settle("backend")
    return seen


def states(branch):
    return {f"{one.kind}/{one.name}": one.state for one in branch.below}


def test_a_tenant_as_it_should_be_is_ok_to_the_last_leaf():
    tree = tenant_tree(observed(), "backend", Platform(), NOW, None)
    assert not tree.faulty
    assert (tree.state, tree.detail) == ("Ready", "owners: group devs  spaces 2/10  quota pods 9")
    home, build, dev = tree.below
    assert (build.state, dev.detail) == ("Ready", "namespace backend-dev  isolation tenant  security restricted")
    assert set(states(dev).values()) == {"ok"}
    assert states(home)["ResourceQuota/cotenant"] == "ok"
    assert states(dev)["Namespace/backend-dev"] == "ok"


def test_drift_a_missing_and_a_surplus_object_are_told():
    seen = observed()
    policies = seen.world.children["NetworkPolicy"]
    drifted = policies.get("backend-dev", "cotenant-default-deny")
    policies.upsert(msgspec.structs.replace(drifted, fingerprint="other"))
    policies.remove("backend-dev/cotenant-allow-tenant")
    extra = msgspec.structs.replace(drifted, metadata=msgspec.structs.replace(drifted.metadata, name="cotenant-x"))
    policies.upsert(extra)
    managers = [
        {"manager": "cotenant", "time": "2026-11-21T11:00:00Z"},
        {"manager": "kubectl-edit", "time": "2026-11-21T10:00:00Z"},
        {"manager": "helm", "time": "2026-11-20T10:00:00Z"},
    ]
    ref = Ref("networking.k8s.io/v1", "NetworkPolicy", "backend-dev", "cotenant-default-deny")
    seen.raw[ref] = {"metadata": {"managedFields": managers}}
    tree = tenant_tree(seen, "backend", Platform(), NOW, None)
    found = states(tree.below[2])
    assert tree.faulty
    assert found["NetworkPolicy/cotenant-default-deny"] == "DRIFTED by kubectl-edit, 2h ago"
    assert found["NetworkPolicy/cotenant-allow-tenant"] == "MISSING"
    assert found["NetworkPolicy/cotenant-x"] == "SURPLUS"
    assert not tree.below[1].faulty


def test_drift_of_a_namespace_itself_is_told():
    for name, at in (("backend-dev", 2), ("home-backend", 0)):
        seen = observed()
        there = seen.world.namespaces.get(None, name)
        labels = there.metadata.labels | {"pod-security.kubernetes.io/enforce": "privileged"}
        metadata = msgspec.structs.replace(there.metadata, labels=labels)
        seen.world.namespaces.upsert(msgspec.structs.replace(there, metadata=metadata))
        managers = [{"manager": "kubectl-label", "time": "2026-11-21T10:00:00Z"}]
        seen.raw[Ref("v1", "Namespace", "", name)] = {"metadata": {"managedFields": managers}}
        tree = tenant_tree(seen, "backend", Platform(), NOW, None)
        found = states(tree) | states(tree.below[at])
        assert tree.faulty
        assert found[f"Namespace/{name}"] == "DRIFTED by kubectl-label, 2h ago"


def test_the_owner_of_a_namespace_is_answered_with_its_own_space_alone():
    tree = tenant_tree(observed(), "backend", Platform(), NOW, Standing("backend", "backend-dev", "dev"))
    assert tree.detail.startswith("owners: group devs")
    assert [(one.kind, one.name) for one in tree.below] == [("Space", "dev")]


def test_nobody_is_blamed_without_a_record():
    assert blame(None, "update", NOW) == ""
    assert blame({"metadata": {}}, "update", NOW) == ""


def test_a_tree_is_drawn_as_people_know_it():
    tree = Branch(
        "Tenant", "a", "Ready", "", [Branch("Space", "x", "", "", [Branch("Pod", "p")]), Branch("Space", "y")]
    )
    assert list(drawn(tree)) == ["Tenant/a  Ready", "├── Space/x", "│   └── Pod/p", "└── Space/y"]
    assert plain(tree)["below"][0] == {"kind": "Space", "name": "x", "below": [{"kind": "Pod", "name": "p"}]}


def test_a_subject_means_a_user_by_name_group_or_account():
    assert means({"kind": "Group", "name": "devs"}, "alice", ["devs"])
    assert not means({"kind": "Group", "name": "alice"}, "alice", ["devs"])
    assert means({"kind": "User", "name": "alice"}, "alice", [])
    account = {"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}
    assert means(account, "system:serviceaccount:ci:bot", [])
    assert not means(account, "bot", [])
