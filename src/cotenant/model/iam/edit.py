"""aws-auth with our items as they shall be, or the reasons why it is left alone. Nothing of anybody else changes.

What cotenant wrote is known by its groups, which nobody else may use; there is no list that could get lost. The new text is
read again by the authenticator's rules, and is refused unless exactly the wanted identities differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from cotenant.model.arn import arn
from cotenant.model.iam.awsauth import ARN_KEYS, ROLES, USERS, AwsAuth, Identity, Item, read
from cotenant.model.iam.claims import Wish, canonical, may_be
from cotenant.model.iam.splice import Fields, Uneditable, appended, removed, replaced

NOTHING = ('""', "''", "``", "~", "null")
"""Texts that stand for no items, and that no item can stand behind."""
MOST_BYTES = 1_000_000
"""etcd and the API server take 1 MiB of an object, names and metadata included."""


class Change(Struct, frozen=True):
    """What an edit does to one principal. Without change: why its identity is not as wanted."""

    action: Literal["add", "change", "remove", "keep", "conflict"]
    principal: str
    before: Identity | None = None
    after: Identity | None = None
    why: str = ""


class Edited(Struct, frozen=True):
    """`data` of the ConfigMap as it shall be; the same as before where there is nothing to do, or `refused` says why."""

    data: Mapping[str, str]
    changes: tuple[Change, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[Change, ...]:
        """The changes that change something."""
        return tuple(one for one in self.changes if one.action in ("add", "change", "remove"))


def edit(
    data: Mapping[str, str],
    wishes: Iterable[Wish],
    me: str = "",
    *,
    only: frozenset[str] | None = None,
    unsure: Sequence[str] = (),
) -> Edited:
    """Our items become those of the wishes.

    me: canonical ARN of the identity in use, which is never removed or changed; "" where nobody knows it.
    only: keys of principals that this edit is about; None for all.
    unsure: permission sets whose roles are not known: no item that may be theirs is removed.
    """
    found = read(data)
    if found.faults:
        return Edited(
            data, refused=tuple(f"{one}; mend it first: cotenant lint names the line" for one in found.faults)
        )
    wanted = {one.key: one for one in wishes if only is None or one.key in only}
    changes = tuple(plan(found, wanted, me, only, unsure))
    try:
        new = carried_out(data, changes)
    except Uneditable as error:
        return Edited(data, changes, (f"{error}; edit it by hand",))
    if fault := wrong(data, new, changes):
        return Edited(data, changes, (fault,))
    return Edited(new, changes)


def plan(
    found: AwsAuth, wanted: Mapping[str, Wish], me: str, only: frozenset[str] | None, unsure: Sequence[str]
) -> Iterable[Change]:
    """What is to be done about each principal, ours that nobody wants any more included."""
    there: dict[str, list[Item]] = {}
    for one in found.items:
        there.setdefault(one.canonical, []).append(one)
    for key in sorted(wanted):
        yield about(wanted[key], there.get(key, []), me)
    for key in sorted(there):
        mine = [one for one in there[key] if one.ours]
        if key in wanted or not mine or (only is not None and key not in only) or may_be(mine[-1].arn, unsure):
            continue
        if key == me:
            why = "you are signed in by it; remove it as somebody else"
            yield Change("conflict", mine[-1].arn, mine[-1].identity, None, why)
        else:
            yield Change("remove", mine[-1].arn, mine[-1].identity)


def about(wish: Wish, there: list[Item], me: str) -> Change:
    """What is to be done about one wanted principal."""
    shape = arn(wish.principal)
    assert shape
    principal = shape.role if shape.is_role else wish.principal
    after = Identity(wish.username, wish.groups)
    foreign = [one for one in there if not one.ours]
    if foreign:
        have = foreign[-1].identity
        if set(wish.groups) <= set(have.groups) and foreign[-1].key == canonical(principal):
            return Change("keep", principal, have, have, "somebody else's item gives the same groups")
        line = foreign[-1].node.line
        why = f"{foreign[-1].section}, line {line} maps it already and is not ours; add the groups there, or remove it"
        return Change("conflict", principal, have, after, why)
    if not there:
        return Change("add", principal, None, after)
    have = there[-1].identity
    same = have.username == after.username and sorted(have.groups) == sorted(after.groups)
    if same and len(there) == 1 and there[0].arn == principal:
        return Change("keep", principal, have, have)
    if wish.key == me:
        return Change("conflict", principal, have, after, "you are signed in by it; change it as somebody else")
    return Change("change", principal, have, after)


def carried_out(data: Mapping[str, str], changes: Sequence[Change]) -> dict[str, str]:
    """The new texts. Raises Uneditable."""
    new = dict(data)
    for name in (ROLES, USERS):
        mine = [one for one in changes if one.principal and name == section_of(one)]
        steps = {canonical(one.principal): one for one in mine if one.action in ("change", "remove")}
        text = settled(name, data.get(name, ""), steps)
        added = [fields(name, one) for one in mine if one.action == "add"]
        if added:
            found = read({name: text}).sections[name]
            text = appended("" if found.root is None and text.strip() in NOTHING else text, found.root, added)
        if name in data or added:
            new[name] = text
    return new


def section_of(change: Change) -> str:
    """The section that a principal belongs to."""
    return USERS if ":user/" in change.principal else ROLES


def settled(name: str, text: str, steps: Mapping[str, Change]) -> str:
    """A section without our items that go, and with those that change. Of several for one principal the last holds: it
    stays in its place. From the end to the beginning, so that places in the text hold. Raises Uneditable.
    """
    found = read({name: text}).sections[name]
    done = set[str]()
    for item in reversed([one for one in found.items if one.ours and one.canonical in steps]):
        step = steps[item.canonical]
        assert found.root
        if step.action == "change" and item.canonical not in done:
            text = replaced(text, found.root, item.at, fields(name, step))
        else:
            text = removed(text, found.root, item.at)
        done.add(item.canonical)
        if found.root.flow:
            # A comma may go with what stands before or behind it.
            found = read({name: text}).sections[name]
    return text


def fields(section: str, change: Change) -> Fields:
    """An item as it is written."""
    assert change.after
    return {
        ARN_KEYS[section]: change.principal,
        "username": change.after.username,
        "groups": list(change.after.groups),
    }


def wrong(old: Mapping[str, str], new: Mapping[str, str], changes: Iterable[Change]) -> str:
    """What is wrong with a new text; "" if it reads as intended and as before in everything else."""
    before, after = read(old), read(new)
    if after.faults:
        return f"the edit would break {after.faults[0]}; nothing is written"
    touched = {canonical(one.principal) for one in changes if one.action in ("add", "change", "remove")}
    expected = {name: who for name, who in before.identities().items() if canonical(name) not in touched}
    expected |= {one.principal.lower(): one.after for one in changes if one.action in ("add", "change") and one.after}
    if after.identities() != expected or after.accounts != before.accounts:
        return "the edit would change more than it should; nothing is written"
    if foreign(before, old) != foreign(after, new):
        return "the edit would touch items of others; nothing is written"
    if sum(len(name) + len(text.encode()) for name, text in new.items()) > MOST_BYTES:
        return (
            f"the ConfigMap would grow beyond {MOST_BYTES} bytes; use access entries: cotenant iam list shows the mode"
        )
    return ""


def foreign(found: AwsAuth, data: Mapping[str, str]) -> list[tuple[str, str]]:
    """The raw text of everything that is not ours, in order."""
    texts = []
    for section in found.sections.values():
        mine = {one.at for one in section.items if one.ours}
        for at, one in enumerate(section.root.children if section.root else ()):
            if at not in mine:
                end = max((leaf.end for leaf in one.leaves()), default=one.start)
                texts.append((section.name, data[section.name][one.start : end]))
    return texts
