"""Leaving and coming back, with the operator as a process and people at work meanwhile: nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cotenant.api.schema import KINDS as OURS
from cotenant.cli.install import install, served
from cotenant.cli.installation.predecessor import running
from cotenant.cli.uninstall import uninstall
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
from installation import Cluster
from vocabulary import TooLate, eventually

pytestmark = pytest.mark.cluster
DEVELOPER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "cotenant:developer"},
    "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create"]}],
}
TENANT = {
    "apiVersion": "cotenant.dev/v1alpha1",
    "kind": "Tenant",
    "metadata": {"name": "acme"},
    "spec": {
        "members": [{"role": "owner", "user": "olga"}, {"role": "developer", "user": "dana"}],
        "spaces": {"limit": 3, "declared": ["dev"]},
        "quota": {"hard": {"pods": 10}},
    },
}
SPACE = {
    "apiVersion": "cotenant.dev/v1alpha1",
    "kind": "Space",
    "metadata": {"name": "extra", "namespace": "home-acme"},
}
MADE = ("ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding", "ConfigMap")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with LocalControlPlane() as plane:
        found = Cluster(plane, tmp_path_factory.mktemp("return"))
        found.install()
        found.operator.start()
        found.apply(DEVELOPER)
        found.apply(TENANT)
        until("the tenant is ready", lambda: ready(found, "Tenant", "acme"))
        assert found.user("dana").kubectl("create", "configmap", "mine", "-n", "acme-dev").ok
        yield found
        found.operator.stop()


def until(what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
    try:
        eventually(condition, seconds, every=0.1)
    except TooLate as late:
        late.add_note(what)
        raise


def ready(cluster: Cluster, kind: str, name: str, namespace: str = "") -> bool:
    found = cluster.get(kind, name, namespace) or {}
    conditions = found.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def inventory(cluster: Cluster) -> dict[tuple[str, str, str], str]:
    """Everything in the tenant's namespaces, by uid: what was made anew would have another one."""
    found = {
        ("Namespace", "", name): cluster.there("Namespace", name)["metadata"]["uid"]
        for name in ("home-acme", "acme-dev")
    }
    for kind in MADE:
        for namespace in ("home-acme", "acme-dev"):
            for one in cluster.list(kind, namespace):
                found[kind, namespace, one["metadata"]["name"]] = one["metadata"]["uid"]
    return found


async def come_back(cluster: Cluster) -> None:
    """`cotenant install --no-operator` without any other flag, and the operator."""
    admin = Client(await Transport.from_kubeconfig(cluster.plane.kubeconfig))
    try:
        values = await running(admin)
        assert values is not None
        await install(admin, values, with_operator=False, wait=False)
        await served(admin)
    finally:
        await admin.close()
    cluster.operator.start()


async def leave(cluster: Cluster) -> None:
    cluster.operator.stop()
    admin = Client(await Transport.from_kubeconfig(cluster.plane.kubeconfig))
    try:
        await uninstall(admin, Platform())
    finally:
        await admin.close()


async def test_after_uninstall_and_install_everything_is_as_it_was_and_what_was_asked_meanwhile_is_done(cluster):
    dana, olga = cluster.user("dana"), cluster.user("olga")
    before = inventory(cluster)

    await leave(cluster)
    until("she reads", lambda: dana.kubectl("get", "configmap", "mine", "-n", "acme-dev").ok)
    assert not dana.kubectl("get", "configmap", "mine", "-n", "default").ok
    assert olga.apply(SPACE).ok

    await come_back(cluster)
    until("the space is ready", lambda: ready(cluster, "Space", "extra", "home-acme"))
    until("the tenant is ready", lambda: ready(cluster, "Tenant", "acme"))
    assert before.items() <= inventory(cluster).items()
    assert cluster.there("Tenant", "acme")["metadata"]["finalizers"] == ["cotenant.dev/tenant"]
    assert dana.kubectl("get", "configmap", "mine", "-n", "acme-dev").ok


async def test_with_all_definitions_deleted_meanwhile_the_namespaces_are_adopted_by_their_labels(cluster):
    before = inventory(cluster)
    await leave(cluster)
    for kind in OURS:
        cluster.delete("CustomResourceDefinition", f"{kind.plural}.cotenant.dev")
    until("the definitions are gone", lambda: not cluster.list("CustomResourceDefinition"))
    assert cluster.user("dana").kubectl("get", "configmap", "mine", "-n", "acme-dev").ok

    await come_back(cluster)
    cluster.apply(TENANT)
    until("the tenant is ready", lambda: ready(cluster, "Tenant", "acme"))
    until("the space is ready", lambda: ready(cluster, "Space", "dev", "home-acme"))
    assert before.items() <= inventory(cluster).items()
