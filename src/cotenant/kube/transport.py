"""Authenticated HTTP to one cluster: kubeconfig, exec plugins, OIDC, tokens, TLS and sockets of the official client.

Nothing else may import `kubernetes`, and here only functions do: it costs 0.4 s.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from cotenant.kube.errors import ApiError, ConfigurationError, Unavailable, from_response
from cotenant.kube.library import lean

if TYPE_CHECKING:
    import ssl

    import aiohttp

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REFRESH_SECONDS = 60.0
CONNECT_SECONDS = 10.0
IDLE_POOL_SECONDS = 60.0
READ_BYTES = 2**21
"""What an answer may be ahead of its reader; the library's own choice for watches."""
TURNS = 100
"""Of the event loop, that closing takes at most; two or three do."""
# Load balancers before EKS endpoints forget idle flows after ~350 s: probe earlier, and notice a dead peer.
SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 60_000),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
)
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `warnings`: the texts of its Warning headers; `retry_after`: that header as it came."""

    status: int
    body: bytes
    retry_after: str | None = None
    warnings: tuple[str, ...] = ()


class Mounted:
    """The loader of a pod's token, called like the loader of a kubeconfig."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    async def load_and_set(self, configuration: Any) -> None:
        """Reads token and certificate authority from the files that the kubelet keeps fresh."""
        self._loader.load_and_set(configuration)


class Transport:
    """One cluster, one identity, one pool of connections. Make it with `load`, `from_kubeconfig` or `in_cluster`."""

    def __init__(
        self,
        configuration: Any,
        loader: Any = None,
        *,
        context: str = "",
        namespace: str = "",
        rest: Any = None,
        limit: int = 0,
        each: bool = False,
    ) -> None:
        self.host: str = configuration.host
        self.context = context
        self.namespace = namespace or "default"
        self._configuration = configuration
        self._loader = loader
        self._refreshed = time.monotonic()
        self._refreshing = asyncio.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._apart: list[Transport] = []
        self._rest = _rest(configuration) if rest is None else rest
        self._session = _session(self._rest.ssl_context, self._socket, limit=limit, each=each)
        self._extra: dict[str, Any] = {}
        if configuration.tls_server_name:
            self._extra["server_hostname"] = configuration.tls_server_name
        if self._rest.proxy:
            self._extra["proxy"] = self._rest.proxy

    @classmethod
    async def load(cls, kubeconfig: str | os.PathLike[str] | None = None, context: str | None = None) -> Transport:
        """The kubeconfig given, else $KUBECONFIG, else ~/.kube/config, else the pod's service account."""
        if kubeconfig or os.environ.get("KUBECONFIG") or context or _home_config().is_file():
            return await cls.from_kubeconfig(kubeconfig, context)
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            return await cls.in_cluster()
        raise ConfigurationError(
            0, "NoCluster", "no kubeconfig found: pass --kubeconfig, set KUBECONFIG, or run in a pod"
        )

    @classmethod
    async def from_kubeconfig(cls, path: str | os.PathLike[str] | None = None, context: str | None = None) -> Transport:
        """A kubeconfig, or several separated by colons as in $KUBECONFIG."""
        source = os.fspath(path) if path else os.environ.get("KUBECONFIG") or str(_home_config())
        if not any(map(_exists, source.split(os.pathsep))):
            raise ConfigurationError(0, "NoKubeconfig", f"kubeconfig {source} does not exist")
        with lean():
            from kubernetes.aio.config import load_kube_config

        configuration = _configuration()
        try:
            loader = await load_kube_config(source, context, configuration, persist_config=False)
            transport = cls(configuration, loader)
        except Exception as error:  # the loader lets TypeError, KeyError and YAML errors of a broken file through
            raise ConfigurationError(0, "BadKubeconfig", f"kubeconfig {source}: {error}") from error
        current = loader.current_context
        transport.context = current.get("name", "")
        transport.namespace = current["context"].get("namespace") or "default"
        return transport

    @classmethod
    async def in_cluster(cls, folder: Path = IN_CLUSTER) -> Transport:
        """The service account of the pod we run in. Its token is read again every minute, and when it is refused."""
        with lean():
            from kubernetes.aio.config import ConfigException
            from kubernetes.aio.config.incluster_config import InClusterConfigLoader

        configuration = _configuration()
        # The library's own way of reading again, try_refresh_token, does not hear of a refusal.
        loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"), try_refresh_token=False)
        try:
            loader.load_and_set(configuration)
        except ConfigException as error:
            raise ConfigurationError(0, "NotInCluster", str(error)) from error
        namespace = folder / "namespace"
        return cls(
            configuration, Mounted(loader), namespace=namespace.read_text().strip() if namespace.is_file() else ""
        )

    def apart(self, *, each: bool = False) -> Transport:
        """The same cluster and identity over a connection of its own, or with `each` a new one for every request.

        So a load balancer chooses anew. Closed by who asked for it, or with this one.
        """
        made = Transport(
            self._configuration,
            self._loader,
            context=self.context,
            namespace=self.namespace,
            rest=self._rest,
            limit=0 if each else 1,
            each=each,
        )
        self._apart = [*(one for one in self._apart if not one.closed), made]
        return made

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._session.closed

    async def send(self, method: str, target: str, headers: Headers, body: bytes | None, seconds: float) -> Response:
        """One request and its whole answer, whatever its status; Unavailable when none came in time.

        target: path and query, already encoded.
        """
        import aiohttp

        limit = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS)
        response = await self._once(method, target, headers, body, limit)
        if response.status == 401 and await self._refresh(rejected=True):
            return await self._once(method, target, headers, body, limit)
        return response

    async def stream(self, target: str, headers: Headers, idle: float) -> AsyncIterator[bytes]:
        """Chunks of a long answer as they come, first an empty one when the server has accepted.

        Unavailable after `idle` seconds of silence, ApiError if refused.
        """
        import aiohttp

        limit = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=idle)
        try:
            async with self._request("GET", target, await self._signed(headers), None, limit) as answer:
                if answer.status >= 400:
                    if answer.status == 401:
                        await self._refresh(rejected=True)
                    raise from_response(answer.status, await answer.read(), answer.headers.get("Retry-After"))
                with _whole(answer):
                    yield b""
                    async for chunk in answer.content.iter_any():
                        yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unreachable(self.host, error) from error

    async def close(self) -> None:
        """Closes every connection. It waits for no server: one that says no goodbye is left without."""
        for one in self._apart:
            await one.close()
        await self._session.close()
        # The library forgets a connection when its goodbye is sent; over TLS it is open until the server's came.
        for _ in range(TURNS):
            await asyncio.sleep(0)
            left = [each for each in self._sockets if each.fileno() >= 0]
            for each in left:
                with suppress(OSError):  # never connected, or ended by the server
                    each.shutdown(socket.SHUT_RDWR)
            if not left:
                return

    async def _once(
        self, method: str, target: str, headers: Headers, body: bytes | None, limit: aiohttp.ClientTimeout
    ) -> Response:
        import aiohttp

        try:
            async with self._request(method, target, await self._signed(headers), body, limit) as answer:
                found = answer.headers
                warnings = tuple(map(_warning, found.getall("Warning"))) if "Warning" in found else ()
                with _whole(answer):
                    return Response(answer.status, await answer.read(), found.get("Retry-After"), warnings)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _unreachable(self.host, error) from error

    def _request(
        self, method: str, target: str, headers: Headers, body: bytes | None, limit: aiohttp.ClientTimeout
    ) -> Any:
        # The library's own request() would run json.dumps over a body that msgspec has already encoded.
        return self._session.request(
            method, self.host + target, headers=headers, data=body, timeout=limit, allow_redirects=False, **self._extra
        )

    def _socket(self, address: Any) -> socket.socket:
        made = _socket(address)
        self._sockets.add(made)
        return made

    async def _signed(self, headers: Headers) -> Headers:
        if self._loader is not None and time.monotonic() - self._refreshed > REFRESH_SECONDS:
            await self._refresh()
        token = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return (*headers, ("Authorization", token.strip())) if token else headers

    async def _refresh(self, *, rejected: bool = False) -> bool:
        """Lets the library renew token and certificate; False where there is nothing to renew.

        The library caches an exec plugin's answer until five minutes before it expires. One without expiry
        would run the plugin each time, so that one is renewed only when the server has rejected it, as client-go does.
        """
        loader, before = self._loader, self._refreshed
        if loader is None:
            return False
        async with self._refreshing:
            if self._refreshed != before:
                return True
            self._refreshed = time.monotonic()
            expiry = getattr(loader, "exec_plugin_expiry", None)
            if rejected and expiry is not None:
                del loader.exec_plugin_expiry
            if not rejected and expiry is None and "exec" in (getattr(loader, "_user", None) or ()):
                return False
            try:
                await loader.load_and_set(self._configuration)
            except Exception as error:
                if not rejected:
                    return False  # the old ones may still do
                raise Unavailable(0, "Credentials", f"credentials cannot be renewed: {error}") from error
            if self._configuration.cert_file:
                self._rest.ssl_context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
            return True


@contextmanager
def _whole(answer: Any) -> Iterator[None]:
    """Ends the connection at once where an answer is not read to its end.

    Politely, the library would wait for the server's goodbye, and nobody waits for that in our own close().
    """
    transport = answer.connection.transport if answer.connection else None
    try:
        yield
    except BaseException:
        if transport is not None:
            transport.abort()
        raise


def _configuration() -> Any:
    with lean():
        from kubernetes.aio.client import Configuration

    return Configuration()


def _rest(configuration: Any) -> Any:
    """What the library makes of a configuration: the TLS context and the proxy."""
    with lean():
        from kubernetes.aio.client.rest import RESTClientObject

    return RESTClientObject(configuration)


def _session(
    tls: ssl.SSLContext, made: Callable[[Any], socket.socket], *, limit: int, each: bool
) -> aiohttp.ClientSession:
    """A pool of connections, at most so many at once (0: no limit); with `each` none is used twice."""
    import aiohttp

    keeping: dict[str, Any] = {"force_close": True} if each else {"keepalive_timeout": IDLE_POOL_SECONDS}
    connector = aiohttp.TCPConnector(limit=limit, ssl=tls, socket_factory=made, ttl_dns_cache=30, **keeping)
    # With trust_env aiohttp looks for proxies and .netrc at every request: twice the CPU.
    return aiohttp.ClientSession(connector=connector, trust_env=False, read_bufsize=READ_BYTES)


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    for level, name, value in SOCKET_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            made.setsockopt(level, option, value)
    return made


def _exists(path: str) -> bool:
    return bool(path) and Path(path).expanduser().is_file()


def _home_config() -> Path:
    return Path.home() / ".kube" / "config"


def _warning(header: str) -> str:
    """The text in `299 - "text"`."""
    _, _, quoted = header.partition('"')
    return quoted.strip().removesuffix('"').replace('\\"', '"') or header


def _unreachable(host: str, error: BaseException) -> ApiError:
    kind = type(error).__name__
    if isinstance(error, TimeoutError):
        return Unavailable(0, "Timeout", f"no answer from {host} in time ({kind})")
    return Unavailable(0, kind, f"{host} cannot be reached: {error}")
