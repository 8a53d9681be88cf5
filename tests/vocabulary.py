"""The words in which tests on a running cotenant speak."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cotenant.api.keys import home_of
from cotenant.model.denial import layer
from installation import Answer, Cluster, Manifest, Person

T = TypeVar("T")
CODES = {"Forbidden": 403, "Invalid": 422, "NotFound": 404, "Unauthorized": 401, "BadRequest": 400}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What a container says to satisfy Pod Security restricted."""


class Team:
    """A tenant, its owner `<tenant>-owner` with a client certificate, and its places."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name, self.home = cluster, name, home_of(name)
        self.owner = cluster.user(f"{name}-owner", f"{name}-owners")

    def __repr__(self) -> str:
        return self.name

    def namespace(self, space: str) -> str:
        return f"{self.name}-{space}"

    def tenant(self) -> Manifest:
        return self.cluster.there("Tenant", self.name)

    def space(self, name: str) -> Manifest:
        return self.cluster.there("Space", name, self.home)

    def change(self, **spec: Any) -> None:
        """A merge patch of the Tenant's spec."""
        self.cluster.patch("Tenant", self.name, {"spec": spec})

    def member(self, role: str, name: str, **more: Any) -> Manifest:
        """An entry for `members`: a user by name."""
        return {"role": role, "user": name, **more}


def given_tenant(
    cluster: Cluster,
    base: str,
    *,
    named: str = "",
    spaces: Sequence[str] = (),
    members: Sequence[Manifest] = (),
    ready: bool = True,
    limit: int = 5,
    create: Sequence[str] | None = None,
    naming: str | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Team:
    """A Tenant `base-xxxx` (or exactly `named`), its declared spaces usable. Its owners are the group `<name>-owners`.

    `spaces` are those that it declares; limit, create and naming are leaves of spec.spaces; `spec` overrides what is said here; images of the examples run as root, hence Pod Security baseline.
    """
    team = Team(cluster, named or f"{base}-{secrets.token_hex(2)}")
    owners = [] if named and members else [{"role": "owner", "group": f"{team.name}-owners"}]
    wanted: Manifest = {"members": [*owners, *members], "pods": {"security": "baseline"}, **spec}
    leaves = {"declared": list(spaces), "limit": limit, "create": create, "naming": naming}
    wanted["spaces"] = {key: value for key, value in leaves.items() if value is not None}
    metadata: Manifest = {"name": team.name, "annotations": dict(annotations or {})}
    cluster.apply({"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": metadata, "spec": wanted})
    if ready:
        expect_ready(team)
    return team


def given_tenants(cluster: Cluster, *bases: str, **spec: Any) -> list[Team]:
    """Several, made at once."""
    teams = [given_tenant(cluster, base, ready=False, **spec) for base in bases]
    for team in teams:
        expect_ready(team)
    return teams


def space_of(team: Team, name: str, **spec: Any) -> Manifest:
    """A Space as its owner writes it."""
    metadata = {"name": name, "namespace": team.home}
    return {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Space", "metadata": metadata, "spec": spec}


def given_space(team: Team, name: str, *, ready: bool = True, **spec: Any) -> str:
    """A Space, made by the administrator; the name of its namespace if it gets ready."""
    team.cluster.apply(space_of(team, name, **spec))
    if not ready:
        return ""
    namespace: str = eventually(lambda: is_ready(team.space(name)) and team.space(name)["status"]["namespace"])
    return namespace


def given_namespace(cluster: Cluster, base: str, *, named: str = "", **annotations: str) -> str:
    """Somebody else's namespace `base-xxxx`, or exactly `named`; annotations of cotenant.dev/."""
    name = named or f"{base}-{secrets.token_hex(2)}"
    notes = {f"cotenant.dev/{key}": value for key, value in annotations.items()}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": notes}})
    return name


def pod(
    name: str, namespace: str, *, resources: Manifest | None = None, restricted: bool = False, **spec: Any
) -> Manifest:
    """A pod with one container `c`."""
    container: Manifest = {"name": "c", "image": "nginx", "resources": resources or {}}
    if restricted:
        container["securityContext"] = dict(RESTRICTED)
    body = {"containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": body}


def deployment(name: str, namespace: str, *, replicas: int = 1, resources: Manifest | None = None) -> Manifest:
    """The walkthroughs' Deployment: nginx, running as root."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "nginx", "image": "nginx:latest", "resources": resources or {}}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def given_role(cluster: Cluster, role: str, *rules: tuple[str, str, str]) -> None:
    """The ClusterRole `cotenant:<role>` that a platform makes; rules are (verbs, groups, resources) as words."""
    found = [
        {
            "apiGroups": ["" if group == "core" else group for group in groups.split()],
            "resources": resources.split(),
            "verbs": verbs.split(),
        }
        for verbs, groups, resources in rules
    ]
    metadata = {"name": f"cotenant:{role}"}
    cluster.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": found}
    )


BUSY = 6
"""How much longer than on a quiet machine things may take. No test fails because the machine is slow."""


class TooLate(AssertionError):
    """It did not happen in time. `make test` tries such a test once more, and names it."""


def eventually(fact: Callable[[], T], within: float = 10.0, every: float = 0.04) -> T:
    """The first true answer of `fact`. An AssertionError in it means: not yet; so does a field that is missing.

    within: seconds that are enough on a quiet machine.
    """
    within *= BUSY
    deadline = time.monotonic() + within
    while True:
        problem, found = None, None
        try:
            found = fact()
        except (AssertionError, LookupError) as error:
            problem = error
        if found:
            return found
        if time.monotonic() > deadline:
            raise TooLate(f"not within {within} s; at last: {problem!r} {found!r}") from problem
        time.sleep(every)


def never(fact: Callable[[], Any], during: float) -> None:
    """Holds that something does not happen for so many seconds."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        found = fact()
        assert not found, f"it happened: {found!r}"
        time.sleep(0.1)


def condition(found: Manifest, name: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message of a condition; empty ones if it is not there."""
    for one in found.get("status", {}).get("conditions", []):
        if one["type"] == name:
            return one["status"], one["reason"], one["message"]
    return "", "", ""


def is_ready(found: Manifest) -> bool:
    """Whether it is Ready in its newest generation."""
    seen = found.get("status", {}).get("observedGeneration", 0)
    return condition(found)[0] == "True" and seen == found["metadata"]["generation"]


def expect_ready(team: Team, *spaces: str, within: float = 10.0) -> None:
    """The tenant is ready, and these of its spaces."""

    def everything() -> bool:
        tenant = team.tenant()
        assert is_ready(tenant), f"Tenant {team.name}: {tenant.get('status', 'no status')}"
        for name in spaces:
            assert is_ready(team.space(name)), f"Space {name}: {team.space(name).get('status', 'no status')}"
        return True

    eventually(everything, within)


def expect_settled(cluster: Cluster, during: float = 1.5) -> None:
    """The operator writes nothing for so many seconds, whatever earlier tests left it to do."""

    def rest() -> bool:
        mark = cluster.plane.audit_mark()
        time.sleep(during)
        return not cluster.writes(mark)

    eventually(rest, within=40)


def expect_condition(
    read: Callable[[], Manifest], reason: str, saying: str = "", *, of: str = "Ready", within: float = 10.0
) -> str:
    """A condition gets this reason and a message with these words; the message."""

    def there() -> bool:
        found = condition(read(), of)
        assert found[1] == reason and saying in found[2], f"{of} is {found}"
        return True

    eventually(there, within)
    return condition(read(), of)[2]


def expect_created(answer: Answer | Callable[[], Answer], *names: str) -> None:
    """kubectl said that it made these: `pod/nginx`.

    A function is asked again where it was refused: of what was granted just now an API server hears a moment later.
    """
    if callable(answer):
        eventually(lambda: expect_created(answer(), *names) is None)
        return
    assert answer.ok, answer
    for name in names:
        assert f"{name} created" in answer.out, answer


def expect_denied(answer: Answer | Callable[[], Answer], *, by: str = "", saying: str = "") -> None:
    """The API server refused, this layer of it, with these words.

    kubectl's beginning of the line varies by verb and version, so `saying` starts where the resource is named. A function
    is asked again where it was answered otherwise: of what was taken away just now an API server hears a moment later.
    """
    if callable(answer):
        eventually(lambda: expect_denied(answer(), by=by, saying=saying) is None)
        return
    assert not answer.ok, f"this was not refused: {answer}"
    marks = {403: " is forbidden: ", 422: " is invalid: "}
    reason = re.search(r"Error from server \((\w+)\)", answer.err)
    status = CODES.get(reason[1], 400) if reason else next((code for code in marks if marks[code] in answer.err), 0)
    if by:
        assert layer(status, answer.err) == by, f"refused by {layer(status, answer.err)}, not by {by}: {answer}"
    assert saying in answer.err, f"expected {saying!r} in {answer}"


def in_force(cluster: Cluster, namespace: str) -> dict[str, str]:
    """What API servers go by: status.hard of our quota in a namespace."""
    hard: dict[str, str] = cluster.there("ResourceQuota", "cotenant", namespace)["status"]["hard"]
    return hard


def gone(cluster: Cluster, kind: str, name: str, namespace: str = "") -> Callable[[], bool]:
    """A fact for `eventually`."""
    return lambda: cluster.get(kind, name, namespace) is None


def subjects(cluster: Cluster, namespace: str) -> dict[str, set[str]]:
    """Who is bound in a namespace: names of subjects by RoleBinding."""
    return {
        one["metadata"]["name"]: {who["name"] for who in one.get("subjects", [])}
        for one in cluster.list("RoleBinding", namespace)
    }


def uids(cluster: Cluster, kind: str, names: Iterable[str], namespace: str = "") -> dict[str, str]:
    """The uid of each."""
    return {name: cluster.there(kind, name, namespace)["metadata"]["uid"] for name in names}


def may_not_touch(person: Person, namespace: str) -> None:
    """Nothing at all in a namespace, by the API server's own authorizer."""
    for what in (
        "pods",
        "secrets",
        "configmaps",
        "services",
        "deployments.apps",
        "rolebindings.rbac.authorization.k8s.io",
    ):
        answers = person.may("get list watch create update patch delete", what, namespace=namespace)
        assert not any(answers.values()), f"{person} may {answers} {what} in {namespace}"
