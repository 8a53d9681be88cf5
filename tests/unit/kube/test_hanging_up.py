"""Whoever hangs up leaves no socket behind, also when the event loop ends at once."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
import threading
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cotenant.kube.errors import Unavailable
from cotenant.kube.transport import Transport
from cotenant.local.pki import Authority

Asked = Callable[[Transport], Awaitable[None]]
PART = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"
WHOLE = PART + b"0\r\n\r\n"


@pytest.fixture
def secured(tmp_path: Path) -> ssl.SSLContext:
    """What a server needs; and a kubeconfig's certificate authority in ca.pem."""
    authority = Authority.create("test")
    pair = authority.serving("server")
    for name, content in (("ca.pem", authority.pair.cert), ("cert.pem", pair.cert), ("key.pem", pair.key)):
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def serve(context: ssl.SSLContext, listener: socket.socket, said: bytes, over: threading.Event) -> None:
    """Says that; then nothing more, a goodbye neither."""
    with listener:
        plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as connection:
        connection.recv(65536)
        connection.sendall(said)
        over.wait(30)


async def hang_up(folder: Path, port: int, asked: Asked) -> None:
    """Something over TLS, as the last thing that a loop does."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "ca.pem")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": cluster}],
        "users": [{"name": "x", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    (folder / "config").write_text(json.dumps(config))
    transport = await Transport.from_kubeconfig(folder / "config")
    await asked(transport)
    await transport.close()


async def watched(transport: Transport) -> None:
    """Left after the first line."""
    stream = transport.stream("/", (), 30.0)
    async for chunk in stream:
        if chunk:
            break
    await stream.aclose()


async def waited(transport: Transport) -> None:
    """Until patience is over, in the middle of the answer."""
    with pytest.raises(Unavailable):
        await transport.send("GET", "/", (), None, 2.0)


async def pooled(transport: Transport) -> None:
    """A whole answer, over a connection that could be used again."""
    assert (await transport.send("GET", "/", (), None, 30.0)).status == 200


async def alone(transport: Transport) -> None:
    """A whole answer, over a connection that nothing else will use: the library ends it, politely."""
    assert (await transport.apart(each=True).send("GET", "/", (), None, 30.0)).status == 200


@pytest.mark.parametrize(("asked", "said"), [(watched, PART), (waited, PART), (pooled, WHOLE), (alone, WHOLE)])
def test_a_server_that_says_no_goodbye_leaves_no_socket(
    asked: Asked, said: bytes, secured: ssl.SSLContext, tmp_path: Path
) -> None:
    over, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=serve, args=(secured, listener, said, over))
    port = listener.getsockname()[1]
    server.start()
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            asyncio.run(hang_up(tmp_path, port, asked))
            gc.collect()
    finally:
        over.set()
        server.join()
    told = [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)]
    assert [each for each in told if "event loop" not in each] == []  # see filterwarnings in pyproject.toml
