"""Rules of Roles and ClusterRoles: what grants nothing, and what grants less than it seems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cotenant.judge.lint.bundle import Bundle, items, words
from cotenant.judge.lint.edit import add, drop, swap
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.document import Document, Path, spelled

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
WRITES = {"create", "update", "patch"}
COMMANDS = {
    "describe": ("get", "list"),
    "edit": ("get", "patch", "update"),
    "apply": ("get", "create", "patch"),
    "read": ("get", "list", "watch"),
    "view": ("get", "list", "watch"),
    "write": ("create", "update", "patch", "delete"),
    "modify": ("update", "patch"),
    "remove": ("delete",),
    "replace": ("get", "update"),
    "label": ("get", "patch"),
    "annotate": ("get", "patch"),
    "run": ("create",),
    "log": ("get",),
    "logs": ("get",),
    "exec": ("create", "get"),
    "attach": ("create", "get"),
    "port-forward": ("create", "get"),
    "scale": ("get", "patch", "update"),
    "rollout": ("get", "list", "watch", "patch"),
}
"""kubectl's commands and words of everyday use, and the verbs that are asked for instead."""
HOMES = {
    "": "pods services configmaps secrets serviceaccounts persistentvolumeclaims replicationcontrollers endpoints "
    "resourcequotas limitranges podtemplates nodes namespaces persistentvolumes",
    "apps": "deployments statefulsets daemonsets replicasets controllerrevisions",
    "batch": "jobs cronjobs",
    "networking.k8s.io": "ingresses networkpolicies ingressclasses",
    "rbac.authorization.k8s.io": "roles rolebindings clusterroles clusterrolebindings",
    "autoscaling": "horizontalpodautoscalers",
    "policy": "poddisruptionbudgets",
}
GROUP_OF = {plural: group for group, plurals in HOMES.items() for plural in plurals.split()}
SHORT = {
    "po": "pods", "pod": "pods", "deploy": "deployments", "svc": "services", "ns": "namespaces", "cm": "configmaps",
    "sa": "serviceaccounts", "ing": "ingresses", "ingress": "ingresses", "netpol": "networkpolicies",
    "networkpolicy": "networkpolicies", "sts": "statefulsets", "ds": "daemonsets", "rs": "replicasets",
    "cj": "cronjobs", "pvc": "persistentvolumeclaims", "quota": "resourcequotas", "hpa": "horizontalpodautoscalers",
    "pdb": "poddisruptionbudgets", "ev": "events", "event": "events",
}  # fmt: skip
SHORT |= {plural.removesuffix("s"): plural for plural in GROUP_OF if plural.removesuffix("s") not in SHORT}


def grants(bundle: Bundle) -> Iterator[tuple[Document, Path, Mapping[str, Any]]]:
    """Every rule of every role, with its path."""
    for document in bundle.of("Role", "ClusterRole"):
        for path, one in items(document, "rules"):
            if isinstance(one, dict) and "nonResourceURLs" not in one:
                yield document, path, one


@rule("L201", "error", fix="apps for deployments and the like, networking.k8s.io for ingresses.")
def extensions_group(bundle: Bundle) -> Iterator[Hit]:
    """The group extensions serves nothing since Kubernetes 1.22: what a role grants in it, it grants nobody."""
    for document, path, one in grants(bundle):
        groups, resources = words(one.get("apiGroups")), words(one.get("resources"))
        if "extensions" not in groups:
            continue
        homes = {GROUP_OF.get(each.partition("/")[0], "extensions") for each in resources}
        missing = sorted(homes - set(groups) - {"extensions", ""})
        at = (*path, "apiGroups", groups.index("extensions"))
        message = f"{spelled(at)}: extensions serves nothing"
        if missing:
            lost = [each for each in resources if GROUP_OF.get(each.partition("/")[0]) in missing]
            message += f"; {', '.join(lost)} are in {', '.join(missing)}"
            yield hit(document, at, message, swap(document, at, missing[0]), f'"{missing[0]}"')
        else:
            kept = [f'"{each}"' for each in groups if each != "extensions"]
            write = f"apiGroups: [{', '.join(kept) or '…'}]"
            yield hit(document, at, message, drop(document, at, len(groups)), write)


@rule("L202", "error", fix="get, list, watch, create, update, patch, delete, deletecollection.")
def no_such_verb(bundle: Bundle) -> Iterator[Hit]:
    """RBAC knows the API's verbs in lower case, not kubectl's commands; any other word is accepted and grants nothing."""
    for document, path, one in grants(bundle):
        verbs = words(one.get("verbs"))
        for at, verb in enumerate(verbs):
            place = (*path, "verbs", at)
            if verb not in VERBS and verb.lower() in VERBS:
                message = f"{spelled(place)}: {verb} is no verb"
                yield hit(document, place, message, swap(document, place, verb.lower()), verb.lower())
            elif meant := COMMANDS.get(verb.lower()):
                missing = [each for each in meant if each not in verbs and "*" not in verbs]
                edits = swap(document, place, missing[0]) if missing else drop(document, place, len(verbs))
                needed = f"it needs {', '.join(meant)}" + ("" if missing else ", which are there")
                kept = [f'"{each}"' for each in [*verbs[:at], *missing, *verbs[at + 1 :]]]
                message = f"{spelled(place)}: {verb} is no verb; {needed}"
                yield hit(document, place, message, edits, f"verbs: [{', '.join(kept)}]")


@rule("L203", "warning", fix='"watch" beside "list".')
def no_watch(bundle: Bundle) -> Iterator[Hit]:
    """Who may list and change but not watch is refused by `kubectl get -w`, `kubectl wait`, k9s and every informer."""
    for document, path, one in grants(bundle):
        verbs = words(one.get("verbs"))
        if "list" not in verbs or not WRITES & set(verbs) or one.get("resourceNames") or watched(document, one):
            continue
        edits = add(document, (*path, "verbs"), len(verbs), "watch")
        kept = [f'"{each}"' for each in [*verbs, "watch"]]
        message = f"{spelled(path)} lists and changes {some(one)} and does not watch"
        yield hit(document, (*path, "verbs"), message, edits, f"verbs: [{', '.join(kept)}]", key=True)


def watched(document: Document, one: Mapping[str, Any]) -> bool:
    """Whether all that a rule lists may be watched, by it or by another rule of the same role."""
    wanted = {(group, each) for group in words(one.get("apiGroups")) for each in words(one.get("resources"))}
    for _, other in items(document, "rules"):
        if isinstance(other, dict) and {"watch", "*"} & set(words(other.get("verbs"))):
            groups, resources = words(other.get("apiGroups")), words(other.get("resources"))
            wanted = {
                (group, each)
                for group, each in wanted
                if not ({group, "*"} & set(groups) and {each, "*"} & set(resources))
            }
    return not wanted


def some(one: Mapping[str, Any]) -> str:
    """The first resources of a rule."""
    found = words(one.get("resources"))
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "")


@rule("L204", "error", fix="The resource's group among apiGroups.")
def wrong_group(bundle: Bundle) -> Iterator[Hit]:
    """A rule grants a resource only together with its API group; in any other group it grants nothing."""
    for document, path, one in grants(bundle):
        groups = words(one.get("apiGroups"))
        if not groups or {"*", "extensions"} & set(groups) or not set(groups) <= set(GROUP_OF.values()):
            continue
        for at, resource in enumerate(words(one.get("resources"))):
            home = GROUP_OF.get(resource.partition("/")[0])
            if home is not None and home not in groups:
                place = (*path, "resources", at)
                edits = add(document, (*path, "apiGroups"), len(groups), home) if home else ()
                kept = [f'"{each}"' for each in [*groups, home]]
                message = f'{spelled(place)}: {resource} is in group "{home}", which the rule does not name'
                yield hit(document, place, message, edits, f"apiGroups: [{', '.join(kept)}]")


@rule("L205", "error", fix="The plural in lower case, as `kubectl api-resources` lists it.")
def no_such_resource(bundle: Bundle) -> Iterator[Hit]:
    """RBAC compares with the plural in the URL; short names and kinds are kubectl's and grant nothing."""
    for document, path, one in grants(bundle):
        groups = words(one.get("apiGroups"))
        if not set(groups) <= {*GROUP_OF.values(), "extensions", "*"}:
            continue
        for at, resource in enumerate(words(one.get("resources"))):
            head, slash, rest = resource.partition("/")
            meant = head.lower() if head != head.lower() and head.lower() in GROUP_OF else SHORT.get(head.lower())
            if meant and head not in GROUP_OF:
                place = (*path, "resources", at)
                new = f"{meant}{slash}{rest}"
                yield hit(
                    document, place, f"{spelled(place)}: {resource} is no resource", swap(document, place, new), new
                )
