"""The rights that a process cannot do without, asked for at its start: a list that is forbidden fails for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden
from cotenant.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS, Resource

log = structlog.get_logger()
PATIENCE = 20.0
"""Seconds that a missing right may take to come: an installation or an API server may be about to give it."""
PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource; everywhere without a namespace, on every object without a name."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""

    @property
    def place(self) -> str:
        """What the verb is for: `leases.coordination.k8s.io/cotenant in cotenant-system`."""
        name = f"/{self.name}" if self.name else ""
        return f"{self.resource}{name}{f' in {self.namespace}' if self.namespace else ''}"


class RightsMissing(Exception):
    """Durably refused at the start. The text names every right."""

    def __init__(self, rights: Iterable[Right]) -> None:
        verbs: dict[str, list[str]] = {}
        for right in rights:
            verbs.setdefault(right.place, []).append(right.verb)
        places = "; ".join(f"{' and '.join(found)} {place}" for place, found in verbs.items())
        super().__init__(f"the operator's identity lacks rights: {places}. They come with: cotenant install")


async def require(client: Client, rights: Sequence[Right], *, patience: float = PATIENCE) -> None:
    """Returns when all are there; RightsMissing when some were refused for so many seconds without a break.

    An API server that does not answer is asked again. One that answers no questions about rights ends the asking.
    """
    clock = asyncio.get_running_loop().time
    refused_since: float | None = None
    while True:
        try:
            missing = await lacking(client, rights)
        except Forbidden as error:
            log.warning("rights not looked at", error=str(error))
            return
        except ApiError:
            missing, refused_since = [], None
        else:
            if not missing:
                return
            if refused_since is None:
                refused_since = clock()
                log.warning("rights missing", rights=[f"{one.verb} {one.place}" for one in missing], patience=patience)
            elif clock() - refused_since >= patience:
                raise RightsMissing(missing)
        await asyncio.sleep(PAUSE)


async def lacking(client: Client, rights: Sequence[Right]) -> list[Right]:
    """Those of the rights that the API server's authorizers do not give us, by SelfSubjectAccessReview."""
    # The first one alone: an API server that is away is not asked by all of them at once.
    answers = [await _allowed(client, right) for right in rights[:1]]
    answers += await asyncio.gather(*(_allowed(client, right) for right in rights[1:]))
    return [right for right, allowed in zip(rights, answers, strict=True) if not allowed]


async def _allowed(client: Client, right: Right) -> bool:
    attributes = {
        "verb": right.verb,
        "group": right.resource.group,
        "resource": right.resource.plural,
        "namespace": right.namespace,
        "name": right.name,
    }
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.create(SELF_SUBJECT_ACCESS_REVIEWS, review)
    return bool(answer["status"].get("allowed"))
