from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.builtin import Namespace
from cotenant.runtime.store import Change, Store


def made(name: str, version: str = "1", uid: str = "u", **labels: str) -> Namespace:
    return msgspec.convert(
        {"metadata": {"name": name, "uid": uid, "resourceVersion": version, "labels": labels}}, Namespace
    )


def told(store: Store[Namespace]) -> list[tuple[str | None, str | None]]:
    """What subscribers hear, as versions."""
    seen: list[tuple[str | None, str | None]] = []

    def hear(change: Change[Namespace]) -> None:
        seen.append(tuple(x and f"{x.metadata.uid}{x.metadata.resource_version}" for x in (change.old, change.new)))

    store.subscribe(hear)
    return seen


def test_subscribers_hear_what_was_and_what_is() -> None:
    store: Store[Namespace] = Store()
    seen = told(store)
    store.upsert(made("a", "1"))
    store.upsert(made("a", "2"))
    store.remove("a")
    store.remove("a")

    assert seen == [(None, "u1"), ("u1", "u2"), ("u2", None)]


def test_the_same_version_again_is_no_change() -> None:
    store: Store[Namespace] = Store()
    store.upsert(made("a", "1"))
    seen = told(store)
    store.upsert(made("a", "1"))

    assert seen == []


def test_another_uid_under_one_name_is_a_replacement() -> None:
    store: Store[Namespace] = Store()
    store.upsert(made("a", "1", "first"))
    seen = told(store)
    store.upsert(made("a", "9", "second"))

    assert seen == [("first1", None), (None, "second9")]


def test_what_a_relist_did_not_see_is_deleted() -> None:
    store: Store[Namespace] = Store()
    for name in "abc":
        store.upsert(made(name))
    seen = told(store)

    assert store.retain({"b"}) == 2
    assert seen == [("u1", None), ("u1", None)]
    assert [item.metadata.name for item in store.items()] == ["b"]


def test_a_faulty_subscriber_costs_the_others_nothing() -> None:
    store: Store[Namespace] = Store()

    def fail(_: Change[Namespace]) -> None:
        raise RuntimeError

    store.subscribe(fail)
    seen = told(store)
    store.upsert(made("a"))

    assert seen == [(None, "u1")]


def test_objects_are_found_by_namespace_and_name() -> None:
    store: Store[Namespace] = Store()
    item = msgspec.convert({"metadata": {"name": "a", "namespace": "n"}}, Namespace)
    store.upsert(item)

    assert store.get("n", "a") is item
    assert store.at("n/a") is item
    assert store.get(None, "a") is None


def labels_of(item: Namespace) -> Iterable[str]:
    return item.metadata.labels.values()


ACTIONS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "new-uid", "remove"]), st.sampled_from(["x", "y", "z"]))
)


@given(ACTIONS, st.booleans())
def test_an_index_always_says_what_a_search_would(actions: list[tuple[str, str, str]], late: bool) -> None:
    store: Store[Namespace] = Store()
    if not late:
        store.index("label", labels_of)
    for number, (name, action, label) in enumerate(actions):
        if action == "remove":
            store.remove(name)
        else:
            uid = str(number) if action == "new-uid" else "u"
            store.upsert(made(name, str(number + 1), uid, one=label, two="x"))
    if late:
        store.index("label", labels_of)

    for label in "xyz":
        searched = {item.metadata.name for item in store.items() if label in labels_of(item)}
        assert {item.metadata.name for item in store.by("label", label)} == searched
    assert set(store.values("label")) == {label for item in store.items() for label in labels_of(item)}
