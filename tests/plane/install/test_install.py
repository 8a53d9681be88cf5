"""Installing: complete, idempotent, and proven; leaving: without taking anything away from a tenant."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cotenant.api.keys import CANARY
from cotenant.api.schema import KINDS
from cotenant.cli.cluster.canaries import ground
from cotenant.cli.cluster.survey import listed
from cotenant.cli.install import install, served
from cotenant.cli.installation.predecessor import running
from cotenant.cli.uninstall import uninstall
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
from cotenant.render.install import ASSIST, InstallValues, assist, deny, force, render
from cotenant.serve.certificates import issue

pytestmark = pytest.mark.cluster
CA = base64.b64encode(issue(["localhost"], datetime.now(UTC), timedelta(days=1)).authority).decode()
KUBECTL = Path(sys.executable).with_name("kubectl")
TENANT = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant"}


async def test_the_first_installation_proves_both_policies(installed):
    assert installed.unproven == ()


async def test_installing_twice_changes_nothing(admin, installed):
    again = await install(admin, InstallValues(), wait=False)

    unserved = 0 if await listed(admin, resource.MUTATING_POLICIES) else len(force(Platform()))
    assert (again.applied, again.changed) == (len(render(InstallValues())) - unserved, 0)


async def test_a_role_of_the_platform_becomes_bindable_and_goes_again(admin, installed):
    values = InstallValues(platform=Platform(roles=("owner", "editor", "viewer", "developer")))

    # The operator's ClusterRole, the leash, what members may bind, the settings, and the Deployment: it reads its settings
    # when it starts.
    assert (await install(admin, values, wait=False)).changed == 5
    assert (await install(admin, InstallValues(), wait=False)).changed == 5


async def test_the_api_server_finds_nothing_to_warn_about_in_the_policies(admin, installed):
    for manifest in deny(Platform()):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            status = await checked(admin, manifest["metadata"]["name"])
            assert status.get("typeChecking", {}) == {}


async def checked(admin, name: str) -> dict:
    import asyncio

    async with asyncio.timeout(120):
        while True:
            found = await admin.get(resource.VALIDATING_POLICIES, name)
            status = found.get("status", {})
            if status.get("observedGeneration") == found["metadata"]["generation"]:
                return status
            await asyncio.sleep(0.1)


async def test_every_message_of_the_leash_the_guard_and_the_quotas_stays_under_300_characters_and_names_its_rule(
    installed,
):
    """Those of the other policies are measured where they are provoked, for they hold what was asked."""
    messages = [
        validation["messageExpression"]
        for manifest in deny(Platform())
        for validation in manifest["spec"].get("validations", ())
        if manifest["metadata"]["name"].startswith(("cotenant-leash", "cotenant-guard", "cotenant-quota-"))
    ]

    assert len(messages) == 15
    assert all(len(message) < 300 and message.startswith("'COTENANT-") for message in messages)


def test_the_command_installs_and_says_where(control_plane, installed):
    done = run(control_plane, "install", "--kubeconfig", str(control_plane.kubeconfig))

    assert done.returncode == 0, done.stderr
    assert "127.0.0.1" in done.stderr
    assert "0 changed" in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_a_role_that_cannot_be_a_name_is_refused(control_plane):
    answer = run(control_plane, "install", "--render", "--roles", "Dev Ops")

    assert answer.returncode == 2
    assert "Dev Ops" in answer.stderr


def test_uninstall_without_orphan_does_nothing_and_says_why(control_plane, installed):
    done = run(control_plane, "uninstall", "--kubeconfig", str(control_plane.kubeconfig))

    assert done.returncode == 2
    assert "Nothing was done" in done.stderr
    assert "--orphan" in done.stderr


def test_uninstall_wants_the_name_of_the_cluster(control_plane, installed):
    done = run(
        control_plane, "uninstall", "--orphan", "--kubeconfig", str(control_plane.kubeconfig), stdin="something else\n"
    )

    assert done.returncode == 2
    assert "not the name of the cluster" in done.stderr


def run(plane, command: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from cotenant.cli import main; main()", command, *arguments],
        env=plane.environment(plane.kubeconfig),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def oldest():
    """A plane of its own, which the test may ruin; it behaves like the oldest Kubernetes that we support."""
    with LocalControlPlane(emulated_version="1.33") as plane:
        yield plane


async def test_what_an_installation_chose_outlives_its_uninstall(oldest):
    admin = Client(await Transport.from_kubeconfig(oldest.kubeconfig))
    try:
        chosen = InstallValues(platform=Platform(roles=("owner", "editor", "viewer", "surveyor")), assist=True)
        await install(admin, chosen, wait=False)
        await served(admin)
        await uninstall(admin, Platform())
        assert await there(admin, assist(chosen)) == []

        found = await running(admin)
        assert found is not None
        assert found.platform == chosen.platform
        await install(admin, InstallValues(), wait=False)
    finally:
        await admin.close()


async def test_what_writes_into_pods_comes_with_an_installation_and_goes_with_its_uninstall(narrow):
    admin = Client(await Transport.from_kubeconfig(narrow.kubeconfig))
    try:
        await install(admin, InstallValues(), wait=False)
        await served(admin)
        assert await there(admin, force(Platform())) == ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"]
        await uninstall(admin, Platform())
        # Without its binding an API server would never again know whether an operator lives.
        kept = [one for one in deny(Platform()) if one["metadata"]["name"] == "cotenant-strict"]
        gone = [one for one in deny(Platform()) if one not in kept]
        assert await there(admin, [*force(Platform()), *gone]) == []
        assert len(await there(admin, kept)) == 2
    finally:
        await admin.close()


async def test_orphaned_tenants_keep_working_without_operator_policies_and_finalizers(oldest):
    admin = Client(await Transport.from_kubeconfig(oldest.kubeconfig))
    ann = Client(await Transport.from_kubeconfig(oldest.user("ann")))
    try:
        await install(admin, InstallValues(), wait=False)
        await served(admin)
        operator = Client(await Transport.from_kubeconfig(oldest.service_account("cotenant-system", "cotenant")))
        await populate(admin, operator)
        await operator.close()

        done = await uninstall(admin, Platform())

        assert done.released == 2
        assert await finalizers(admin, resource.TENANTS, "acme") == []
        assert await finalizers(admin, resource.SPACES, "dev", "home-acme") == []
        await ann.create(resource.CONFIG_MAPS, config("acme-dev"))
        with pytest.raises(Forbidden):
            await ann.create(resource.CONFIG_MAPS, config("default"))
        for kind in KINDS:
            assert await admin.get(resource.CRDS, f"{kind.plural}.cotenant.dev")
        for kind, name in (
            (resource.VALIDATING_POLICIES, "cotenant-leash"),
            (resource.CLUSTER_ROLES, "cotenant-operator"),
        ):
            with pytest.raises(NotFound):
                await admin.get(kind, name)
        assert (await uninstall(admin, Platform())).removed == 0
        assert (await install(admin, InstallValues())).unproven == ()
    finally:
        await admin.close()
        await ann.close()


async def populate(admin: Client, operator: Client) -> None:
    """A tenant as the operator leaves it behind when it dies: home, space, a member, finalizers."""
    await admin.create(resource.TENANTS, TENANT | {"metadata": {"name": "acme"}})
    await operator.merge(resource.TENANTS, "acme", {"metadata": {"finalizers": ["cotenant.dev/tenant"]}})
    for name in ("home-acme", "acme-dev"):
        metadata = {"name": name, "labels": {"cotenant.dev/tenant": "acme"}}
        await operator.create(resource.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    metadata = {"name": "dev", "namespace": "home-acme", "finalizers": ["cotenant.dev/space"]}
    space = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Space", "metadata": metadata}
    await operator.create(resource.SPACES, space)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "cotenant-owner", "namespace": "acme-dev"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cotenant:owner"},
        "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    await operator.create(resource.ROLE_BINDINGS, binding)


def config(namespace: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": namespace}}


async def finalizers(admin: Client, kind, name: str, namespace: str | None = None) -> list[str]:
    return (await admin.get(kind, name, namespace))["metadata"].get("finalizers", [])


def test_render_prints_what_install_applies(control_plane):
    import yaml

    done = run(control_plane, "install", "--render", "--image", "registry.example.com/cotenant:1")

    expected = render(InstallValues(image="registry.example.com/cotenant:1"))
    assert list(yaml.safe_load_all(done.stdout)) == json.loads(json.dumps(expected))


async def there(admin, manifests: list[dict]) -> list[str]:
    """Kinds of the manifests that exist."""
    found = []
    for one in manifests:
        try:
            await admin.get(resource.resource_of(one), one["metadata"]["name"], one["metadata"].get("namespace"))
        except NotFound:
            continue
        found.append(one["kind"])
    return found


async def test_the_assist_is_an_installations_choice_that_stays_and_can_be_taken_back(admin, installed):
    url = "https://10.1.2.3:9443/assist"
    assisted = InstallValues(assist=True)
    assert await there(admin, assist(assisted)) == []
    for values in (assisted, InstallValues(assist=True, assist_url=url)):
        await install(admin, values, wait=False)
        assert len(await there(admin, assist(values))) == len(assist(values))
        old = await running(admin)
        assert (old.assist, old.assist_url) == (True, values.assist_url)
    # What the operator has filled in is not taken away by the next installation.
    hook = await admin.get(resource.MUTATING_WEBHOOKS, ASSIST)
    hook["webhooks"][0]["clientConfig"]["caBundle"] = CA
    await admin.replace(resource.MUTATING_WEBHOOKS, hook)
    secret = await admin.get(resource.SECRETS, ASSIST, "cotenant-system")
    await admin.replace(resource.SECRETS, secret | {"data": {"current.crt": "eA=="}})
    assert (await install(admin, InstallValues(assist=True, assist_url=url), wait=False)).changed == 0
    await install(admin, InstallValues(), wait=False)
    assert await there(admin, assist(assisted)) == []


async def test_one_label_is_not_enough_to_lose_a_namespace_to_the_proof(admin, installed):
    labels = {"cotenant.dev/canary": "true"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "somebodys", "labels": labels}}
    await admin.create(resource.NAMESPACES, body)

    async with ground(admin):
        ours = {one["metadata"]["name"] for one in (await admin.list(resource.NAMESPACES, labels=CANARY)).items}

    there = {one["metadata"]["name"]: one["metadata"] for one in (await admin.list(resource.NAMESPACES)).items}
    assert "deletionTimestamp" not in there["somebodys"]
    assert all("deletionTimestamp" in there[name] for name in ours - {"somebodys"} if name in there)
    assert ours > {"somebodys"}
