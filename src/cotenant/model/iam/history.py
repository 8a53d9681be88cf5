"""Earlier versions of aws-auth, and whether one may come back: nobody gets locked out by a repair either."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from cotenant.model.iam.awsauth import Identity, read
from cotenant.model.iam.claims import canonical

NAME = "cotenant-aws-auth"
"""ConfigMap beside aws-auth: whoever may write the one may write the other, and nobody else gets more by it."""
MOST = 10
MOST_BYTES = 900_000
PREFIX = "revision-"
NAMED = re.compile(r"arn:aws[-a-z]*:iam::[0-9]+:[a-z-]+/[\w+=,.@/-]+", re.ASCII)
"""ARNs of principals in any text."""


class Revision(Struct, frozen=True, kw_only=True):
    """`data` of aws-auth before somebody changed it."""

    number: int
    time: str
    """RFC 3339."""
    author: str
    """Who was about to change it."""
    why: str
    sha256: str
    data: dict[str, str]

    @property
    def key(self) -> str:
        """Its key in the ConfigMap."""
        return f"{PREFIX}{self.number:06d}"


class Unkept(Exception):
    """The history cannot be read, or takes no more."""


def digest(data: Mapping[str, str]) -> str:
    """sha256 of `data`, in hex."""
    return hashlib.sha256(json.dumps(dict(data), sort_keys=True).encode()).hexdigest()


def revisions(stored: Mapping[str, str]) -> list[Revision]:
    """The revisions in `data` of the history's ConfigMap, oldest first. Raises Unkept."""
    found = []
    for key in sorted(stored):
        if key.startswith(PREFIX):
            try:
                one = msgspec.json.decode(stored[key], type=Revision)
            except msgspec.MsgspecError as error:
                raise Unkept(f"ConfigMap {NAME}, key {key}: {error}") from error
            if digest(one.data) != one.sha256:
                raise Unkept(f"ConfigMap {NAME}, key {key} was changed since it was written")
            found.append(one)
    return found


def recorded(stored: Mapping[str, str], data: Mapping[str, str], *, time: str, author: str, why: str) -> dict[str, str]:
    """`data` of the history with one more revision; the oldest go. What somebody else keeps there stays. Raises Unkept."""
    past = revisions(stored)
    others = {key: value for key, value in stored.items() if not key.startswith(PREFIX)}
    number = past[-1].number + 1 if past else 1
    kept = dict(data)
    new = Revision(number=number, time=time, author=author, why=why, sha256=digest(kept), data=kept)
    texts = [(one.key, msgspec.json.encode(one).decode()) for one in [*past, new]][-MOST:]
    while len(texts) > 1 and sum(len(text.encode()) for _, text in texts) > MOST_BYTES:
        texts.pop(0)
    if len(texts[-1][1].encode()) > MOST_BYTES:
        raise Unkept(
            f"aws-auth is too big to be kept in ConfigMap {NAME}; save it: kubectl get cm aws-auth -n kube-system -o yaml"
        )
    return others | dict(texts)


def chosen(past: Sequence[Revision], number: int | None) -> Revision:
    """The revision with this number, the latest for None. Raises Unkept."""
    found = past[-1:] if number is None else [one for one in past if one.number == number]
    if not found:
        raise Unkept("there is no earlier version" if number is None else f"there is no revision {number}")
    return found[0]


def unreadable(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """ARNs in sections of `now` that cannot be read, and which `then` does not map: nobody can tell what they were."""
    kept = {canonical(one) for one in read(then).identities()}
    texts = [now.get(one.section, "") for one in read(now).faults]
    # In brackets a comma follows, which names of IAM may end in, too.
    named = {one.rstrip(",") for text in texts for one in NAMED.findall(text)}
    return sorted(one for one in named if canonical(one) not in kept)


def lockout(now: Mapping[str, str], then: Mapping[str, str], me: str = "", *, dropping: bool = False) -> list[str]:
    """Whom a change from `now` to `then` would lock out, in words.

    me: canonical ARN of the identity in use. dropping: whether ARNs of sections that cannot be read may get lost.
    """
    old, new = read(now), read(then)
    found = [f"{one}" for one in new.faults]
    if not dropping and (lost := unreadable(now, then)):
        what = f"{', '.join(lost)} {'stands' if len(lost) == 1 else 'stand'} in a section that cannot be read now"
        found.append(f"{what}, and would be lost; mend it by hand, or let them go: --drop-unreadable")
    have, keep = old.identities(), new.identities()
    for key, one in sorted(have.items()):
        if one.protected and not holds(one, keep.get(key)):
            what = "nodes join" if one.is_node else "administrators sign in"
            found.append(f"{what} by {key}, which would be lost")
        elif me and canonical(key) == me and keep.get(key) != one:
            found.append(f"you are signed in by {key}, which would change")
    return found


def holds(before: Identity, after: Identity | None) -> bool:
    """Whether somebody who is protected keeps what he has."""
    return after is not None and before.username == after.username and set(before.groups) <= set(after.groups)
