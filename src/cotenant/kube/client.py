"""A thin typed client: raw bytes in and out, msgspec between, metav1.Status as exceptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, cast

import msgspec
from msgspec import Struct

from cotenant.kube.errors import ApiError, Gone
from cotenant.kube.lines import Lines
from cotenant.kube.resource import Resource
from cotenant.kube.session import JSON, Body, Query, Session, address, encode

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=dict[str, Any])
else:
    from typing import TypeVar

    T = TypeVar("T")

DICT: Any = dict
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"
PAGE = 500
LIST_RESTARTS = 3


class ListMeta(Struct, rename={"resource_version": "resourceVersion", "go_on": "continue"}, gc=False):
    """metav1.ListMeta; `go_on` is the token of the next page."""

    resource_version: str = ""
    go_on: str = ""


class Page(Struct, Generic[T]):
    """One page of a list."""

    metadata: ListMeta
    items: list[T] | None = None


class Listing(Struct, Generic[T]):
    """A whole list, as of one resourceVersion."""

    items: list[T]
    resource_version: str


@lru_cache(maxsize=256)
def decoder(type: Hashable) -> msgspec.json.Decoder[Any]:
    """The decoder of a type, made once."""
    return msgspec.json.Decoder(cast("Any", type))


class Client(Session):
    """Verbs on one cluster as one identity. What a call may cost and when it is repeated: see Session."""

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        type: type[T] = DICT,
        subresource: str | None = None,
    ) -> T:
        """One object; NotFound if there is none."""
        answer = await self.call("GET", resource.path(namespace, name, subresource))
        return _decode(answer, type)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
        type: type[T] = DICT,
        resource_version: str | None = None,
    ) -> Listing[T]:
        """Every object, through all pages; begins again when the server forgot where we were (410)."""
        for attempt in range(LIST_RESTARTS + 1):
            items: list[T] = []
            version = ""
            try:
                async for page in self.pages(
                    resource,
                    namespace,
                    labels=labels,
                    fields=fields,
                    limit=limit,
                    type=type,
                    resource_version=resource_version,
                ):
                    items.extend(page.items or ())
                    version = page.metadata.resource_version
            except Gone:
                if attempt == LIST_RESTARTS:
                    raise
                continue
            if type is dict:  # lists leave the kind of their items out
                for item in cast("list[dict[str, Any]]", items):
                    item.setdefault("apiVersion", resource.api_version)
                    item.setdefault("kind", resource.kind)
            return Listing(items, version)
        raise AssertionError("unreachable")

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
        type: type[T] = DICT,
        resource_version: str | None = None,
    ) -> AsyncIterator[Page[T]]:
        """The pages of a list, decoded one by one; Gone when the continue token has expired."""
        query = _selection(labels, fields)
        if limit:
            query["limit"] = str(limit)
        if resource_version is not None:
            query["resourceVersion"] = resource_version
        found = decoder(Page[type])  # type: ignore[valid-type]  # a type at run time
        while True:
            answer = await self.call("GET", resource.path(namespace), query)
            page: Page[T] = found.decode(answer)
            yield page
            if not page.metadata.go_on:
                return
            query["continue"] = page.metadata.go_on
            query.pop("resourceVersion", None)

    async def create(
        self,
        resource: Resource,
        body: Body,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        name: str | None = None,
        manager: str = "cotenant",
        dry_run: bool = False,
        strict: bool = False,
        type: type[T] = DICT,
    ) -> T:
        """POST. Never repeated after it may have been done, so the caller sees AlreadyExists only for another's."""
        path = resource.path(namespace or _where(body)[0], name, subresource)
        query = _writing(manager, dry_run=dry_run, strict=strict)
        return _decode(await self.call("POST", path, query, body, JSON), type)

    async def replace(
        self,
        resource: Resource,
        body: Body,
        *,
        subresource: str | None = None,
        manager: str = "cotenant",
        dry_run: bool = False,
        strict: bool = False,
        type: type[T] = DICT,
    ) -> T:
        """PUT. With metadata.resourceVersion in the body it is a compare-and-swap: Conflict if somebody was faster."""
        path = resource.path(*_where(body), subresource)
        query = _writing(manager, dry_run=dry_run, strict=strict)
        return _decode(await self.call("PUT", path, query, body, JSON), type)

    async def apply(
        self,
        resource: Resource,
        body: Body,
        *,
        subresource: str | None = None,
        manager: str = "cotenant",
        force: bool = True,
        dry_run: bool = False,
        strict: bool = False,
        type: type[T] = DICT,
    ) -> T:
        """Server-side apply; without force, Conflict names the managers in the way."""
        path = resource.path(*_where(body), subresource)
        query = _writing(manager, dry_run=dry_run, strict=strict)
        if force:
            query["force"] = "true"
        return _decode(await self.call("PATCH", path, query, body, APPLY), type)

    async def merge(
        self,
        resource: Resource,
        name: str,
        patch: Body,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        manager: str = "cotenant",
        dry_run: bool = False,
        strict: bool = False,
        type: type[T] = DICT,
    ) -> T:
        """JSON merge patch: null removes, lists are replaced whole."""
        path = resource.path(namespace, name, subresource)
        query = _writing(manager, dry_run=dry_run, strict=strict)
        return _decode(await self.call("PATCH", path, query, patch, MERGE), type)

    async def edit(
        self,
        resource: Resource,
        name: str,
        patch: Sequence[Body],
        namespace: str | None = None,
        *,
        manager: str = "cotenant",
        type: type[T] = DICT,
    ) -> T:
        """JSON patch. Invalid where one of its tests fails; the API server itself tries again after conflicts."""
        path, query = resource.path(namespace, name), _writing(manager, dry_run=False, strict=False)
        return _decode(await self.call("PATCH", path, query, msgspec.json.encode(patch), PATCH), type)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        dry_run: bool = False,
        grace: int | None = None,
    ) -> dict[str, Any]:
        """DELETE, with preconditions; Conflict if the object is another one by now. grace: seconds."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        wanted = {"uid": uid, "resourceVersion": resource_version}
        if any(wanted.values()):
            options["preconditions"] = {key: value for key, value in wanted.items() if value}
        if propagation:
            options["propagationPolicy"] = propagation
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if dry_run:
            options["dryRun"] = ["All"]
        return _decode(await self.call("DELETE", resource.path(namespace, name), None, options, JSON), dict)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | bytes | None = None,
        content_type: str | None = None,
        accept: str | None = None,
    ) -> tuple[int, bytes]:
        """One request, neither retried nor judged: its status and bytes. Unavailable only when no answer came."""
        target = address(path, query)
        answer = await self.once(
            method, target, encode(body), content_type=content_type, accept=accept, seconds=self.timeout
        )
        return answer.status, answer.body

    async def stream(
        self, resource: Resource, namespace: str | None = None, *, query: Mapping[str, str], idle: float
    ) -> AsyncIterator[Sequence[bytes]]:
        """A watch: lists of complete lines as they arrive, first an empty one when the server has accepted.

        Ends when the server ends it; a cut-off last line is dropped. Unavailable after `idle` seconds without a byte.
        """
        await self.bucket.take()
        headers = (*self.headers, ("Accept", JSON))
        lines = Lines()
        target = address(resource.path(namespace), {"watch": "1", **query})
        try:
            async with aclosing(self.transport.stream(target, headers, idle)) as chunks:  # type: ignore[type-var]  # it is a generator
                async for chunk in chunks:
                    yield lines.feed(chunk)
        except ApiError as error:
            if error.status and self.observe is not None:
                self.observe("GET", error.status, 0.0)
            raise

    async def version(self) -> dict[str, Any]:
        """/version: major, minor, gitVersion."""
        return _decode(await self.call("GET", "/version"), dict)

    async def close(self) -> None:
        """Closes the connections, also of every client made from this one."""
        await self.transport.close()


def _decode(answer: bytes, type: type[T]) -> T:
    return cast("T", decoder(cast("Hashable", type)).decode(answer))


def _selection(labels: str, fields: str) -> Query:
    return {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}


def _writing(manager: str, *, dry_run: bool, strict: bool) -> Query:
    query = {"fieldManager": manager}
    if dry_run:
        query["dryRun"] = "All"
    if strict:
        query["fieldValidation"] = "Strict"
    return query


def _where(body: Body) -> tuple[str | None, str | None]:
    """Namespace and name in the metadata of a manifest."""
    if isinstance(body, Struct):
        metadata = getattr(body, "metadata", None)
        return getattr(metadata, "namespace", None) or None, getattr(metadata, "name", None) or None
    metadata = body.get("metadata") or {}
    return metadata.get("namespace"), metadata.get("name")
