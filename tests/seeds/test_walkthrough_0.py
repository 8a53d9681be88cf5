"""Walkthrough 0: two teams in namespaces that exist already; as printed, then as cotenant corrects it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from installation import Answer, Cluster, Person
from vocabulary import (
    Team,
    deployment,
    eventually,
    expect_created,
    expect_denied,
    given_role,
    given_space,
    given_tenant,
    gone,
    may_not_touch,
    pod,
    subjects,
)

pytestmark = pytest.mark.cluster
ACCOUNT = "arn:aws:sts::123456789012:assumed-role"
WORK = "get list watch create update patch delete"
WORKLOADS = ("pods", "deployments.apps", "services", "configmaps")
RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {team}-developer-role
  namespace: {team}
rules:
- apiGroups: ["", "apps", "extensions"]
  resources: ["pods", "deployments", "services", "configmaps"]
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {team}-developer-rolebinding
  namespace: {team}
subjects:
- kind: User
{indent}name: arn:aws:iam::123456789012:role/{role}
  apiGroup: rbac.authorization.k8s.io
roleRef:
  kind: Role
  name: {team}-developer-role
  apiGroup: rbac.authorization.k8s.io
"""


def printed(team: str, role: str, indent: str = "  ") -> str:
    return RBAC.format(team=team, role=role, indent=indent)


@dataclass
class Printed:
    """What the administrator typed from the walkthrough, and what kubectl said."""

    namespaces: dict[str, Answer]
    rbac: dict[str, Answer]
    app: Answer
    """The backend developer's Deployment under the RBAC as printed."""


def developer(cluster: Cluster, team: str) -> Person:
    """A session of the team's IAM role, with the group that its access entry names."""
    role = f"{team.capitalize()}TeamDeveloper"
    return cluster.user(f"{ACCOUNT}/{role}/{team.capitalize()}TeamSession", f"{team}-developers")


@pytest.fixture(scope="module")
def as_printed(installation) -> Printed:
    """Namespaces and RBAC by hand, before cotenant knows of any team."""
    admin = installation.admin
    namespaces = {team: admin.kubectl("create", "namespace", team) for team in ("backend-team", "frontend-team")}
    rbac = {
        "backend-team": admin.apply(printed("backend-team", "BackendTeamDeveloper")),
        "frontend-team": admin.apply(printed("frontend-team", "FrontendTeamDeveloper")),
    }
    app = developer(installation, "backend").apply(deployment("backend-app", "backend-team"))
    return Printed(namespaces, rbac, app)


@pytest.fixture(scope="module")
def teams(installation, as_printed) -> dict[str, Team]:
    """The same namespaces as spaces of two tenants, offered by the administrator; groups instead of users."""
    work = (WORK, "core apps", "pods deployments services configmaps")
    given_role(installation, "backend-developer", work, ("get list", "core", "secrets"))
    given_role(installation, "frontend-developer", work)
    made = {}
    for team in ("backend", "frontend"):
        name = f"{team}-team"
        made[team] = given_tenant(
            installation,
            "",
            named=name,
            members=[
                {"role": f"{team}-developer", "group": f"{team}-developers"},
                {"role": "owner", "group": f"{name}-owners"},
            ],
            quota={"hard": {"requests.cpu": "2"}},
            limits=[{"type": "Container", "defaultRequest": {"cpu": "500m"}}],
        )
        installation.annotate("Namespace", name, adopt=f"{name}/main")
        given_space(made[team], "main", namespace=name)
    return made


@pytest.fixture
def backend(cluster, teams) -> Person:
    return developer(cluster, "backend")


@pytest.fixture
def frontend(cluster, teams) -> Person:
    return developer(cluster, "frontend")


def test_s0_02_the_backend_namespace_is_created(as_printed):
    assert as_printed.namespaces["backend-team"].out == "namespace/backend-team created\n"


def test_s0_03_the_frontend_namespace_is_created(as_printed):
    assert as_printed.namespaces["frontend-team"].out == "namespace/frontend-team created\n"


def test_s0_04_both_namespaces_are_active(cluster, as_printed):
    rows = [line.split()[:2] for line in cluster.admin.kubectl("get", "namespaces").out.splitlines()]
    assert ["backend-team", "Active"] in rows
    assert ["frontend-team", "Active"] in rows


def test_s0_11_the_backend_role_and_binding_are_created(as_printed):
    expect_created(
        as_printed.rbac["backend-team"],
        "role.rbac.authorization.k8s.io/backend-team-developer-role",
        "rolebinding.rbac.authorization.k8s.io/backend-team-developer-rolebinding",
    )


def test_s0_12_the_frontend_role_and_binding_are_created(as_printed):
    expect_created(
        as_printed.rbac["frontend-team"],
        "role.rbac.authorization.k8s.io/frontend-team-developer-role",
        "rolebinding.rbac.authorization.k8s.io/frontend-team-developer-rolebinding",
    )


def test_s0_12_the_mis_indented_printed_form_is_a_yaml_error(cluster):
    answer = cluster.admin.apply(printed("frontend-team", "FrontendTeamDeveloper", indent=" "))
    assert answer.code == 1
    assert "error parsing" in answer.err and "error converting YAML to JSON" in answer.err, answer


def test_s0_12_cotenant_names_file_and_line_of_the_mis_indented_form(tmp_path):
    file = tmp_path / "frontend-team-rbac.yaml"
    file.write_text(printed("frontend-team", "FrontendTeamDeveloper", indent=" "))
    line = file.read_text().splitlines().index(" name: arn:aws:iam::123456789012:role/FrontendTeamDeveloper") + 1

    done = cotenant("render", "-f", str(file))

    assert done.returncode == 2, done
    assert f"frontend-team-rbac.yaml:{line}" in done.stderr, done


def test_s0_16_as_printed_the_developer_is_forbidden(as_printed):
    # The walkthrough binds the role's ARN; EKS names the session.
    expect_denied(
        as_printed.app,
        by="RBAC",
        saying='deployments.apps "backend-app" is forbidden: User '
        f'"{ACCOUNT}/BackendTeamDeveloper/BackendTeamSession" cannot get resource "deployments" in API group "apps" '
        'in the namespace "backend-team"',
    )


def test_s0_17_with_a_group_the_developers_deployment_is_created_and_its_pod_runs(cluster, backend):
    expect_created(lambda: backend.apply(deployment("backend-app", "backend-team")), "deployment.apps/backend-app")

    def running() -> bool:
        pods = cluster.list("Pod", "backend-team", labels="app=backend-app")
        return [one["status"]["phase"] for one in pods] == ["Running"]

    eventually(running, within=20)


def test_s0_18_the_developer_cannot_list_pods_of_the_other_team(backend):
    expect_denied(
        backend.kubectl("get", "pods", "-n", "frontend-team"),
        by="RBAC",
        saying=f'pods is forbidden: User "{ACCOUNT}/BackendTeamDeveloper/BackendTeamSession" cannot list resource '
        '"pods" in API group "" in the namespace "frontend-team"',
    )


@pytest.mark.parametrize("what", WORKLOADS)
def test_s0_19_in_the_own_namespace_workloads_are_the_developers(backend, what):
    assert all(backend.may(WORK, what, namespace="backend-team").values())


@pytest.mark.parametrize(
    ("verbs", "what"),
    [
        ("create update patch delete", "secrets"),
        ("get create", "pods/exec"),
        ("get", "pods/log"),
        (WORK, "roles.rbac.authorization.k8s.io"),
        (WORK, "rolebindings.rbac.authorization.k8s.io"),
        ("create update patch delete", "resourcequotas"),
    ],
)
def test_s0_19_in_the_own_namespace_everything_else_is_not(backend, verbs, what):
    assert not any(backend.may(verbs, what, namespace="backend-team").values())


def test_s0_19_the_developer_gets_and_lists_secrets_but_makes_none(backend):
    assert all(backend.may("get list", "secrets", namespace="backend-team").values())
    assert backend.kubectl("get", "secrets", "-n", "backend-team").ok
    expect_denied(
        backend.kubectl("create", "secret", "generic", "s", "-n", "backend-team"),
        by="RBAC",
        saying="secrets is forbidden: ",
    )


@pytest.mark.parametrize("namespace", ["frontend-team", "default", "kube-system", "cotenant-system"])
def test_s0_20_everywhere_else_everything_is_denied(backend, namespace):
    may_not_touch(backend, namespace)


@pytest.mark.parametrize("what", ["namespaces", "nodes"])
def test_s0_20_namespaces_and_nodes_cannot_be_listed(backend, what):
    expect_denied(
        backend.kubectl("get", what),
        by="RBAC",
        saying=f'{what} is forbidden: User "{backend.name}" cannot list resource "{what}" in API group "" '
        "at the cluster scope",
    )


def test_s0_21_the_other_team_has_the_same_the_other_way_round(cluster, frontend):
    expect_created(lambda: frontend.apply(deployment("frontend-app", "frontend-team")), "deployment.apps/frontend-app")
    for what in WORKLOADS:
        assert all(frontend.may(WORK, what, namespace="frontend-team").values())
    for namespace in ("backend-team", "default", "kube-system"):
        may_not_touch(frontend, namespace)
    expect_denied(
        frontend.kubectl("get", "pods", "-n", "backend-team"),
        by="RBAC",
        saying=f'pods is forbidden: User "{frontend.name}" cannot list resource "pods" in API group "" '
        'in the namespace "backend-team"',
    )


def test_s0_21_the_other_team_has_no_secrets_at_all(frontend):
    assert not any(frontend.may(WORK, "secrets", namespace="frontend-team").values())
    expect_denied(frontend.kubectl("get", "secrets", "-n", "frontend-team"), by="RBAC", saying="secrets is forbidden: ")


def test_s0_22_both_teams_use_the_same_name(backend, frontend):
    for person, namespace in ((backend, "backend-team"), (frontend, "frontend-team")):
        expect_created(person.apply(deployment("same", namespace)), "deployment.apps/same")


def test_s0_23_a_team_that_takes_all_cpu_stops_at_its_quota(cluster, backend, frontend):
    greedy = deployment("greedy", "frontend-team", replicas=8, resources={"requests": {"cpu": "500m"}})
    expect_created(frontend.apply(greedy), "deployment.apps/greedy")

    def stopped() -> bool:
        made = cluster.list("ReplicaSet", "frontend-team", labels="app=greedy")
        conditions = [one for found in made for one in found["status"].get("conditions", [])]
        said = [one["message"] for one in conditions if one["type"] == "ReplicaFailure"]
        assert all(found["status"].get("replicas", 0) < 8 for found in made)
        return bool(said) and "exceeded quota: cotenant, requested: requests.cpu=500m, used: requests.cpu=2" in said[0]

    eventually(stopped)
    expect_denied(
        frontend.apply(pod("one-more", "frontend-team")),
        by="quota",
        saying='pods "one-more" is forbidden: exceeded quota: cotenant, requested: requests.cpu=500m, '
        "used: requests.cpu=2, limited: requests.cpu=2",
    )
    expect_created(lambda: backend.apply(pod("unaffected", "backend-team")), "pod/unaffected")


def test_s0_24_a_developer_cannot_delete_a_service_of_the_other_team(cluster, backend, frontend):
    expect_created(frontend.kubectl("create", "service", "clusterip", "web", "--tcp=80", "-n", "frontend-team"))

    expect_denied(
        backend.kubectl("delete", "service", "web", "-n", "frontend-team"),
        by="RBAC",
        saying=f'services "web" is forbidden: User "{backend.name}" cannot delete resource "services" in API group "" '
        'in the namespace "frontend-team"',
    )
    assert cluster.there("Service", "web", "frontend-team")


def test_s0_25_the_owner_of_any_object_is_found_by_its_namespace(cluster, frontend):
    expect_created(frontend.kubectl("create", "configmap", "whose", "-n", "frontend-team"))
    labels = cluster.there("Namespace", "frontend-team")["metadata"]["labels"]
    tenant = cluster.there("Tenant", labels["cotenant.dev/tenant"])

    assert tenant["metadata"]["name"] == "frontend-team"
    assert {"role": "owner", "group": "frontend-team-owners"} in tenant["spec"]["members"]
    assert cluster.there("SpacePolicy", "policy", "frontend-team")["spec"]["tenant"] == "frontend-team"


def test_s0_26_off_boarding_removes_rights_and_namespaces(cluster):
    team = given_tenant(
        cluster,
        "offboard",
        spaces=["main"],
        deletionPolicy="Delete",
        members=[{"role": "backend-developer", "group": "offboarded"}],
    )
    person, namespace = cluster.user("leaver", "offboarded"), team.namespace("main")
    expect_created(lambda: person.apply(pod("work", namespace)), "pod/work")
    cluster.annotate("Tenant", team.name, confirm_delete=team.name)

    cluster.delete("Tenant", team.name)

    eventually(lambda: subjects(cluster, namespace) == {}, within=3)
    expect_denied(lambda: person.kubectl("get", "pods", "-n", namespace), by="RBAC", saying="pods is forbidden: ")
    eventually(gone(cluster, "Namespace", namespace), within=25)
    eventually(gone(cluster, "Tenant", team.name), within=25)
    eventually(gone(cluster, "Namespace", team.home), within=25)


def cotenant(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cotenant", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
