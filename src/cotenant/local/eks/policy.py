"""IAM's evaluation of policies: identity policies, boundaries, session policies and the trust policy of a role.

An explicit deny wins; else one allow of each layer is needed. A condition that is not understood here never allows
and always denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]
"""Condition key in lower case -> its value or values."""
ALLOWED, DENIED, SILENT = "allowed", "denied", "silent"


def evaluate(
    documents: Iterable[Document], action: str, resource: str, context: Context, *, principals: Sequence[str] = ()
) -> str:
    """ALLOWED, DENIED (explicitly) or SILENT. With `principals` only statements for one of them count."""
    result = SILENT
    for document in documents:
        for statement in _many(document.get("Statement", [])):
            allows = statement.get("Effect") == "Allow"
            if not _concerns(statement, action, resource, context, principals):
                continue
            if not _holds(statement.get("Condition", {}), context, unknown=not allows):
                continue
            if not allows:
                return DENIED
            result = ALLOWED
    return result


def _concerns(
    statement: Document, action: str, resource: str, context: Context, principals: Sequence[str]
) -> bool:  # fmt: skip
    if principals:
        named = statement.get("Principal", {})
        wanted = ["*"] if named == "*" else [each for kind in named.values() for each in _many(kind)]
        if not any(each == "*" or each in principals for each in wanted):
            return False
    elif not _matches(statement, "Resource", resource, context):
        return False
    return _matches(statement, "Action", action, context)


def _matches(statement: Document, element: str, value: str, context: Context) -> bool:
    if (negated := f"Not{element}") in statement:
        return not _any_like(value, statement[negated], context, ignore_case=element == "Action")
    return _any_like(value, statement.get(element, []), context, ignore_case=element == "Action")


def _any_like(value: str, patterns: Any, context: Context, *, ignore_case: bool) -> bool:
    if ignore_case:
        return any(like(value.lower(), each.lower()) for each in _many(patterns))
    return any(like(value, _filled(each, context)) for each in _many(patterns))


def _holds(conditions: Mapping[str, Any], context: Context, *, unknown: bool) -> bool:
    return all(
        _test(operator, key, [str(each) for each in _many(wanted)], context, unknown=unknown)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _test(operator: str, key: str, wanted: list[str], context: Context, *, unknown: bool) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    optional = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    present = context.get(key.lower())
    if plain == "Null":
        return (present is None) == (wanted == ["true"])
    if present is None or (not isinstance(present, str) and not present):
        # ForAllValues of nothing is true, which is AWS' own trap.
        return optional or quantifier == "ForAllValues" or plain in _NEGATED
    compare = _OPERATORS.get(plain)
    if compare is None:
        return unknown
    given = [present] if isinstance(present, str) else list(present)
    wanted = [_filled(each, context) for each in wanted]
    if plain in _NEGATED:
        hits = [not any(compare(one, each) for each in wanted) for one in given]
    else:
        hits = [any(compare(one, each) for each in wanted) for one in given]
    return all(hits) if quantifier == "ForAllValues" or plain in _NEGATED else any(hits)


def like(value: str, pattern: str) -> bool:
    """AWS' wildcards: `*` and `?`, nothing else."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda one, other: one == other,
    "StringNotEquals": lambda one, other: one == other,
    "StringEqualsIgnoreCase": lambda one, other: one.lower() == other.lower(),
    "StringLike": like,
    "StringNotLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "ArnNotLike": like,
    "ArnNotEquals": like,
    "Bool": lambda one, other: one.lower() == other.lower(),
}
_NEGATED = {"StringNotEquals", "StringNotLike", "ArnNotLike", "ArnNotEquals"}
_VARIABLE = re.compile(r"\$\{([a-zA-Z0-9:/_-]+)\}")


def _filled(pattern: str, context: Context) -> str:
    """`${aws:username}` becomes what it stands for; a variable without value matches nothing."""

    def value(found: re.Match[str]) -> str:
        known = context.get(found[1].lower())
        return known if isinstance(known, str) else "\0"

    return _VARIABLE.sub(value, pattern)


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
