"""Every single thing that is tried, as values. A claim says what must come of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from cotenant.judge.isolation.catalogue import Served, grants
from cotenant.judge.isolation.parties import Identity, Party
from cotenant.kube import resource
from cotenant.kube.resource import Resource

Claim = Literal["foreign", "grants", "cluster", "fence", "bindings", "pod security", "control"]
"""foreign: nothing in another tenant's namespaces. grants: no rule of RBAC there at all. cluster: nothing cluster-wide.
fence: no write to what fences one's own space. bindings: who may write Roles and RoleBindings there gives nothing away.
pod security: no privileged pod there. control: what the role gives works.
"""
Means = Literal["request", "review", "rules"]
"""request: the real one, harmless by dry run and a name that cannot exist; review: SubjectAccessReview; rules:
SelfSubjectRulesReview."""

NO_DRY_RUN = {("pods", sub) for sub in ("attach", "exec", "portforward", "proxy", "binding", "eviction")} | {
    ("services", "proxy"),
    ("serviceaccounts", "token"),
    ("bindings", ""),
}
"""CONNECT, and what would act on or speak to a pod or hand out a credential: only ever by review."""
FENCE = ("resourcequotas", "limitranges", "networkpolicies", "roles", "rolebindings", "spacepolicies")
RBAC = resource.ROLE_BINDINGS.group
FENCE_VERBS = ("create", "update", "patch", "delete", "deletecollection")


class Action(Struct, frozen=True):
    """One verb on one resource; namespace "" is the cluster scope or all namespaces; name "" is one that cannot exist."""

    verb: str
    resource: Resource
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def plural(self) -> str:
        """`pods/log`, as RBAC rules and refusals write it."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural

    @property
    def scope(self) -> str:
        """The end of RBAC's refusal."""
        return f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"

    def __str__(self) -> str:
        if self.verb == "*":
            return f"any right in {self.namespace}" if self.namespace else "any right cluster-wide"
        group = f".{self.resource.group}" if self.resource.group else ""
        where = f"in {self.namespace}" if self.namespace else "cluster-wide"
        return f"{self.verb} {self.resource.plural}{group}{'/' + self.subresource if self.subresource else ''} {where}"


class Attempt(Struct, frozen=True):
    """One identity of `source` tries one action. `target` is the tenant it is tried on: the same one for its own things."""

    claim: Claim
    source: str
    target: str
    identity: Identity
    action: Action
    means: Means = "request"
    content: dict[str, Any] | None = None
    """What is sent, beside its kind and name; where it is None, the least that is an object."""


def means(verb: str, plural: str, subresource: str) -> Means:
    """How an action is tried without harm even where isolation is broken."""
    return "review" if verb == "impersonate" or (plural, subresource) in NO_DRY_RUN else "request"


def foreign(source: Party, target: Party, who: Identity, catalogue: Sequence[Served]) -> Iterator[Attempt]:
    """Every verb on every resource in each namespace of another tenant, and what RBAC grants there altogether."""
    for namespace in target.namespaces:
        everything = Action("*", resource.SELF_SUBJECT_RULES_REVIEWS, namespace=namespace)
        yield Attempt("grants", source.name, target.name, who, everything, "rules")
        yield from _itself("foreign", source, target, who, namespace)
        for what in catalogue:
            for verb in what.verbs:
                yield _attempt("foreign", source, target, who, verb, what, namespace)


def cluster(party: Party, who: Identity, platform_namespaces: Iterable[str] = ()) -> Iterator[Attempt]:
    """What no member has anywhere: the cluster's own things, all namespaces at once, the system's namespaces."""
    tried = [
        *(("list", kind) for kind in CLUSTER_READS),
        ("create", resource.NAMESPACES),
        *((verb, kind) for kind in CLUSTER_WRITES for verb in ("create", "patch", "delete")),
        *((verb, kind) for kind in (resource.PODS, resource.SECRETS) for verb in ("list", "watch", "create")),
    ]
    yield Attempt("cluster", party.name, party.name, who, Action("*", resource.SELF_SUBJECT_RULES_REVIEWS), "rules")
    for verb, kind in dict.fromkeys(tried):
        if kind.namespaced and verb == "create":
            yield Attempt("cluster", party.name, party.name, who, Action(verb, kind), "review")
        else:
            yield Attempt("cluster", party.name, party.name, who, Action(verb, kind))
    for kind, name in IMPERSONATED:
        yield Attempt("cluster", party.name, party.name, who, Action("impersonate", kind, name=name), "review")
    for verb, kind, subresource in POWERS:
        yield Attempt("cluster", party.name, party.name, who, Action(verb, kind, subresource), "review")
    for namespace in platform_namespaces:
        for verb in ("get", "list", "create"):
            for kind in (resource.SECRETS, resource.PODS, resource.CONFIG_MAPS):
                yield Attempt("cluster", party.name, party.name, who, Action(verb, kind, namespace=namespace))
        token = Action("create", resource.SERVICE_ACCOUNTS, "token", namespace)
        yield Attempt("cluster", party.name, party.name, who, token, "review")


def wide(party: Party, who: Identity, platform_namespaces: Iterable[str] = ()) -> Iterator[Attempt]:
    """The same by the rules alone: those of the whole cluster, and those in the system's namespaces."""
    for namespace in ("", *platform_namespaces):
        everything = Action("*", resource.SELF_SUBJECT_RULES_REVIEWS, namespace=namespace)
        yield Attempt("cluster", party.name, party.name, who, everything, "rules")


def fence(
    party: Party, who: Identity, catalogue: Iterable[Served], rules: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[Attempt]:
    """Writes to what keeps a space in bounds, in the own spaces. Roles and RoleBindings of whose role gives them are left
    out: what holds of those is the claim "bindings".
    """
    given = [rule for role in who.roles for rule in rules.get(role, ())]
    fenced = [
        what
        for what in catalogue
        if what.resource.plural in FENCE
        and not (what.resource.group == RBAC and any(grants(rule, "create", what) for rule in given))
    ]
    for namespace in party.spaces:
        yield from _itself("fence", party, party, who, namespace)
        for what in fenced:
            for verb in what.verbs:
                if verb in FENCE_VERBS:
                    yield _attempt("fence", party, party, who, verb, what, namespace)


def control(
    party: Party, who: Identity, catalogue: Sequence[Served], rules: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[Attempt]:
    """What the roles of a member give: all of it in one own space, one thing in each other one and in the home."""
    given = [rule for role in who.roles for rule in rules.get(role, ())]
    works = [
        (verb, what) for what in catalogue for verb in what.verbs if any(grants(rule, verb, what) for rule in given)
    ]
    for number, namespace in enumerate(party.spaces):
        for verb, what in works if number == 0 else works[:1]:
            # A watch that is allowed lasts a second; asking whether it is takes none.
            chosen: Means = "review" if verb == "watch" else means(verb, what.resource.plural, what.subresource)
            action = Action(verb, what.resource, what.subresource, namespace)
            yield Attempt("control", party.name, party.name, who, action, chosen)
    yield Attempt("control", party.name, party.name, who, Action("list", resource.SPACES, namespace=party.home))


def pod_security(
    party: Party, who: Identity, rules: Mapping[str, Sequence[Mapping[str, Any]]], pods: Served
) -> Iterator[Attempt]:
    """A privileged pod in each own space whose rules forbid it, by a member who may make pods."""
    given = [rule for role in who.roles for rule in rules.get(role, ())]
    if any(grants(rule, "create", pods) for rule in given):
        for namespace, level in party.spaces.items():
            if level != "privileged":
                action = Action("create", resource.PODS, namespace=namespace)
                yield Attempt("pod security", party.name, party.name, who, action)


CLUSTER_READS = (
    resource.NAMESPACES,
    resource.NODES,
    resource.PERSISTENT_VOLUMES,
    resource.TENANTS,
    resource.TENANT_PROFILES,
    resource.CLUSTER_ROLES,
    resource.CLUSTER_ROLE_BINDINGS,
    resource.CRDS,
    resource.SPACES,
    resource.CONFIG_MAPS,
)
CLUSTER_WRITES = (
    resource.TENANTS,
    resource.TENANT_PROFILES,
    resource.CLUSTER_ROLES,
    resource.CLUSTER_ROLE_BINDINGS,
    resource.NODES,
    resource.PERSISTENT_VOLUMES,
    resource.VALIDATING_POLICIES,
    resource.VALIDATING_POLICY_BINDINGS,
    resource.MUTATING_POLICIES,
    resource.VALIDATING_WEBHOOKS,
)
IMPERSONATED = (
    (Resource("", "v1", "users", "User", namespaced=False), ""),
    (Resource("", "v1", "groups", "Group", namespaced=False), "system:masters"),
    (resource.SERVICE_ACCOUNTS, ""),
    (Resource("authentication.k8s.io", "v1", "uids", "UID", namespaced=False), ""),
    (Resource("authentication.k8s.io", "v1", "userextras", "UserExtra", namespaced=False), ""),
)
"""Resources of the verb impersonate; of them only ServiceAccounts are objects."""
_CSR = Resource(
    "certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", namespaced=False
)
_SIGNERS = Resource("certificates.k8s.io", "v1", "signers", "Signer", namespaced=False)
_MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
POWERS = (
    ("create", _CSR, ""),
    ("update", _CSR, "approval"),
    ("approve", _SIGNERS, ""),
    ("sign", _SIGNERS, ""),
    *((verb, _MUTATING_WEBHOOKS, "") for verb in ("create", "patch", "delete")),
    *((verb, resource.CLUSTER_ROLES, "") for verb in ("escalate", "bind")),
    ("create", resource.NODES, "proxy"),
)
"""Rights by which somebody becomes somebody else. The rules show them too, but not to who may not impersonate."""


def _itself(claim: Claim, source: Party, target: Party, who: Identity, namespace: str) -> Iterator[Attempt]:
    """The namespace as an object. It does exist, so what would change it is only asked for."""
    for verb in ("get", "update", "patch", "delete"):
        action = Action(verb, resource.NAMESPACES, namespace=namespace, name=namespace)
        if verb != "get":
            yield Attempt(claim, source.name, target.name, who, action, "review")
        elif claim == "foreign":
            yield Attempt(claim, source.name, target.name, who, action)


def _attempt(
    claim: Claim, source: Party, target: Party, who: Identity, verb: str, what: Served, namespace: str
) -> Attempt:
    action = Action(verb, what.resource, what.subresource, namespace)
    how = means(verb, what.resource.plural, what.subresource)
    return Attempt(claim, source.name, target.name, who, action, how)
