from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import certifi
import pytest

from cotenant.kube import errors, transport
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from endpoint import Endpoint, Reply, refusal


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No kubeconfig and no pod."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


async def test_the_context_tells_host_and_namespace(endpoint: Endpoint, tmp_path: Path) -> None:
    found = await endpoint.transport(tmp_path)

    assert (found.host, found.context, found.namespace) == (endpoint.url, "scripted", "here")
    await found.close()


async def test_an_explicit_path_wins_over_the_environment(
    endpoint: Endpoint, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(endpoint.kubeconfig(nowhere)))
    by_environment = await Transport.load()
    other = nowhere / "other"
    other.write_text((nowhere / "kubeconfig").read_text().replace("here", "there"))
    by_path = await Transport.load(other)

    assert (by_environment.namespace, by_path.namespace) == ("here", "there")
    for each in (by_environment, by_path):
        await each.close()


async def test_a_kubeconfig_that_is_named_but_missing_is_said_so(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(nowhere / "gone"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")

    with pytest.raises(errors.ConfigurationError, match="gone does not exist"):
        await Transport.load()


async def test_without_any_cluster_the_message_says_what_to_do(nowhere: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="--kubeconfig"):
        await Transport.load()


@pytest.mark.parametrize("text", ["", "[]", "{", "apiVersion: v1\ncurrent-context: x\n", "\tx: y"])
async def test_a_broken_kubeconfig_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)

    with pytest.raises(errors.ConfigurationError, match="broken"):
        await Transport.from_kubeconfig(path)


async def test_a_rejected_token_is_read_again_from_its_file(endpoint: Endpoint, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    client = Client(await endpoint.transport(tmp_path, tokenFile=str(token)))
    token.write_text("new\n")
    endpoint.play(refusal(401, "Unauthorized"), Reply())

    await client.version()

    assert [each.headers["Authorization"] for each in endpoint.seen] == ["Bearer old", "Bearer new"]
    await client.close()


async def test_a_token_file_is_read_again_every_minute(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    client = Client(await endpoint.transport(tmp_path, tokenFile=str(token)))
    token.write_text("new")
    endpoint.play(Reply(), Reply())
    await client.version()
    now = time.monotonic()
    monkeypatch.setattr(transport.time, "monotonic", lambda: now + 61)
    await client.version()

    assert [each.headers["Authorization"] for each in endpoint.seen] == ["Bearer old", "Bearer new"]
    await client.close()


async def test_an_exec_plugin_runs_once_and_again_when_rejected(endpoint: Endpoint, tmp_path: Path) -> None:
    count = tmp_path / "count"
    plugin = tmp_path / "plugin"
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    plugin.write_text(
        f"""#!{sys.executable}
import json, os
assert json.loads(os.environ["KUBERNETES_EXEC_INFO"])["kind"] == "ExecCredential"
open({str(count)!r}, "a").write("x")
n = len(open({str(count)!r}).read())
print(json.dumps({json.dumps(answer)} | {{"status": {{"token": f"t{{n}}"}}}}))
"""
    )
    plugin.chmod(0o755)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    client = Client(await endpoint.transport(tmp_path, exec=run))
    endpoint.play(Reply(), Reply(), refusal(401, "Unauthorized"), Reply())

    for _ in range(3):
        await client.version()

    assert [each.headers["Authorization"] for each in endpoint.seen] == [f"Bearer t{n}" for n in (1, 1, 1, 2)]
    assert count.read_text() == "xx"
    await client.close()


async def test_a_service_account_token_is_rotated_under_us(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    (tmp_path / "namespace").write_text("cotenant-system")
    (tmp_path / "ca.crt").write_text(Path(certifi.where()).read_text())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = await Transport.in_cluster(tmp_path)
    assert (found.host, found.namespace) == ("https://10.0.0.1:443", "cotenant-system")
    found.host = endpoint.url
    endpoint.play(Reply(), Reply(), refusal(401, "Unauthorized"), Reply(), Reply())

    client = Client(found)
    await client.version()
    token.write_text("new")
    await client.version()
    await client.version()
    token.write_text("newest")
    monkeypatch.setattr(transport, "REFRESH_SECONDS", 0.0)
    await client.version()

    said = [each.headers["Authorization"] for each in endpoint.seen]
    assert said == ["bearer old", "bearer old", "bearer old", "bearer new", "bearer newest"]
    await client.close()


async def test_sockets_notice_a_dead_peer(endpoint: Endpoint, tmp_path: Path) -> None:
    import socket

    made = transport._socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)))

    assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
    made.close()


async def test_connections_are_reused(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(*(Reply() for _ in range(20)))
    for _ in range(20):
        await client.version()

    connector = client.transport._session.connector
    assert sum(len(each) for each in connector._conns.values()) == 1


def test_importing_the_client_does_not_import_the_library() -> None:
    """`cotenant --help` answers in under 200 ms; kubernetes alone costs twice that."""
    code = "import sys, cotenant.kube.client; print(json.dumps([m for m in ('kubernetes', 'aiohttp') if m in sys.modules]))"
    found = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)

    assert json.loads(found.stdout) == []


def test_no_generated_api_class_is_imported_on_our_paths() -> None:
    code = (
        "import sys; from cotenant.kube.transport import _configuration, _rest; import kubernetes.aio.config;"
        "print(sum(m.startswith('kubernetes.aio.client.models.') for m in sys.modules),"
        "sum(m.startswith('kubernetes.aio.client.api.') for m in sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.split() == ["0", "0"]
