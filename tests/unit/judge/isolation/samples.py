"""Two small tenants, a small catalogue and answers as an API server gives them."""

from __future__ import annotations

from cotenant.judge.isolation.catalogue import Served, served
from cotenant.judge.isolation.claims import Action, Attempt
from cotenant.judge.isolation.parties import Identity, Party
from cotenant.judge.isolation.verdict import Answer
from cotenant.kube import resource

NOWHERE = "cotenant-verify-0123"
RED = Identity("cotenant-verify:reds", ("reds",), "group reds", ("editor",))
BLUE = Identity("bob", (), "user bob", ("viewer",))
LISTED = [
    {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["create", "get", "list", "watch", "delete"]},
    {"name": "pods/exec", "kind": "PodExecOptions", "namespaced": True, "verbs": ["create", "get"]},
    {"name": "pods/status", "kind": "Pod", "namespaced": True, "verbs": ["get", "patch", "update"]},
    {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get", "list"]},
    {"name": "resourcequotas", "kind": "ResourceQuota", "namespaced": True, "verbs": ["get", "create", "patch"]},
    {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["get"]},
]
CATALOGUE: list[Served] = served("", "v1", LISTED)
POD_RULES = {
    "editor": [{"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": ["*"]}],
    "viewer": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
}


def red(**more) -> Party:
    return Party(
        **{"name": "red", "home": "home-red", "spaces": {"red-dev": "baseline"}, "identities": (RED,), "untried": ()}
        | more
    )


def blue(**more) -> Party:
    return Party(
        **{
            "name": "blue",
            "home": "home-blue",
            "spaces": {"blue-dev": "restricted"},
            "identities": (BLUE,),
            "untried": (),
        }
        | more
    )


def green() -> Party:
    who = Identity("ann", (), "user ann", ("viewer",))
    return Party(name="green", home="home-green", spaces={"green-dev": "baseline"}, identities=(who,), untried=())


def attempt(verb: str = "list", kind=resource.SECRETS, sub: str = "", claim="foreign", **more) -> Attempt:
    action = Action(verb, kind, sub, more.pop("namespace", "blue-dev"))
    source, target, who = "red", more.pop("target", "blue"), more.pop("who", RED)
    return Attempt(claim, source, target, who, action, more.pop("means", "request"), more.pop("content", None))


def refusal(one: Attempt, user: str = "") -> Answer:
    action = one.action
    return Answer(
        403,
        f'{action.resource.plural} is forbidden: User "{user or one.identity.user}" cannot {action.verb} resource '
        f'"{action.plural}" in API group "{action.resource.group}" {action.scope}',
    )
