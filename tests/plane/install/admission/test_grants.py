"""An owner writes Roles and RoleBindings: charts install, and nothing is granted that the owner lacks, nor to strangers."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden
from cotenant.kube.transport import Transport
from plane.install.admission import test_doors, test_pods, test_rights, test_sandbox
from plane.install.admission.place import RBAC, Answer, Manifest, Place, image, passes, pod, refused, template
from plane.install.admission.test_rights import ARN, account, binding, claim, sa, who

pytestmark = pytest.mark.cluster
SPACE = "admission-strict"
NOT_HELD = "attempting to grant RBAC permissions not currently held"
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@pytest.fixture(scope="module")
async def olga(control_plane, strict):
    """An owner of the space: the role that cotenant binds, and nothing else."""
    given = binding(who("User", "olga"), role="cotenant:owner", kind="ClusterRole", name="cotenant-owner")
    given["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": "acme"}
    passes(await strict.ask("rolebindings", given, by=strict.operator, dry=False))
    client = Client(await Transport.from_kubeconfig(control_plane.user("olga")))
    await heard(lambda: strict.ask("roles", role(rule("get", "pods")), by=client))
    yield client
    await client.close()


@pytest.fixture(scope="module")
async def robot(control_plane, strict):
    """A ServiceAccount that may do everything in the space, with a token of its own; a member who may it all bound it."""
    client = await account_client(control_plane, strict, "robot")
    passes(await strict.ask("rolebindings", binding(sa(name="robot"), role="all", name="robot"), dry=False))
    await heard(lambda: strict.ask("configmaps", {"metadata": {"name": "x"}}, by=client))
    yield client
    await client.close()


async def account_client(control_plane, place: Place, name: str) -> Client:
    """Makes a ServiceAccount, and speaks by its token."""
    passes(await place.ask("serviceaccounts", {"metadata": {"name": name}}, dry=False))
    return Client(await Transport.from_kubeconfig(control_plane.service_account(place.namespace, name)))


async def heard(ask) -> None:
    """The authorizer reads bindings from a cache."""
    async with asyncio.timeout(30):
        while not (await ask()).ok:
            await asyncio.sleep(0.1)


def rule(verbs: str, resources: str, group: str = "") -> Manifest:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


def role(*rules: Manifest, name: str = "x") -> Manifest:
    return {"metadata": {"name": name}, "rules": list(rules)}


async def change(place: Place, kind: str, what: str, name: str, field: str, value: list, by: Client) -> Answer:
    """Sets a field of an object by one type of patch, or by PUT."""
    how = {"name": name, "by": by}
    if kind == "put":
        return await place.replace(what, name, lambda it: it.update({field: value}), by=by)
    body: Manifest | list[Manifest] = {field: value}
    query = {}
    if kind == "json":
        body = [{"op": "replace", "path": f"/{field}", "value": value}]
    if kind == "apply":
        there = (await place.ask(what, name=name, method="GET", dry=False, by=by)).body
        kept = {key: there[key] for key in ("roleRef",) if key in there}
        known = {"apiVersion": f"{RBAC}/v1", "kind": "Role" if what == "roles" else "RoleBinding"}
        body = known | kept | {"metadata": {"name": name}, field: value}
        query = {"fieldManager": "helm", "force": "true"}
    return await place.ask(what, body, method="PATCH", content_type=PATCHES[kind], query=query, **how)


def not_held(answer: Answer, why: str = "") -> None:
    assert answer.status == 403, f"{why}: {answer.status} {answer.message}"
    assert NOT_HELD in answer.message, answer.message


async def test_a_chart_with_a_role_a_binding_and_an_account_installs_works_and_is_upgraded(strict, olga, control_plane):
    helm = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
    rules = [rule("get list watch", "configmaps pods"), rule("get create update", "leases", "coordination.k8s.io")]
    account_ = {"metadata": {"name": "chart", **helm}}
    bound = binding(sa(name="chart"), role="chart", name="chart", **helm)
    for what, body in (("serviceaccounts", account_), ("roles", role(*rules, name="chart")), ("rolebindings", bound)):
        passes(await strict.ask(what, body, by=olga, dry=False))
    chart = Client(await Transport.from_kubeconfig(control_plane.service_account(SPACE, "chart")))
    try:
        await heard(lambda: strict.ask("configmaps", method="GET", by=chart, dry=False))
        assert (await strict.ask("secrets", method="GET", by=chart, dry=False)).status == 403
        assert (await strict.ask("rolebindings", method="GET", by=chart, dry=False)).status == 403

        for kind in (*PATCHES, "put"):
            wider = [*rules, rule("get", "secrets")]
            passes(await change(strict, kind, "roles", "chart", "rules", wider, olga))
            group = who("Group", f"system:serviceaccounts:{SPACE}")
            passes(await change(strict, kind, "rolebindings", "chart", "subjects", [group], olga))
        for what in ("rolebindings", "roles"):
            passes(await strict.ask(what, name="chart", method="DELETE", by=olga, dry=False))
    finally:
        await chart.close()


BEYOND = {
    "RBAC-08 impersonate accounts": rule("impersonate", "serviceaccounts"),
    "RBAC-08 impersonate people": rule("impersonate", "users groups"),
    "RBAC-09 impersonation by parts": rule("impersonate:user-info", "users", "authentication.k8s.io"),
    "RBAC-09 impersonation for a verb": rule("impersonate-on:user-info:list", "pods"),
    "bind roles": rule("bind", "roles clusterroles", RBAC),
    "escalate roles": rule("escalate", "roles clusterroles", RBAC),
    "every verb of roles": rule("*", "roles", RBAC),
    "RBAC-15 nodes by proxy": rule("get", "nodes/proxy"),
    "RBAC-16 pods by proxy": rule("get create", "pods/proxy services/proxy"),
    "every verb": rule("*", "pods"),
    "every resource": rule("get", "*"),
    "every subresource": rule("get", "pods/*"),
    "every group": rule("get", "pods", "*"),
    "the rules of the space": rule("update", "spacepolicies", "cotenant.dev"),
    "the spaces": rule("create", "spaces", "cotenant.dev"),
    "the quota": rule("patch", "resourcequotas"),
    "the charge of the quota": rule("update", "resourcequotas/status"),
    "the limits": rule("delete", "limitranges"),
    "the network": rule("create", "networkpolicies", "networking.k8s.io"),
    "endpoints": rule("create", "endpoints"),
    "binding of pods": rule("create", "pods/binding bindings"),
    "addresses of services": rule("patch", "services/status"),
    "the namespace": rule("update", "namespaces"),
    "Events, as the page on access says": rule("create", "events"),
}


@pytest.mark.parametrize("case", BEYOND)
async def test_rbac_03_a_role_holds_nothing_that_its_maker_has_not(strict, olga, case):
    held = rule("get", "pods")
    passes(await strict.ask("roles", role(held), by=olga))

    not_held(await strict.ask("roles", role(held, BEYOND[case]), by=olga))


@pytest.mark.parametrize("kind", [*PATCHES, "put"])
async def test_rbac_03_nor_is_a_role_widened_later(strict, olga, kind):
    name = f"grows-{kind}"
    passes(await strict.ask("roles", role(rule("get", "pods"), name=name), by=olga, dry=False))

    for case, more in BEYOND.items():
        answer = await change(strict, kind, "roles", name, "rules", [rule("get", "pods"), more], olga)
        not_held(answer, case)


async def test_rbac_07_nobody_in_a_tenant_makes_cluster_roles(olga):
    label = {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}
    body = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "x", "labels": label}}

    with pytest.raises(Forbidden, match='cannot create resource "clusterroles"'):
        await olga.create(resource.CLUSTER_ROLES, body | {"rules": []})


ABROAD = {
    "RBAC-05 all who are signed in": who("Group", "system:authenticated"),
    "RBAC-05 all who are not": who("Group", "system:unauthenticated"),
    "RBAC-05 all accounts": who("Group", "system:serviceaccounts"),
    "RBAC-05 accounts of another namespace": who("Group", "system:serviceaccounts:admission-free"),
    "RBAC-05 accounts of a longer name": who("Group", f"system:serviceaccounts:{SPACE}-2"),
    "RBAC-05 masters": who("Group", "system:masters"),
    "RBAC-05 a group of another tenant": who("Group", "cotenant:beta:owner"),
    "the own owners, whom a cordon would miss": who("Group", "cotenant:acme:owner"),
    "RBAC-05 a person": who("User", "mallory"),
    "RBAC-05 an owner herself": who("User", "olga"),
    "RBAC-05 an administrator": who("User", "system:admin"),
    "RBAC-21 an account of elsewhere, as a user": who("User", "system:serviceaccount:admission-free:ci"),
    "an account of the space, as a user": who("User", f"system:serviceaccount:{SPACE}:ci"),
    "RBAC-21 the same name elsewhere": sa("admission-free"),
    "RBAC-21 the home": sa("home-acme"),
    "RBAC-05 the operator": sa("cotenant-system", "cotenant"),
}


@pytest.mark.parametrize("case", ABROAD)
async def test_rbac_05_an_owner_binds_no_stranger(strict, olga, case):
    stranger = ABROAD[case]
    for bound in ({"role": "cotenant:viewer", "kind": "ClusterRole"}, {"role": "all"}):
        for subjects in ([stranger], [sa(), stranger]):
            body = binding(*subjects, **bound)
            for named in (body, {**body, "metadata": {"generateName": "x-"}}):
                answer = await strict.ask("rolebindings", named, by=olga)
                if bound["role"] == "all":
                    not_held(answer)
                else:
                    refused(answer, "COTENANT-RIGHT-3", stranger["name"])


@pytest.mark.parametrize("kind", [*PATCHES, "put"])
async def test_rbac_05_nor_is_a_stranger_added_later(strict, olga, kind):
    name = f"opens-{kind}"
    empty = {
        key: value for key, value in binding(role="cotenant:viewer", kind="ClusterRole").items() if key != "subjects"
    }
    passes(await strict.ask("rolebindings", empty | {"metadata": {"name": name}}, by=olga, dry=False))
    passes(await change(strict, "merge", "rolebindings", name, "subjects", [sa()], strict.admin))

    for case, stranger in ABROAD.items():
        if kind == "json":  # the object has none yet
            body = [{"op": "add", "path": "/subjects", "value": [sa(), stranger]}]
            how = {"method": "PATCH", "content_type": PATCHES[kind]}
            answer = await strict.ask("rolebindings", body, name=name, by=olga, **how)
        else:
            answer = await change(strict, kind, "rolebindings", name, "subjects", [sa(), stranger], olga)
        refused(answer, "COTENANT-RIGHT-3", stranger["name"])
        assert case


async def test_rbac_05_an_account_without_a_namespace_is_the_spaces_own(strict, olga):
    bare = {"kind": "ServiceAccount", "name": "ci"}
    bound = {"role": "cotenant:viewer", "kind": "ClusterRole"}

    passes(await strict.ask("rolebindings", binding(bare, **bound), by=olga))
    passes(await strict.ask("rolebindings", binding(bare | {"namespace": ""}, **bound), by=olga))


@pytest.mark.parametrize("name", test_rights.ROLES)
async def test_rbac_04_an_owner_binds_no_role_above_owners(strict, olga, name):
    answer = await strict.ask("rolebindings", binding(sa(), role=name, kind="ClusterRole"), by=olga)

    assert answer.status == 403, answer.message
    assert NOT_HELD in answer.message or "COTENANT-RIGHT-2: " in answer.message, answer.message


async def test_an_owner_binds_the_roles_of_members_and_none_that_is_not_there(strict, olga):
    for name in ("owner", "editor", "viewer"):
        passes(await strict.ask("rolebindings", binding(sa(), role=f"cotenant:{name}", kind="ClusterRole"), by=olga))

    assert (await strict.ask("rolebindings", binding(sa(), role="later"), by=olga)).status == 404
    not_held(await strict.ask("rolebindings", binding(sa(), role="all"), by=olga))


async def test_rbac_06_an_owner_leaves_what_cotenant_manages_alone(strict, olga):
    marked = {"labels": {"app.kubernetes.io/managed-by": "cotenant"}}
    bound = {"role": "cotenant:viewer", "kind": "ClusterRole"}

    refused(await strict.ask("rolebindings", binding(sa(), **bound, **marked), by=olga), "COTENANT-RIGHT-7")
    refused(await strict.ask("rolebindings", name="cotenant-owner", method="DELETE", by=olga), "COTENANT-RIGHT-7")
    for kind in (*PATCHES, "put"):
        answer = await change(strict, kind, "rolebindings", "cotenant-owner", "subjects", [who("User", "eve")], olga)
        refused(answer, "COTENANT-RIGHT-7", "cotenant-owner")
    strip = {"metadata": {"labels": None}}
    how = {"method": "PATCH", "content_type": PATCHES["merge"], "by": olga}
    refused(await strict.ask("rolebindings", strip, name="cotenant-owner", **how), "COTENANT-RIGHT-7")
    passes(await strict.ask("rolebindings", binding(sa(), **bound, name="own"), by=olga, dry=False))
    refused(await strict.ask("rolebindings", {"metadata": marked}, name="own", **how), "COTENANT-RIGHT-7")
    assert "cannot deletecollection" in (await strict.ask("rolebindings", method="DELETE", by=olga)).message


async def test_rbac_06_no_name_of_cotenants_is_taken_before_it(strict, olga):
    bound = {"role": "cotenant:viewer", "kind": "ClusterRole"}
    for name in ("cotenant-editor", "cotenant-viewer", "cotenant-"):
        taken = binding(sa(), **bound)
        metadata = {"generateName": name} if name.endswith("-") else {"name": name}
        refused(
            await strict.ask("rolebindings", taken | {"metadata": metadata}, by=olga), "COTENANT-RIGHT-8", "cotenant-"
        )
    for what, name in (("networkpolicies", "cotenant-tenant"), ("limitranges", "cotenant")):
        spec = {"podSelector": {}} if what == "networkpolicies" else {"limits": [{"type": "Container"}]}
        body = {"metadata": {"name": name}, "spec": spec}
        refused(await strict.ask(what, body), "COTENANT-RIGHT-8", name)
        passes(await strict.ask(what, body, by=strict.admin))
    passes(await strict.ask("rolebindings", binding(sa(), **bound, name="cotenants"), by=olga))


async def test_what_the_platform_bound_to_others_is_neither_taken_over_nor_taken_away(strict, olga):
    watchers = who("Group", "watchers")
    for role_ in ("cotenant:viewer", "view"):
        given = binding(watchers, role=role_, kind="ClusterRole", name="watch-" + role_[-4:])
        passes(await strict.ask("rolebindings", given, by=strict.admin, dry=False))
        name = given["metadata"]["name"]

        refused(await strict.ask("rolebindings", name=name, method="DELETE", by=olga), "COTENANT-RIGHT-3", "watchers")
        answer = await change(strict, "merge", "rolebindings", name, "subjects", [sa()], olga)
        assert answer.status == 403, answer.message
    refused(await change(strict, "put", "rolebindings", "watch-ewer", "subjects", [sa()], olga), "COTENANT-RIGHT-3")


def first(table: Manifest) -> tuple:
    """A row of a table of refusals."""
    return next(iter(table.values()))


FAMILIES: dict[str, tuple] = {
    "pods": ("pods", *first(test_pods.BAD)),
    "registries": ("pods", pod(containers=image("evil.example.com/x")), "COTENANT-POD-8"),
    "workloads": ("deployments", template("deployments", pod(containers=image("nginx"))), "COTENANT-POD-8"),
    "the sandbox": ("pods", *first(test_sandbox.BAD)),
    "services": ("services", *first(test_doors.SERVICES)),
    "ingresses": ("ingresses", *first(test_doors.INGRESSES)),
    "claims": ("persistentvolumeclaims", claim(storageClassName="io2"), "COTENANT-VOLUME-1"),
    "volumes by name": ("persistentvolumeclaims", claim(volumeName="pv-of-b"), "COTENANT-VOLUME-3"),
    "IAM roles": ("serviceaccounts", account(f"{ARN}other"), "COTENANT-ACCOUNT-1"),
    "the first account": ("serviceaccounts", account(f"{ARN}one", "default"), "COTENANT-RIGHT-1"),
    "roles of the cluster": ("rolebindings", binding(sa(), role="admin", kind="ClusterRole"), "COTENANT-RIGHT-2"),
    "strangers": ("rolebindings", binding(who("User", "mallory")), "COTENANT-RIGHT-3"),
    "tokens without end": (
        "secrets",
        {
            "type": "kubernetes.io/service-account-token",
            "metadata": {"annotations": {"kubernetes.io/service-account.name": "robot"}},
        },
        "COTENANT-RIGHT-4",
    ),
    "endpoints": ("endpoints", {"metadata": {"name": "x"}}, "COTENANT-RIGHT-6"),
    "imitation": (
        "networkpolicies",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "cotenant"}}, "spec": {"podSelector": {}}},
        "COTENANT-RIGHT-7",
    ),
    "names": ("rolebindings", binding(sa(), role="all", name="cotenant-editor"), "COTENANT-RIGHT-8"),
}


@pytest.mark.parametrize("case", FAMILIES)
async def test_rbac_12_no_rule_is_softer_for_a_service_account_that_may_everything(strict, robot, classes, case):
    what, body, rule_, *words = FAMILIES[case]

    refused(await strict.ask(what, body, by=robot), rule_, *words)


async def test_rbac_12_nor_by_subresources_nor_on_what_is_there(strict, robot, standing):
    passes(await strict.ask("pods", pod(), by=robot))
    for spec in ({"expirationSeconds": 86400}, {"audiences": ["sts.amazonaws.com"]}):
        answer = await strict.ask("serviceaccounts/token", {"spec": spec}, name="robot", by=robot, dry=False)
        refused(answer, "COTENANT-RIGHT-5")
    passes(await strict.ask("serviceaccounts/token", {"spec": {}}, name="robot", by=robot, dry=False))
    bind = {"metadata": {"name": standing}, "target": {"kind": "Node", "name": "node-0", "apiVersion": "v1"}}
    refused(await strict.ask("pods/binding", bind, name=standing, by=robot), "COTENANT-RIGHT-6")
    forged = {"status": {"podIP": "10.9.9.9"}}
    how = {"name": standing, "method": "PATCH", "content_type": PATCHES["merge"], "by": robot}
    refused(await strict.ask("pods/status", forged, **how), "COTENANT-RIGHT-6")
    debug = {"spec": {"ephemeralContainers": [{"name": "d", "image": "registry.example.com/acme/d"}]}}
    strategic = {**how, "content_type": PATCHES["strategic"]}
    assert "COTENANT-EXEC-1" in (await strict.ask("pods/ephemeralcontainers", debug, **strategic)).message
    query = {"command": "sh", "stdout": "true"}
    answer = await strict.ask("pods/exec", name=standing, method="POST", by=robot, dry=False, query=query)
    assert "COTENANT-EXEC-1" in answer.message, answer.message
    loose = {"spec": {"enforcement": "observe"}}
    answer = await strict.ask("spacepolicies", loose, **{**how, "name": "policy"})
    assert "COTENANT-GUARD-4" in answer.message, answer.message
    patch = {"method": "PATCH", "content_type": PATCHES["merge"], "name": "cotenant", "by": robot}
    for what, body in (
        ("resourcequotas", {"spec": {"hard": {"pods": "9999"}}}),
        ("resourcequotas/status", {"status": {"used": {"pods": "0"}, "hard": {"pods": "9999"}}}),
    ):
        answer = await strict.ask(what, body, **patch)
        assert (answer.status, "COTENANT-QUOTA-" in answer.message) == (403, True), answer.message
    assert "COTENANT-QUOTA-" in (await strict.ask("resourcequotas", name="cotenant", method="DELETE", by=robot)).message
    namespace = {"metadata": {"labels": {"cotenant.dev/tenant": None}}}
    with pytest.raises(Forbidden):
        await robot.merge(resource.NAMESPACES, SPACE, namespace)


async def test_rbac_21_what_a_service_account_is_given_here_is_nothing_elsewhere(free, robot):
    for what in ("configmaps", "secrets", "rolebindings"):
        answer = await free.ask(what, method="GET", by=robot, dry=False)
        assert answer.status == 403, answer.message
        assert "admission-strict:robot" in answer.message
