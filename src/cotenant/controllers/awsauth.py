"""Looks at aws-auth, for what others do to it: one error in it locks out every role, those of nodes too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, NotFound
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.model.iam.awsauth import NAME, NAMESPACE, read
from cotenant.model.iam.inforce import EDIT, REPAIR, damage, raised
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()
PAUSE = 15.0
"""Seconds between two looks: one GET of one ConfigMap. A watch would need the right to list in kube-system."""


class AwsAuthWatch:
    """Reads only. `data` is None until it has been read, and where that is not allowed; {} where there is none."""

    def __init__(self, client: Client, metrics: Metrics, changed: Callable[[], None]) -> None:
        self.client, self.metrics, self.changed = client, metrics, changed
        self.data: Mapping[str, str] | None = None
        self.forbidden = False

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
        except Forbidden as error:
            if not self.forbidden:
                log.warning("aws-auth is not watched", error=str(error), remedy="cotenant install")
            self.forbidden = True
            return
        except ApiError as error:
            log.debug("aws-auth not read", error=str(error))
            return
        self.forbidden = False
        if found == self.data:
            return
        for text in damage(self.data, found):
            log.error("aws-auth was damaged", what=text, remedy=REPAIR)
        for text in raised(self.data, found):
            log.error("aws-auth has a new administrator", what=text, remedy=f"if nobody meant that: {EDIT}")
        self.metrics.aws_auth_unread.set(len(read(found).faults))
        self.data = found
        self.changed()
