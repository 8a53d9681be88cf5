"""Rules of pods on dedicated nodes: label and taint, selector and toleration belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cotenant.judge.lint.bundle import Bundle, get, items, name, pods
from cotenant.judge.lint.edit import rename
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.document import Document, Path, spelled

GUARDED = "node-restriction.kubernetes.io/"
CLOSING = ("NoSchedule", "NoExecute")


class Pool(NamedTuple):
    """Nodes that a manifest makes: their labels, and their taints that keep pods away."""

    document: Document
    path: Path
    labels: Mapping[str, str]
    taints: list[Mapping[str, Any]]
    at_labels: Path


def pools(bundle: Bundle) -> Iterator[Pool]:
    """Node groups of eksctl, NodePools of Karpenter, and Nodes."""
    for document in bundle.of("ClusterConfig"):
        for kind in ("managedNodeGroups", "nodeGroups"):
            for path, one in items(document, kind):
                yield pool(document, path, get(one, "labels"), get(one, "taints"), (*path, "labels"))
    for document in bundle.of("NodePool"):
        head = ("spec", "template")
        found = get(document.value, *head, "metadata", "labels"), get(document.value, *head, "spec", "taints")
        yield pool(document, head, *found, (*head, "metadata", "labels"))
    for document in bundle.of("Node"):
        found = get(document.value, "metadata", "labels"), get(document.value, "spec", "taints")
        yield pool(document, (), *found, ("metadata", "labels"))


def pool(document: Document, path: Path, labels: Any, taints: Any, at_labels: Path) -> Pool:
    """A Pool of what was found; eksctl also takes taints as a map of `key: value:effect`."""
    closing: list[Mapping[str, Any]] = []
    if isinstance(taints, dict):
        for key, one in taints.items():
            value, _, effect = str(one or "").rpartition(":")
            closing.append({"key": key, "value": value, "effect": effect or str(one)})
    elif isinstance(taints, list):
        closing = [one for one in taints if isinstance(one, dict)]
    worn = {str(key): str(one) for key, one in labels.items()} if isinstance(labels, dict) else {}
    return Pool(document, path, worn, [one for one in closing if one.get("effect") in CLOSING], at_labels)


def tolerations(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a pod tolerates."""
    found = spec.get("tolerations")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def tolerated(taint: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Whether a pod may run in spite of a taint. Source: `ToleratesTaint`, k8s.io/component-helpers."""
    for one in tolerations(spec):
        if one.get("effect") not in (None, "", taint.get("effect")):
            continue
        if one.get("key") not in (None, "", taint.get("key")):
            continue
        if one.get("operator") == "Exists" or str(one.get("value") or "") == str(taint.get("value") or ""):
            return True
    return False


def chosen(spec: Mapping[str, Any]) -> dict[str, str]:
    """The nodeSelector of a pod."""
    found = spec.get("nodeSelector")
    return {str(key): str(one) for key, one in found.items()} if isinstance(found, dict) else {}


@rule("L501", "warning", fix="A nodeSelector for the same nodes beside the toleration.")
def toleration_without_selector(bundle: Bundle) -> Iterator[Hit]:
    """A toleration only lets a pod onto tainted nodes; without a selector it runs among all others just as well."""
    for document, path, spec in pods(bundle):
        if document.value["kind"] == "DaemonSet" or chosen(spec) or get(spec, "affinity", "nodeAffinity"):
            continue
        for at, one in items(document, *path, "tolerations"):
            key = str(get(one, "key") or "")
            own = key and not key.partition("/")[0].endswith("kubernetes.io")
            if own and get(one, "operator") in (None, "Equal") and get(one, "value"):
                guarded = key if "/" in key else GUARDED + key
                write = f"nodeSelector:\n  {guarded}: {one['value']}"
                message = f"{spelled(at)}: tolerates {key}={one['value']} and asks for no node"
                yield hit(document, at, message, write=write)


@rule(
    "L502", "warning", by_hand=True, fix="A label below node-restriction.kubernetes.io/, which the kubelet may not set."
)
def label_of_the_kubelet(bundle: Bundle) -> Iterator[Hit]:
    """A node writes its own labels: who has taken one over calls it yours and gets your pods with their Secrets."""
    for document, path, spec in pods(bundle):
        keys = {str(one.get("key")) for one in tolerations(spec)}
        for key, value in chosen(spec).items():
            if key.startswith(GUARDED) or not (key in keys or key.rpartition("/")[2] == "tenant"):
                continue
            new = GUARDED + key.rpartition("/")[2]
            at = (*path, "nodeSelector", key)
            message = f"{spelled(at[:-1])}: {key}: {value} is a label that every kubelet may set on its own node"
            yield hit(document, at, message, rename(document, at, new), f"{new}: {value}", key=True)


@rule("L503", "error", fix="The toleration of the taint that these nodes have.")
def selected_and_not_tolerated(bundle: Bundle) -> Iterator[Hit]:
    """A pod that asks for nodes whose taint it does not tolerate stays Pending."""
    found = list(pools(bundle))
    for document, path, spec in pods(bundle):
        wanted = chosen(spec)
        meant = [one for one in found if wanted and wanted.items() <= one.labels.items()]
        barred = [one for one in meant if not all(tolerated(taint, spec) for taint in one.taints)]
        if meant and len(barred) == len(meant):
            taint = next(one for one in barred[0].taints if not tolerated(one, spec))
            write = f"tolerations:\n- key: {taint['key']}\n  operator: Equal\n  value: {taint.get('value') or ''}\n  effect: {taint['effect']}"
            message = f"{document.value['kind']} {name(document)} selects nodes with taint {taint['key']} and does not tolerate it"
            yield hit(document, (*path, "nodeSelector"), message, write=write, key=True)


@rule("L504", "warning", fix="A taint of the same key and value on these nodes.")
def label_without_taint(bundle: Bundle) -> Iterator[Hit]:
    """A label draws the tenant's pods; without a taint every other tenant's pods land on the same nodes."""
    for one in pools(bundle):
        for key, value in one.labels.items():
            if key.rpartition("/")[2] == "tenant" and not one.taints and "cotenant.dev" not in key:
                message = f"{spelled(one.at_labels)}: nodes with {key}: {value} have no taint"
                write = f"taints:\n- key: {key}\n  value: {value}\n  effect: NoSchedule"
                yield hit(one.document, (*one.at_labels, key), message, write=write, key=True)
