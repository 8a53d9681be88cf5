"""What the thin client says, said to a real API server."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from cotenant.api.builtin import Namespace
from cotenant.kube import errors, transport
from cotenant.kube.client import Client
from cotenant.kube.resource import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    SECRETS,
    SELF_SUBJECT_REVIEWS,
    SERVICE_ACCOUNTS,
    SPACES,
)
from cotenant.kube.transport import Transport
from cotenant.local.handle import Handle

pytestmark = pytest.mark.cluster


def config(name: str, namespace: str, **data: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"test": "yes"}},
        "data": data,
    }


async def test_an_object_lives_from_create_to_delete(admin: Client, space: str) -> None:
    made = await admin.create(CONFIG_MAPS, config("a", space, x="1"))
    with pytest.raises(errors.AlreadyExists):
        await admin.create(CONFIG_MAPS, config("a", space))
    found = await admin.get(CONFIG_MAPS, "a", space, type=Namespace)
    assert found.metadata.uid == made["metadata"]["uid"]

    replaced = await admin.replace(CONFIG_MAPS, made | {"data": {"x": "2"}})
    with pytest.raises(errors.Conflict):
        await admin.replace(CONFIG_MAPS, made | {"data": {"x": "3"}})
    merged = await admin.merge(CONFIG_MAPS, "a", {"data": {"x": None, "y": "1"}}, space)
    assert (replaced["data"], merged["data"]) == ({"x": "2"}, {"y": "1"})

    with pytest.raises(errors.Conflict):
        await admin.delete(CONFIG_MAPS, "a", space, uid="00000000-0000-0000-0000-000000000000")
    await admin.delete(CONFIG_MAPS, "a", space, dry_run=True)
    await admin.delete(CONFIG_MAPS, "a", space, uid=made["metadata"]["uid"])
    with pytest.raises(errors.NotFound):
        await admin.get(CONFIG_MAPS, "a", space)


async def test_an_apply_that_changes_nothing_keeps_the_version(admin: Client, space: str) -> None:
    first = await admin.apply(CONFIG_MAPS, config("a", space, x="1"))
    second = await admin.apply(CONFIG_MAPS, config("a", space, x="1"))

    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert {entry["manager"] for entry in second["metadata"]["managedFields"]} == {"cotenant"}


async def test_an_apply_without_force_names_who_is_in_the_way(admin: Client, space: str) -> None:
    await admin.apply(CONFIG_MAPS, config("a", space, x="1"), manager="somebody")

    with pytest.raises(errors.Conflict, match='conflict with "somebody"'):
        await admin.apply(CONFIG_MAPS, config("a", space, x="2"), force=False)
    assert (await admin.apply(CONFIG_MAPS, config("a", space, x="2")))["data"] == {"x": "2"}


async def test_an_unknown_field_is_refused_when_strict_and_warned_of_otherwise(admin: Client, space: str) -> None:
    said: list[str] = []
    admin.on_warning = said.append
    wrong = config("a", space) | {"dta": {}}

    await admin.create(CONFIG_MAPS, wrong, dry_run=True)
    assert said == ['unknown field "dta"']
    with pytest.raises(errors.BadRequest, match='unknown field "dta"'):
        await admin.create(CONFIG_MAPS, wrong, dry_run=True, strict=True)


async def test_an_invalid_object_lists_its_faults(admin: Client, space: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await admin.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "_"}, "spec": {}}, space)

    assert {cause["field"] for cause in caught.value.causes} >= {"metadata.name", "spec.containers"}


async def test_a_list_comes_in_pages_and_whole(admin: Client, space: str) -> None:
    await asyncio.gather(*(admin.create(CONFIG_MAPS, config(f"c{n:02}", space)) for n in range(25)))

    found = await admin.list(CONFIG_MAPS, space, labels="test=yes", limit=4)
    one = await admin.list(CONFIG_MAPS, space, fields="metadata.name=c07", type=Namespace)

    assert [item["metadata"]["name"] for item in found.items] == [f"c{n:02}" for n in range(25)]
    assert found.items[0]["kind"] == "ConfigMap"
    assert [item.metadata.name for item in one.items] == ["c07"]


async def test_impersonation_is_somebody_else(admin: Client, space: str) -> None:
    bob = admin.as_user("bob", ["team-a", "system:authenticated"], extra={"example.com/Why": ["test"]})
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}

    who = (await bob.create(SELF_SUBJECT_REVIEWS, review))["status"]["userInfo"]

    assert (who["username"], who["groups"]) == ("bob", ["team-a", "system:authenticated"])
    assert who["extra"] == {"example.com/why": ["test"]}
    with pytest.raises(errors.Forbidden, match='User "bob" cannot list resource "configmaps"'):
        await bob.list(CONFIG_MAPS, space)


async def test_a_token_is_made_by_a_subresource_and_works(admin: Client, space: str, control_plane: Handle) -> None:
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": space}}
    await admin.create(SERVICE_ACCOUNTS, body)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}

    token = await admin.create(SERVICE_ACCOUNTS, request, space, name="sa", subresource="token")

    assert len(token["status"]["token"]) > 100
    client = Client(await Transport.from_kubeconfig(control_plane.service_account(space, "sa")))
    with pytest.raises(errors.Forbidden, match=f"system:serviceaccount:{space}:sa"):
        await client.list(PODS, space)
    await client.close()


async def test_a_kind_that_the_server_does_not_know_is_not_found(admin: Client) -> None:
    from cotenant.kube.resource import Resource

    with pytest.raises(errors.NotFound):
        await admin.list(Resource("example.com", "v1", "things", "Thing", namespaced=False))
    assert SPACES.group == "cotenant.dev"


async def test_the_version_is_a_kubernetes_version(admin: Client) -> None:
    assert (await admin.version())["gitVersion"].startswith("v1.")
    assert (await admin.get(NAMESPACES, "default"))["metadata"]["name"] == "default"


async def credential(client: Client) -> str:
    """The id of the token that the API server sees."""
    kind = {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": "SelfSubjectReview"}
    who = (await client.create(SELF_SUBJECT_REVIEWS, kind))["status"]["userInfo"]
    return str(who["extra"]["authentication.kubernetes.io/credential-id"][0])


@pytest.fixture
async def pod(admin: Client, space: str, control_plane: Handle, tmp_path, monkeypatch):
    """A client as in a pod, and what makes a token of its ServiceAccount and puts it where the kubelet would."""
    address = urlsplit(control_plane.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": space}}
    await admin.create(SERVICE_ACCOUNTS, account)

    async def mount(*, bound: dict | None = None) -> None:
        spec = {"expirationSeconds": 600} | ({"boundObjectRef": bound} if bound else {})
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        made = await admin.create(SERVICE_ACCOUNTS, body, space, name="robot", subresource="token")
        (tmp_path / "token").write_text(made["status"]["token"])

    (tmp_path / "ca.crt").write_text(control_plane.ca_file.read_text())
    (tmp_path / "namespace").write_text(space)
    await mount()
    client = Client(await Transport.in_cluster(tmp_path))
    yield client, mount
    await client.close()


async def until_refused(client: Client) -> None:
    """The API server remembers a good token for ten seconds."""
    async with asyncio.timeout(120):
        while True:
            try:
                await credential(client)
            except errors.Unauthorized:
                return
            await asyncio.sleep(0.5)


async def test_a_pods_token_is_read_again_when_it_may_have_been_renewed(pod, space, monkeypatch, tmp_path) -> None:
    client, mount = pod
    first = await credential(client)
    assert client.namespace == space
    await mount()
    assert await credential(client) == first

    monkeypatch.setattr(transport, "REFRESH_SECONDS", 0.0)
    second = await credential(client)
    assert second != first

    (tmp_path / "token").unlink()
    assert await credential(client) == second


async def test_a_pods_token_that_is_refused_is_read_again_at_once(pod, admin: Client, space: str) -> None:
    client, mount = pod
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "life", "namespace": space}}
    uid = (await admin.create(SECRETS, secret))["metadata"]["uid"]
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "life", "uid": uid}
    await mount(bound=bound)
    await client.transport._refresh(rejected=True)
    first = await credential(client)

    await admin.delete(SECRETS, "life", space)
    await until_refused(client)
    await mount()
    assert await credential(client) != first
