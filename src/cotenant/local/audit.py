"""The audit log as a counter: who asked the API server for what, between two marks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.wire import Wire

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_PATIENCE = 5.0


@dataclass(frozen=True)
class Mark:
    """A moment, as a position in the log of each API server."""

    offsets: tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """One line of the audit log. `resource` is `pods`, `apps/deployments` or `pods/exec`-like with its subresource.

    A watch has two lines, stages ResponseStarted and ResponseComplete. Failed authentication has no user.
    """

    user: str
    impersonated: str
    agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    uri: str
    stage: str
    at: str

    @property
    def write(self) -> bool:
        """A verb that changes something, not a dry run, and no review of one's own rights."""
        return self.verb in WRITES and "dryRun=All" not in self.uri and not self.resource.endswith("reviews")


class Audit:
    """Reads the logs that the API servers write in blocking mode."""

    def __init__(self, logs: Sequence[Path], wires: Sequence[Wire]) -> None:
        self.logs, self._wires = logs, wires

    def mark(self) -> Mark:
        return Mark(tuple(self._settle(server) for server in range(len(self.logs))))

    def since(
        self, mark: Mark, *, user: str | None = None, agent: str | None = None, writes: bool = False
    ) -> list[Request]:
        """Requests after the mark, in order per server. `user` is exact (the impersonated one counts),
        `agent` is the beginning of the User-Agent.
        """
        found: list[Request] = []
        for server, start in enumerate(mark.offsets):
            end = self._settle(server)
            with self.logs[server].open("rb") as log:
                log.seek(start)
                lines = log.read(end - start).splitlines()
            found += [_request(json.loads(line)) for line in lines if b"cotenant-audit-mark" not in line]
        return [
            each
            for each in found
            if (user is None or user == (each.impersonated or each.user))
            and (agent is None or each.agent.startswith(agent))
            and (each.write or not writes)
        ]

    def _settle(self, server: int) -> int:
        """The position just behind a request of our own, made now: all that was answered before is in the log."""
        token = uuid.uuid4().hex
        log = self.logs[server]
        start = max(0, log.stat().st_size - 1) if log.exists() else 0
        self._wires[server].request("GET", f"/version?cotenant-audit-mark={token}")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with log.open("rb") as file:
                file.seek(start)
                text = file.read()
            at = text.find(token.encode())
            if at >= 0 and (end := text.find(b"\n", at)) >= 0:
                return start + end + 1
            time.sleep(0.01)
        raise ControlPlaneError(f"the audit log {log} does not show our own request; was it rotated?")


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef", {})
    return Request(
        user=event.get("user", {}).get("username", ""),
        impersonated=event.get("impersonatedUser", {}).get("username", ""),
        agent=event.get("userAgent", ""),
        verb=event.get("verb", ""),
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        uri=event.get("requestURI", ""),
        stage=event.get("stage", ""),
        at=event.get("requestReceivedTimestamp", ""),
    )
