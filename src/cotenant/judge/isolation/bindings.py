"""What somebody who may write Roles and RoleBindings must not give away: tried, for no authorizer can tell.

The authorizer allows the request; what is in it is refused by the RBAC API, or by the policy cotenant-rights.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cotenant.api.keys import COTENANT, MANAGED_BY
from cotenant.judge.isolation.catalogue import Served, grants
from cotenant.judge.isolation.claims import Action, Attempt
from cotenant.judge.isolation.parties import AUTHENTICATED, Identity, Party
from cotenant.kube import resource
from cotenant.kube.resource import Resource

GROUP = resource.ROLE_BINDINGS.group
_EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
Rules = Mapping[str, Sequence[Mapping[str, Any]]]


def giver(who: Identity, rules: Rules, kind: Resource) -> str:
    """The member's role that lets it make objects of a kind; "" where none does."""
    made = Served(kind, "", ("create",))
    return next((role for role in who.roles if any(grants(one, "create", made) for one in rules.get(role, ()))), "")


def given_away(party: Party, who: Identity, rules: Rules) -> Iterator[Attempt]:
    """In each own space: a binding of everybody, one that looks like cotenant's, and a Role above all others."""
    kind = resource.ROLE_BINDINGS
    for namespace in party.spaces:
        if role := giver(who, rules, kind):
            # Its own role: the RBAC API lets it be bound, so that only the policy is left to refuse.
            ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": f"cotenant:{role}"}
            everybody = {"apiGroup": GROUP, "kind": "Group", "name": AUTHENTICATED}
            yield _attempt(party, who, namespace, kind, {"roleRef": ref, "subjects": [everybody]})
            marked = {"metadata": {"labels": {MANAGED_BY: COTENANT}}, "roleRef": ref, "subjects": []}
            yield _attempt(party, who, namespace, kind, marked)
        if giver(who, rules, resource.ROLES):
            yield _attempt(party, who, namespace, resource.ROLES, {"rules": [_EVERYTHING]})


def _attempt(party: Party, who: Identity, namespace: str, kind: Resource, content: dict[str, Any]) -> Attempt:
    action = Action("create", kind, namespace=namespace)
    return Attempt("bindings", party.name, party.name, who, action, content=content)


def described(content: Mapping[str, Any]) -> str:
    """What was to be given away, in words."""
    if content.get("subjects"):
        return f"a binding of group {AUTHENTICATED}"
    return "a Role with every right" if "rules" in content else "a binding with the label of cotenant's own"


def command(body: Mapping[str, Any], scope: str) -> str:
    """The end of a kubectl command that tries the same."""
    return f"create --dry-run=server {scope} -f - <<< {shlex.quote(json.dumps(body))}"
