"""Rules of quotas: what a quota asks of every container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cotenant.api.limits import LimitItem
from cotenant.judge.lint.bundle import WORKLOADS, Bundle, get, items, name, namespace, pods
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.limits import filled

ASKED = {
    "cpu": "requests.cpu", "memory": "requests.memory", "requests.cpu": "requests.cpu",
    "requests.memory": "requests.memory", "limits.cpu": "limits.cpu", "limits.memory": "limits.memory",
}  # fmt: skip
"""Keys of a quota that every container must name. Source: kubernetes.io/docs/concepts/policy/resource-quotas."""
EXAMPLE = {"cpu": "500m", "memory": "256Mi"}


def defaults(bundle: Bundle, here: str) -> set[str]:
    """What LimitRanges of a namespace fill in: limits.cpu, requests.memory and so on."""
    found: set[str] = set()
    for document in bundle.of("LimitRange"):
        if namespace(document) != here:
            continue
        for _, one in items(document, "spec", "limits"):
            found |= given(one)
    return found


def given(item: Any) -> set[str]:
    """What one LimitRange item fills in; nothing if it is none."""
    try:
        whole = filled(msgspec.convert(item, LimitItem))
    except msgspec.ValidationError:
        return set()
    if whole["type"] != "Container":
        return set()
    kinds = (("limits", get(whole, "default")), ("requests", get(whole, "defaultRequest")))
    found = {f"{kind}.{key}" for kind, amounts in kinds for key in amounts or {}}
    # A container with a limit and no request requests its limit.
    return found | {key.replace("limits.", "requests.") for key in found}


def named(container: Mapping[str, Any]) -> set[str]:
    """What a container names itself."""
    found = set()
    for kind in ("requests", "limits"):
        amounts = get(container, "resources", kind)
        found |= {f"{kind}.{key}" for key in amounts} if isinstance(amounts, dict) else set()
    return found | {key.replace("limits.", "requests.") for key in found}


@rule("L601", "warning", fix="A LimitRange with defaults in the same namespace.")
def quota_without_defaults(bundle: Bundle) -> Iterator[Hit]:
    """Under such a quota a container that does not name the amount is refused: `failed quota: … must specify`."""
    for document in bundle.of("ResourceQuota"):
        hard = get(document.value, "spec", "hard")
        here = namespace(document)
        missing = (
            sorted({ASKED[key] for key in hard if key in ASKED} - defaults(bundle, here))
            if isinstance(hard, dict)
            else []
        )
        if missing and not get(document.value, "spec", "scopeSelector") and not get(document.value, "spec", "scopes"):
            victim = refused(bundle, here, missing)
            message = (
                f"ResourceQuota {name(document)} limits {', '.join(missing)}, and no LimitRange here gives a default"
            )
            message += f"; {victim} is refused" if victim else ""
            yield hit(document, ("spec", "hard"), message, write=limit_range(here, missing), key=True)


def refused(bundle: Bundle, here: str, missing: list[str]) -> str:
    """The first workload of a namespace that would be refused."""
    for document, path, _ in pods(bundle):
        if namespace(document) == here and document.value["kind"] in WORKLOADS:
            for _, one in items(document, *path, "containers"):
                if isinstance(one, dict) and set(missing) - named(one):
                    return f"{document.value['kind']} {name(document)}"
    return ""


def limit_range(here: str, missing: list[str]) -> str:
    """A LimitRange that gives what is missing."""
    lines = [
        "apiVersion: v1",
        "kind: LimitRange",
        f"metadata: {{name: defaults{f', namespace: {here}' if here else ''}}}",
    ]
    lines += ["spec:", "  limits:", "  - type: Container"]
    for field, kind in (("default", "limits."), ("defaultRequest", "requests.")):
        amounts = [
            f"{key.removeprefix(kind)}: {EXAMPLE[key.removeprefix(kind)]}" for key in missing if key.startswith(kind)
        ]
        lines += [f"    {field}: {{{', '.join(amounts)}}}"] if amounts else []
    return "\n".join(lines)
