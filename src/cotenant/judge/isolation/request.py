"""How an attempt is asked of the API server without harm, whatever the answer.

Authorization comes before the body, the object and admission are looked at. So a request that cannot do anything
(dry run, a name that no object has, an empty patch) is refused exactly as one that could, and if it is not refused
it changes nothing and reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from cotenant.judge.isolation import bindings
from cotenant.judge.isolation.claims import Action, Attempt
from cotenant.judge.isolation.parties import AUTHENTICATED, Identity
from cotenant.kube import resource

MERGE = "application/merge-patch+json"
JSON = "application/json"


class Request(Struct, frozen=True):
    """One HTTP request. `speaker`: the member, by impersonation, or the caller of verify."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    speaker: Literal["member", "caller"] = "member"

    @property
    def content_type(self) -> str:
        """Of the body; nothing else but a PATCH needs one of its own."""
        return MERGE if self.method == "PATCH" else JSON

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        return f"{self.method} {self.path}{'?' if query else ''}{query}"


def request(attempt: Attempt, nowhere: str) -> Request:
    """The request of an attempt. `nowhere` is a name that no object has."""
    if attempt.means == "review":
        return review(attempt.identity, attempt.action)
    if attempt.means == "rules":
        # In a namespace that does not exist there is no RoleBinding: what is left comes from ClusterRoleBindings.
        return _post(resource.SELF_SUBJECT_RULES_REVIEWS, {"namespace": attempt.action.namespace or nowhere}, "member")
    if attempt.claim == "pod security":
        return _writing("POST", attempt.action, None, privileged_pod(nowhere))
    if attempt.content is not None:
        return _writing("POST", attempt.action, None, filled(attempt.action, nowhere, attempt.content))
    return direct(attempt.action, nowhere)


def direct(action: Action, nowhere: str) -> Request:
    """The action itself."""
    name, only = action.name or nowhere, {"fieldSelector": f"metadata.name={nowhere}"}
    collection = action.resource.path(action.namespace or None)
    match action.verb:
        case "get":
            return Request("GET", action.resource.path(action.namespace or None, name, action.subresource or None))
        case "list":
            return Request("GET", collection, only | {"limit": "1"})
        case "watch":
            return Request("GET", collection, only | {"watch": "1", "timeoutSeconds": "1"})
        case "deletecollection":
            return Request("DELETE", collection, only | {"dryRun": "All"})
        case "delete":
            return _writing("DELETE", action, name, None)
        case "patch":
            return _writing("PATCH", action, name, {})
        case "update":
            return _writing("PUT", action, name, stub(action, name))
        case "create":
            return _writing("POST", action, name if action.subresource else None, stub(action, name))
    raise ValueError(f"{action.verb} is no verb of a request")


def review(who: Identity, action: Action) -> Request:
    """The question to the authorizers, asked by the caller: may this identity do that?"""
    attributes = {
        "verb": action.verb,
        "group": action.resource.group,
        "version": action.resource.version,
        "resource": action.resource.plural,
        "subresource": action.subresource,
        "namespace": action.namespace,
        "name": action.name,
    }
    return _subject(who, "resourceAttributes", {key: value for key, value in attributes.items() if value})


def by_rule(who: Identity, rule: Mapping[str, Any], namespace: str) -> Request:
    """The question whose answer names the binding that a rule comes from: its first verb on its first thing."""
    verb = rule["verbs"][0]
    if paths := rule.get("nonResourceURLs"):
        return _subject(who, "nonResourceAttributes", {"verb": verb, "path": paths[0]})
    plural, _, subresource = rule["resources"][0].partition("/")
    group, name = (rule.get("apiGroups") or ("",))[0], (rule.get("resourceNames") or ("",))[0]
    kind = resource.Resource(group, "", plural, "", namespaced=bool(namespace))
    return review(who, Action(verb, kind, subresource, namespace, name))


def _subject(who: Identity, about: str, attributes: dict[str, str]) -> Request:
    spec = {"user": who.user, "groups": [*who.groups, AUTHENTICATED], about: attributes}
    return _post(resource.SUBJECT_ACCESS_REVIEWS, spec, "caller")


def whoami() -> Request:
    """Whom the API server takes the speaker for."""
    return _post(resource.SELF_SUBJECT_REVIEWS, None, "member")


def stub(action: Action, name: str) -> dict[str, Any]:
    """The least that is an object. Enough to be decoded, mostly not enough to be valid."""
    metadata = {"name": name, **({"namespace": action.namespace} if action.namespace else {})}
    body = {"apiVersion": action.resource.api_version, "kind": action.resource.kind, "metadata": metadata}
    if action.resource in (resource.ROLE_BINDINGS, resource.CLUSTER_ROLE_BINDINGS):
        # Without one the API server answers 500 after it has authorized the request; with this one, 404.
        group = resource.CLUSTER_ROLES.group
        body["roleRef"] = {"apiGroup": group, "kind": resource.CLUSTER_ROLES.kind, "name": name}
    return body


def filled(action: Action, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """An object of a name with this content."""
    body = stub(action, name)
    return {**body, **content, "metadata": {**content.get("metadata", {}), **body["metadata"]}}


def privileged_pod(name: str) -> dict[str, Any]:
    """A pod that owns its node."""
    container = {"name": "probe", "image": "registry.invalid/probe", "securityContext": {"privileged": True}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"hostPID": True, "hostNetwork": True, "containers": [container]},
    }


def _writing(method: str, action: Action, name: str | None, body: dict[str, Any] | None) -> Request:
    path = action.resource.path(action.namespace or None, name, action.subresource or None)
    return Request(method, path, {"dryRun": "All"}, body)


def _post(kind: resource.Resource, spec: dict[str, Any] | None, speaker: Literal["member", "caller"]) -> Request:
    body = {"apiVersion": kind.api_version, "kind": kind.kind, **({"spec": spec} if spec is not None else {})}
    return Request("POST", kind.path(), {}, body, speaker)


def reproduction(attempt: Attempt, nowhere: str) -> str:
    """The kubectl command that shows the same by hand, as harmlessly."""
    action, flags = attempt.action, attempt.identity.flags
    group = f".{action.resource.group}" if action.resource.group else ""
    plain = not action.subresource and attempt.means == "request"
    itself = action.resource == resource.NAMESPACES and action.verb == "get"
    scope = (
        "" if itself else f"-n {action.namespace}" if action.namespace else ("-A" if action.resource.namespaced else "")
    )
    if attempt.means == "rules":
        words = f"auth can-i --list -n {action.namespace or nowhere}"
    elif attempt.content is not None:
        words = bindings.command(filled(action, nowhere, attempt.content), scope)
    elif attempt.claim == "pod security":
        words = f"run {nowhere} --image registry.invalid/probe --privileged --dry-run=server {scope}"
    elif plain and action.verb == "list":
        words = f"get {action.resource.plural}{group} {scope}"
    elif plain and action.verb in ("get", "delete"):
        dry = " --dry-run=server" if action.verb == "delete" else ""
        words = f"{action.verb} {action.resource.plural}{group} {action.name or nowhere}{dry} {scope}"
    else:
        name = f"/{action.name}" if action.name else ""
        sub = f" --subresource {action.subresource}" if action.subresource else ""
        words = f"auth can-i {action.verb} {action.resource.plural}{group}{name}{sub} {scope}"
    return f"kubectl {flags} {words}".strip()
