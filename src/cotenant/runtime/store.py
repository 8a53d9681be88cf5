"""What the cluster looked like when we last heard of it: objects by key, with indexes and subscribers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, ValuesView
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from cotenant.api.meta import ObjectMeta

log = structlog.get_logger()


class Observed(Protocol):
    """Anything with Kubernetes metadata."""

    @property
    def metadata(self) -> ObjectMeta:
        """Whose name, namespace, uid and resourceVersion decide."""


T = TypeVar("T", bound=Observed)


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """old None: it appeared; new None: it is gone."""

    old: T | None
    new: T | None

    @property
    def current(self) -> T:
        """What it is, or was last."""
        found = self.new if self.new is not None else self.old
        assert found is not None
        return found


Subscriber = Callable[[Change[T]], None]
Index = Callable[[T], Iterable[str]]


def key_of(namespace: str | None, name: str) -> str:
    """`namespace/name`, or `name` for what has no namespace."""
    return f"{namespace}/{name}" if namespace else name


class Store(Generic[T]):
    """Written by one reflector; read by anyone, without awaiting. Objects in it are never changed in place.

    `synced`: the first list is in. `by` costs the matches, not the store.
    """

    def __init__(self) -> None:
        self.synced = False
        self._objects: dict[str, T] = {}
        self._indexes: dict[str, tuple[Index[T], dict[str, dict[str, T]]]] = {}
        self._subscribers: list[Subscriber[T]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str | None, name: str) -> T | None:
        """The object, None if there is none."""
        return self._objects.get(key_of(namespace, name))

    def at(self, key: str) -> T | None:
        """The object under `namespace/name` or `name`."""
        return self._objects.get(key)

    def items(self) -> ValuesView[T]:
        """Every object. A live view: copy it before awaiting."""
        return self._objects.values()

    def keys(self) -> Iterable[str]:
        """Every key."""
        return self._objects.keys()

    def index(self, name: str, fn: Index[T]) -> None:
        """Keeps `by(name, value)` for every value that fn yields of an object. Also for what is already here."""
        buckets: dict[str, dict[str, T]] = {}
        self._indexes[name] = (fn, buckets)
        for key, item in self._objects.items():
            _put(buckets, fn(item), key, item)

    def by(self, name: str, value: str) -> list[T]:
        """The objects that an index puts under a value."""
        bucket = self._indexes[name][1].get(value)
        return list(bucket.values()) if bucket else []

    def values(self, name: str) -> Iterable[str]:
        """The values that an index has objects under."""
        return self._indexes[name][1].keys()

    def subscribe(self, fn: Subscriber[T]) -> None:
        """Calls fn at every change from now on. It must be quick and must not await; what it raises is logged."""
        self._subscribers.append(fn)

    def upsert(self, item: T) -> None:
        """Takes in what the cluster has now."""
        metadata = item.metadata
        key = metadata.key
        old = self._objects.get(key)
        if old is not None:
            before = old.metadata
            if before.uid != metadata.uid:
                # Deleted and made again in a gap: two changes, or owners of the first would never hear of its end.
                self.remove(key)
                old = None
            elif before.resource_version == metadata.resource_version and before.resource_version:
                return
        self._objects[key] = item
        for fn, buckets in self._indexes.values():
            if old is not None:
                _drop(buckets, fn(old), key)
            _put(buckets, fn(item), key, item)
        self._tell(Change(old, item))

    def remove(self, key: str) -> None:
        """Forgets an object; nothing happens if it is not here."""
        old = self._objects.pop(key, None)
        if old is None:
            return
        for fn, buckets in self._indexes.values():
            _drop(buckets, fn(old), key)
        self._tell(Change(old, None))

    def retain(self, keys: set[str]) -> int:
        """Synthetic deletes for everything whose key is not listed: what vanished while nobody watched."""
        vanished = [key for key in self._objects if key not in keys]
        for key in vanished:
            self.remove(key)
        return len(vanished)

    def _tell(self, change: Change[T]) -> None:
        for fn in self._subscribers:
            try:
                fn(change)
            except Exception:
                # One faulty mapper must not cost the others their events, nor the reflector its stream.
                log.exception("subscriber failed", key=change.current.metadata.key)


def _put(buckets: dict[str, dict[str, T]], values: Iterable[str], key: str, item: T) -> None:
    for value in values:
        bucket = buckets.get(value)
        if bucket is None:
            bucket = buckets[value] = {}
        bucket[key] = item


def _drop(buckets: dict[str, dict[str, T]], values: Iterable[str], key: str) -> None:
    for value in values:
        bucket = buckets.get(value)
        if bucket is not None:
            bucket.pop(key, None)
            if not bucket:
                del buckets[value]
