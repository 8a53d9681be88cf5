"""Identities that RBAC cannot tell apart: what it refuses to one of them it refuses to the others, unasked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from cotenant.judge.isolation.claims import Action
from cotenant.judge.isolation.parties import AUTHENTICATED, Identity
from cotenant.model.rights import subject

REMEMBERED = 64
"""Namespaces whose refusals are kept; a proof goes through them one after the other."""
ACCOUNTS = ("system:serviceaccount:", "system:serviceaccounts")
Subject = tuple[str, str]


class Refusals:
    """What RBAC refused, and to whom which bindings hold.

    RBAC only ever adds up. So a refusal to somebody holds for everybody for whom no other bindings hold in that
    namespace. What it allows is always asked, for its reason names the one who asks.
    """

    def __init__(self, cluster: Iterable[Mapping[str, Any]], local: Iterable[Mapping[str, Any]]) -> None:
        """cluster: every ClusterRoleBinding; local: every RoleBinding."""
        self._held: dict[tuple[str, Subject], set[str]] = {}
        for one in (*cluster, *local):
            namespace = one["metadata"].get("namespace") or ""
            for each in one.get("subjects") or ():
                # By its uid, for another of that name may bind to another role.
                named = one["metadata"].get("uid") or one["metadata"]["name"]
                self._held.setdefault((namespace, subject(each, namespace)), set()).add(named)
        self._known: OrderedDict[str, dict[Action, list[frozenset[Subject]]]] = OrderedDict()
        self._bindings: dict[tuple[Identity, str], frozenset[Subject] | None] = {}
        self.spared = 0
        """Questions that were not asked."""

    def covers(self, who: Identity, action: Action) -> bool:
        """Whether RBAC is known to refuse this; counted."""
        held = self.bindings(who, action.namespace)
        found = held is not None and any(held <= more for more in self._of(action.namespace).get(action, ()))
        self.spared += found
        return found

    def add(self, who: Identity, action: Action) -> None:
        """RBAC refused this."""
        held = self.bindings(who, action.namespace)
        if held is not None:
            self._of(action.namespace).setdefault(action, []).append(held)

    def bindings(self, who: Identity, namespace: str) -> frozenset[Subject] | None:
        """(namespace, uid) of all that hold for somebody there; None for whom not RBAC alone decides."""
        key = (who, namespace)
        if key not in self._bindings:
            self._bindings[key] = self._find(who, namespace)
        return self._bindings[key]

    def outdated(self, later: Refusals) -> set[Identity]:
        """For whom other bindings hold by a later look than those by which was concluded. Who lost some is no matter."""
        known = [(who, place, held) for (who, place), held in self._bindings.items() if held is not None]
        return {who for who, place, held in known if not (later.bindings(who, place) or frozenset()) <= held}

    def _find(self, who: Identity, namespace: str) -> frozenset[Subject] | None:
        # system:masters and nodes have rights that are in no binding.
        if any(one.startswith("system:") and not one.startswith(ACCOUNTS) for one in (who.user, *who.groups)):
            return None
        subjects = [("User", who.user), *(("Group", one) for one in (*who.groups, AUTHENTICATED))]
        scopes = {"", namespace}
        return frozenset(
            (scope, name) for scope in scopes for one in subjects for name in self._held.get((scope, one), ())
        )

    def _of(self, namespace: str) -> dict[Action, list[frozenset[Subject]]]:
        found = self._known.setdefault(namespace, {})
        self._known.move_to_end(namespace)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found
