"""Keeps the assist's certificates: in a Secret, in the TLS context that is served with, and in the webhook's caBundle.

Any replica does all of it, by compare-and-swap; who loses looks again. A key is never written to a disk or a log.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict, NotFound
from cotenant.kube.resource import MUTATING_WEBHOOKS, SECRETS
from cotenant.serve import certificates
from cotenant.serve.certificates import Pair

log = structlog.get_logger()

NAME = "cotenant-assist"
"""Name of the Secret, the Service and the webhook configuration."""
LONGEST = 60.0
"""Seconds between two looks, at most: somebody may have applied the configuration anew."""
OVERLAP = timedelta(minutes=10)
"""How long a new CA is trusted before its certificate is served, and the old one afterwards, at most."""


class Keyring:
    """`context` is what to serve with; `ready` once there is something in it. `now` in UTC."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        now: Callable[[], datetime],
        lifetime: timedelta,
        told: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self.client, self.namespace, self.now, self.lifetime, self.told = client, namespace, now, lifetime, told
        self.overlap = min(OVERLAP, lifetime / 12)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.ready = asyncio.Event()
        self.loaded: Pair | None = None
        self.trusted = b""

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        while True:
            try:
                await self.look()
            except Conflict:
                continue  # the other replica was faster
            except ApiError as error:
                log.warning("the assist's certificates cannot be kept", error=error.message or error.reason)
            await asyncio.sleep(min(LONGEST, self.overlap.total_seconds() / 4))

    async def look(self) -> None:
        """Renews what is due, trusts before it serves. Raises ApiError; Conflict where somebody else was faster."""
        hook = await self.hook()
        secret = await self.client.get(SECRETS, NAME, self.namespace)
        found = certificates.read(decoded(secret.get("data") or {}))
        pairs = certificates.renewed(found, self.hosts(hook), self.now(), self.lifetime, self.overlap)
        if pairs != found:
            data = {key: base64.b64encode(part).decode() for key, part in certificates.stored(pairs).items()}
            await self.client.replace(SECRETS, secret | {"data": data})
            log.info("assist certificates", pairs=[repr(pair) for pair in pairs])
        if hook is not None:
            await self.trust(hook, certificates.bundle(pairs))
        pair = certificates.served(pairs, self.now(), self.overlap)
        # Never one that the API server was not told to trust.
        if pair != self.loaded and (self.loaded is None or pair.authority in self.trusted):
            self.load(pair)

    async def hook(self) -> dict[str, Any] | None:
        """The webhook configuration; None where it was not installed."""
        try:
            return await self.client.get(MUTATING_WEBHOOKS, NAME)
        except NotFound:
            return None

    def hosts(self, hook: dict[str, Any] | None) -> list[str]:
        """Under which names the API server calls: those of the Service, and the host of a url."""
        service = f"{NAME}.{self.namespace}.svc"
        urls = [one["clientConfig"].get("url", "") for one in (hook or {}).get("webhooks", ())]
        return sorted({service, *(host for url in urls if (host := urlsplit(url).hostname))})

    async def trust(self, hook: dict[str, Any], wanted: bytes) -> None:
        """Writes the caBundle where it differs, and nothing else."""
        text = base64.b64encode(wanted).decode()
        hooks = [one | {"clientConfig": one["clientConfig"] | {"caBundle": text}} for one in hook.get("webhooks", ())]
        if hooks != hook.get("webhooks", []):
            await self.client.replace(MUTATING_WEBHOOKS, hook | {"webhooks": hooks})
        self.trusted = wanted

    def load(self, pair: Pair) -> None:
        """Serves with it from the next handshake on; connections that are open stay as they are."""
        with in_memory(pair.certificate) as certificate, in_memory(pair.key) as key:
            self.context.load_cert_chain(certificate, key)
        self.loaded = pair
        self.told(pair.expires)
        self.ready.set()


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path to these bytes that leads to no disk: ssl reads files alone."""
    descriptor = os.memfd_create("cotenant", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def decoded(data: dict[str, str]) -> dict[str, bytes]:
    """The data of a Secret; what is no base64 is left out."""
    found = {}
    for key, text in data.items():
        try:
            found[key] = base64.b64decode(text, validate=True)
        except ValueError:
            continue
    return found
