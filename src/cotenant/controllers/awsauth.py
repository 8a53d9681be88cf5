"""Looks at aws-auth, for what others do to it: one error in it locks out every role, those of nodes too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, NotFound
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.model.finding import Finding
from cotenant.model.iam.awsauth import NAME, NAMESPACE, read
from cotenant.model.iam.inforce import EDIT, REPAIR, damage, raised
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()
PAUSE = 15.0
"""Seconds between two looks: one GET of one ConfigMap. A watch would need the right to list in kube-system."""


FAILURES = 3
"""Looks in a row that fail before somebody is told: an API server may restart."""
ABOUT = {"apiVersion": "v1", "kind": "Namespace", "name": NAMESPACE}
"""What events are about: an event about the ConfigMap itself would be in kube-system, where the leash lets us write nothing."""


class Told(Protocol):
    """What events are given to; runtime.events.Recorder is one."""

    def record(
        self, regarding: Mapping[str, Any], reason: str, note: str, *, type: Literal["Normal", "Warning"]
    ) -> None:
        """An event about an object."""


class AwsAuthWatch:
    """Reads only. `data` is None until it has been read, and where that is not allowed; {} where there is none.

    `unread`: why it cannot be read; None while it can.
    """

    def __init__(self, client: Client, metrics: Metrics, changed: Callable[[], None], events: Told) -> None:
        self.client, self.metrics, self.changed, self.events = client, metrics, changed, events
        self.data: Mapping[str, str] | None = None
        self.unread: Finding | None = None
        self.failures = 0

    async def run(self) -> None:
        """Looks for as long as the operator runs."""
        while True:
            await self.look()
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """One look; tells what has happened since the last one."""
        try:
            found: Mapping[str, str] = (await self.client.get(CONFIG_MAPS, NAME, NAMESPACE)).get("data") or {}
        except NotFound:
            found = {}
        except ApiError as error:
            self.failed(error)
            return
        self.failures = 0
        if self.unread is not None:
            log.info("aws-auth is read again")
            self.unread = None
            self.changed()
        if found == self.data:
            return
        for text in damage(self.data, found):
            log.error("aws-auth was damaged", what=text, remedy=REPAIR)
            self.events.record(ABOUT, "AwsAuthDamaged", f"aws-auth, {text}; {REPAIR}", type="Warning")
        for text in raised(self.data, found):
            log.error("aws-auth has a new administrator", what=text, remedy=f"if nobody meant that: {EDIT}")
            self.events.record(
                ABOUT, "NewAdministrator", f"aws-auth: {text}; if nobody meant that: {EDIT}", type="Warning"
            )
        self.metrics.aws_auth_unread.set(len(read(found).faults))
        self.data = found
        self.changed()

    def failed(self, error: ApiError) -> None:
        """A look without an answer; told once it is no passing thing."""
        self.failures += 1
        if not isinstance(error, Forbidden) and self.failures < FAILURES:
            log.debug("aws-auth not read", error=str(error))
            return
        remedy = "cotenant install" if isinstance(error, Forbidden) else "kubectl get configmap aws-auth -n kube-system"
        said = Finding("AwsAuthUnread", f"aws-auth cannot be read: {error}; {remedy}", "Unknown")
        if self.unread is not None and self.unread.message == said.message:
            return
        log.warning("aws-auth is not watched", error=str(error), remedy=remedy)
        self.events.record(ABOUT, said.reason, said.message, type="Warning")
        self.unread = said
        self.changed()
