"""Rules of NetworkPolicies: what they forget, and whom their selectors let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotenant.judge.lint.bundle import Bundle, get, items, labels, name, namespace, pod_labels
from cotenant.judge.lint.edit import Edit, Edits, add, rename, swap
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.document import Document, Path, Span, spelled

SAFE = "kubernetes.io/metadata.name"
DNS = """- to:
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: kube-system
  ports:
  - {port: 53, protocol: UDP}
  - {port: 53, protocol: TCP}"""


def listed(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def kinds(document: Document) -> set[str]:
    """The directions that a policy is about, with the API server's default."""
    found = get(document.value, "spec", "policyTypes")
    if isinstance(found, list) and found:
        return {str(one).capitalize() for one in found}
    return {"Ingress", "Egress"} if get(document.value, "spec", "egress") else {"Ingress"}


@rule("L401", "warning", by_hand=True, fix="A rule for port 53, UDP and TCP, to kube-system.")
def no_dns(bundle: Bundle) -> Iterator[Hit]:
    """A pod that may not reach port 53 finds no name at all: its first call fails, also to what the policy allows."""
    policies = list(bundle.of("NetworkPolicy"))
    for document in policies:
        rules = [one for _, one in items(document, "spec", "egress")]
        if not rules or "Egress" not in kinds(document):
            continue
        if any(resolves(other) for other in policies if covers(other, document)):
            continue
        message = f"NetworkPolicy {name(document)} allows some egress and no DNS"
        yield hit(document, ("spec", "egress"), message, dns_edit(document, len(rules)), DNS, key=True)


def covers(one: Document, other: Document) -> bool:
    """Whether a policy holds for all pods that another holds for."""
    if namespace(one) != namespace(other):
        return False
    mine, theirs = (get(each.value, "spec", "podSelector") for each in (one, other))
    return not mine or mine == theirs


def resolves(document: Document) -> bool:
    """Whether an egress rule of a policy reaches the cluster's DNS."""
    for _, one in items(document, "spec", "egress"):
        if not isinstance(one, dict):
            continue
        ports = [each for each in listed(one.get("ports")) if isinstance(each, dict)]
        if any(str(each.get("port")) in ("53", "dns", "dns-tcp", "5353") for each in ports):
            return True
        peers = listed(one.get("to"))
        if not ports and (not peers or any(map(reaches_dns, peers))):
            return True
    return False


def reaches_dns(peer: Any) -> bool:
    """Whether a peer without ports includes kube-system."""
    block, selector = get(peer, "ipBlock"), get(peer, "namespaceSelector")
    if isinstance(block, dict):
        return block.get("cidr") in ("0.0.0.0/0", "::/0") and not block.get("except")
    if selector is None:
        return False
    return bool(selector == {} or get(selector, "matchLabels", SAFE) == "kube-system")


def dns_edit(document: Document, size: int) -> Edits:
    """The rule at the end of a list in block style; nothing elsewhere."""
    whole = document.spans.get(("spec", "egress"))
    inside = [span for path, span in document.spans.items() if path[:2] == ("spec", "egress") and len(path) > 2]
    first = document.spans.get(("spec", "egress", 0))
    if not whole or not first or not inside or whole.line == document.keys[("spec", "egress")].line or not size:
        return ()
    dash = document.text[whole.line - 1].find("-")
    last = max(span.end_line - (span.end_column == 0) for span in inside)
    while last > whole.line and not document.text[last - 1].strip():
        last -= 1
    if dash < 0 or document.text[last - 1].lstrip().startswith(("#", "---")):
        return ()
    text = "".join(f"{' ' * dash}{line}\n" for line in DNS.splitlines())
    return (Edit(Span(last + 1, 0, last + 1, 0), text),)


@rule("L402", "warning", fix="kubernetes.io/metadata.name, which nobody can change.")
def writable_label(bundle: Bundle) -> Iterator[Hit]:
    """Whoever may label a namespace may call it yours; the API server itself keeps `kubernetes.io/metadata.name`."""
    for document in bundle.of("NetworkPolicy"):
        for direction, peer in (("ingress", "from"), ("egress", "to")):
            for path, _ in items(document, "spec", direction):
                for at, _ in items(document, *path, peer):
                    yield from loose(bundle, document, at)


def loose(bundle: Bundle, document: Document, at: Path) -> Iterator[Hit]:
    """The labels without a domain that one peer asks of namespaces."""
    found = get(document.value, *at, "namespaceSelector", "matchLabels")
    if not isinstance(found, dict) or any("/" in str(key) for key in found):
        return
    wearers = [name(one) for one in bundle.of("Namespace") if found.items() <= labels(one).items()]
    for key, value in found.items():
        path = (*at, "namespaceSelector", "matchLabels", key)
        meant = wearers[0] if len(wearers) == 1 else "<name of the namespace>"
        edits = (
            rename(document, path, SAFE) + swap(document, path, meant) if len(wearers) == 1 and len(found) == 1 else ()
        )
        message = f"{spelled(path[:-1])}: the label {key}: {value} is whatever somebody wrote on a namespace"
        yield hit(document, path, message, edits, f"{SAFE}: {meant}", key=True)
        return


@rule("L403", "error", fix="The direction among policyTypes.")
def rules_without_type(bundle: Bundle) -> Iterator[Hit]:
    """Rules of a direction that policyTypes does not name are ignored: everything stays open."""
    for document in bundle.of("NetworkPolicy"):
        types = [one for _, one in items(document, "spec", "policyTypes")]
        for direction in ("ingress", "egress"):
            meant = direction.capitalize()
            if types and get(document.value, "spec", direction) is not None and meant not in kinds(document):
                edits = add(document, ("spec", "policyTypes"), len(types), meant)
                message = f"NetworkPolicy {name(document)} has rules for {direction}, policyTypes does not name it"
                write = f"policyTypes: [{', '.join([*map(str, types), meant])}]"
                yield hit(document, ("spec", direction), message, edits, write, key=True)


@rule("L404", "warning", fix="A Deployment, StatefulSet or Job with the same pod.")
def policy_on_a_bare_pod(bundle: Bundle) -> Iterator[Hit]:
    """Some versions of the VPC CNI enforce policies on pods of controllers only: a pod by itself stays open."""
    for document in bundle.of("Pod"):
        if get(document.value, "metadata", "ownerReferences"):
            continue
        for policy in bundle.of("NetworkPolicy"):
            selector = get(policy.value, "spec", "podSelector")
            wanted = get(selector, "matchLabels") or {}
            if (
                namespace(policy) != namespace(document)
                or not isinstance(selector, dict)
                or "matchExpressions" in selector
            ):
                continue
            if wanted.items() <= pod_labels(document).items():
                message = f"Pod {name(document)} is nobody's, and NetworkPolicy {name(policy)} counts on the CNI"
                write = f"kind: Deployment\nmetadata:\n  name: {name(document)}"
                yield hit(document, ("kind",), message, write=write)
                break
