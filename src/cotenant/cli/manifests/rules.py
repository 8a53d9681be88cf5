"""The CEL rules of the definitions, as far as they can be told without a cluster: same rule, same message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from ipaddress import ip_network
from typing import Any

from cotenant.api import keys, scalars
from cotenant.api.ledger import LedgerSpec
from cotenant.api.limits import ONE_EACH, ORDER, LimitItem
from cotenant.api.member import Member
from cotenant.api.rule import Rule
from cotenant.api.space import Space
from cotenant.api.tenant import Peer, QuotaSpec, Tenant, TenantSpacesSpec
from cotenant.model.arn import arn
from cotenant.model.iam.claims import default_username
from cotenant.model.quantity import parse

Holds = Callable[[Any], bool]
SUBJECTS = ("group", "user", "serviceAccount", "iamRole", "iamUser", "permissionSet")
IAM = ("iamRole", "iamUser", "permissionSet")
TARGETS = ("tenant", "namespaceLabels", "cidr")
PREFIXES = ("kube-", "home-", "cotenant", "aws-", "amazon-", "eks-")
TEMPLATE = r"[^{}]*:[^{}]*\{\{SessionName(Raw)?\}\}[^{}]*"
LABEL_KEY = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"


def shaped(pattern: str) -> Holds:
    """Whether a text has this form, all of it."""
    whole = re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII)
    return lambda text: isinstance(text, str) and whole.fullmatch(text) is not None


def is_quantity(value: Any) -> bool:
    """Whether a quantity is one, and not negative."""
    try:
        return parse(value) >= 0
    except (ValueError, TypeError, ArithmeticError):
        return False


def is_cidr(value: Any) -> bool:
    """Whether an address range is one; CEL wants the prefix length written out."""
    try:
        ip_network(value, strict=False)
    except ValueError:
        return False
    return "/" in value


def inside(peer: Mapping[str, Any]) -> bool:
    """Whether each exception lies in the range that it is taken out of."""
    parts, whole = peer.get("except") or [], peer.get("cidr")
    if not whole or not is_cidr(whole):
        return True
    outer = ip_network(whole, strict=False)
    for part in filter(is_cidr, parts):
        inner = ip_network(part, strict=False)
        if inner.version != outer.version or not inner.subnet_of(outer):  # type: ignore[arg-type]  # versions are equal
            return False
    return True


def name_of(manifest: Mapping[str, Any]) -> str:
    """metadata.name, or nothing."""
    metadata = manifest.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def one_of(names: tuple[str, ...]) -> Holds:
    """Whether exactly one of these fields is there."""
    return lambda found: sum(name in found for name in names) == 1


def declared_fit(spaces: Mapping[str, Any]) -> bool:
    """Whether no more spaces are declared than allowed."""
    declared, limit = spaces.get("declared"), spaces.get("limit")
    return not (isinstance(declared, list) and isinstance(limit, int)) or len(declared) <= limit


def countable(key: str) -> bool:
    """Whether a ResourceQuota counts this."""
    return (
        shaped(scalars.QUALIFIED)(key)
        or key in scalars.PLAIN_KEYS
        or key.removeprefix("requests.").startswith("hugepages-")
    )


def ordered(lower: str, upper: str) -> Holds:
    """Whether no amount of the one map exceeds that of the other."""

    def holds(bounds: Mapping[str, Any]) -> bool:
        low, high = bounds.get(lower) or {}, bounds.get(upper) or {}
        return all(
            parse(low[key]) <= parse(high[key])
            for key in low.keys() & high.keys()
            if is_quantity(low[key]) and is_quantity(high[key])
        )

    return holds


def in_bytes(key: str) -> bool:
    """Whether a resource is counted in bytes."""
    return not key.startswith("count/") and (key.endswith(("memory", "storage")) or "hugepages-" in key)


def whole(amounts: Mapping[str, Any]) -> bool:
    """Whether everything that is counted comes in whole numbers."""
    number = shaped("[0-9]+([kMGTPE]|[KMGTPE]i)?")
    return all(
        number(str(value))
        for key, value in amounts.items()
        if not in_bytes(key) and (key.startswith("count/") or not key.endswith("cpu"))
    )


def whole_bytes(amounts: Mapping[str, Any]) -> bool:
    """Whether no memory is given in parts of a byte."""
    return not any(in_bytes(key) and str(value).endswith(("n", "u", "m")) for key, value in amounts.items())


def something(amounts: Mapping[str, Any]) -> bool:
    """Whether what is more than 0 still is as it is counted."""
    return not any(
        0 < parse(value) < (1 if in_bytes(key) else Fraction(1, 1000))
        for key, value in amounts.items()
        if is_quantity(value)
    )


def limitable(key: str) -> bool:
    """Whether a LimitRange bounds this."""
    return key in ("cpu", "memory", "ephemeral-storage", "storage") or "/" in key or key.startswith("hugepages-")


def with_storage(item: Mapping[str, Any]) -> bool:
    """Whether the limit of a volume is one of storage."""
    bounds = [item.get(side) or {} for side in ("min", "max")]
    return item.get("type") != "PersistentVolumeClaim" or any("storage" in one for one in bounds)


def once_each(items: Any) -> bool:
    """Whether no type of limits is there twice."""
    kinds = [one.get("type") for one in items]
    return len(kinds) == len(set(kinds))


def unprefixed(prefix: str) -> Holds:
    """Whether neither user nor group of a member begins like this."""
    return lambda member: not any(str(member.get(kind, "")).startswith(prefix) for kind in ("user", "group"))


def own_name(member: Mapping[str, Any]) -> bool:
    """Whether a user name that looks like an ARN is the one that EKS gives this principal."""
    name = str(member.get("username", ""))
    principals = [arn(member.get(kind)) for kind in ("iamRole", "iamUser")]
    return not name.startswith("arn:") or any(name == default_username(one) for one in principals if one)


def free(manifest: Mapping[str, Any]) -> bool:
    """Whether a tenant may have this name."""
    name = name_of(manifest)
    return name not in ("default", "home") and not name.startswith(PREFIXES)


OFFLINE: dict[Rule, Holds] = {
    scalars.NAME: shaped(scalars.DNS_LABEL),
    scalars.QUANTITY: is_quantity,
    scalars.CIDR: is_cidr,
    scalars.IAM_ROLE: shaped(f"arn:aws[-a-z]*:iam::[0-9]{{12}}:role/{scalars.IAM_PATH}"),
    scalars.IAM_USER: shaped(f"arn:aws[-a-z]*:iam::[0-9]{{12}}:user/{scalars.IAM_PATH}"),
    scalars.IAM_ONE: lambda text: "*" not in text and "?" not in text,
    scalars.IAM_LINKED: lambda text: ":role/aws-service-role/" not in text,
    scalars.IAM_ACCOUNT: shaped("[0-9]{12}"),
    scalars.PERMISSION_SET: shaped("[A-Za-z0-9+=,.@_-]+"),
    scalars.USERNAME[0]: lambda text: not text.startswith(scalars.RESERVED_NAMES),
    scalars.USERNAME[1]: lambda text: "{{" not in text or shaped(TEMPLATE)(text),
    scalars.NAMING[0]: lambda text: "{space}" in text,
    scalars.NAMING[1]: shaped(r"([-a-z0-9]|\{tenant\}|\{space\})*"),
    scalars.NAMING[2]: lambda text: not text.startswith("-") and not text.endswith("-"),
    scalars.REGISTRY: lambda text: text.endswith("/") and len(text) > 1,
    scalars.SHARED: shaped("[A-Z][A-Za-z]*(/[a-z0-9]([-a-z0-9.]*[a-z0-9])?){1,2}"),
    scalars.PRIORITY: lambda text: not text.startswith("system-"),
    LedgerSpec.RULES[0]: lambda spec: sum(one["allocation"] for one in spec.get("entries", ())) <= spec["limit"],
    scalars.HOST: shaped(r"(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?"),
    scalars.LABEL_VALUE: shaped(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"),
    scalars.QUOTA_KEYS: lambda amounts: all(map(countable, amounts)),
    scalars.WHOLE: whole,
    scalars.BYTES: whole_bytes,
    scalars.NOTHING: something,
    scalars.RULE_KEYS: scalars.SOFT_IDS.issuperset,
    scalars.LIMIT_KEYS: lambda amounts: all(map(limitable, amounts)),
    **{scalars.not_above(low, high): ordered(low, high) for low, high in ORDER},
    LimitItem.RULES[-2]: lambda one: one.get("type") != "Pod" or not {"default", "defaultRequest"} & one.keys(),
    LimitItem.RULES[-1]: with_storage,
    ONE_EACH: once_each,
    scalars.LABEL_KEYS: lambda labels: all(map(shaped(LABEL_KEY), labels)),
    QuotaSpec.RULES[0]: lambda quota: "scopes" not in quota,
    QuotaSpec.RULES[1]: lambda quota: "scopeSelector" not in quota,
    Member.RULES[0]: one_of(SUBJECTS),
    Member.RULES[1]: unprefixed("system:"),
    Member.RULES[2]: unprefixed(keys.IAM_GROUPS),
    Member.RULES[3]: lambda member: "username" not in member or any(kind in member for kind in IAM),
    Member.RULES[4]: own_name,
    Member.RULES[5]: lambda member: not re.match(r"arn:aws[-a-z]*:(iam|sts)::", str(member.get("user", ""))),
    TenantSpacesSpec.RULES[0]: declared_fit,
    Peer.RULES[0]: one_of(TARGETS),
    Peer.RULES[1]: lambda peer: "except" not in peer or "cidr" in peer,
    Peer.RULES[2]: inside,
    Space.RULES[0]: lambda one: len(name_of(one)) <= 50,
    Space.RULES[1]: lambda one: not name_of(one) or shaped(scalars.DNS_LABEL)(name_of(one)),
    Tenant.RULES[0]: lambda one: len(name_of(one)) <= 40,
    Tenant.RULES[1]: lambda one: not name_of(one) or shaped(scalars.DNS_LABEL)(name_of(one)),
    Tenant.RULES[2]: free,
}
"""Every rule that looks at one manifest."""


def broken(rule: Rule, value: Any) -> bool:
    """Whether a value breaks a rule. A rule that nobody wrote down here holds: the API server still has it."""
    holds = OFFLINE.get(rule)
    return holds is not None and not holds(value)


def worded(rule: Rule, value: Any) -> str:
    """The message for a value that breaks a rule, with the keys that do in front as the API server has them."""
    keys = [key for key in value if broken(rule, {key: value[key]})] if rule.culprits else []
    return f"{', '.join(keys)}: {rule.message}" if keys else rule.message
