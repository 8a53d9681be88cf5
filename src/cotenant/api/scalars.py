"""Strings, amounts and lists of names in our kinds: their bounds, and the sentence for whoever breaks a rule."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from cotenant.api.rule import Rule, every_key


def ruled(*rules: Rule) -> Meta:
    """What a type that is no Struct needs to carry rules into its CustomResourceDefinition."""
    return Meta(extra_json_schema={"x-cotenant-rules": list(rules)})


DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAME = Rule(
    f"self.matches('{DNS_LABEL}')",
    "a name is made of a-z, 0-9 and -, and begins and ends with a letter or digit",
)
QUANTITY = Rule(
    "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))",
    "must be a quantity that is not negative, such as 500m, 4 or 8Gi",
)
CIDR = Rule("isCIDR(self)", "must be an address range such as 10.9.0.0/16")
# Wildcards have a rule and a message of their own.
IAM_PATH = "([A-Za-z0-9_+=,.@*?-]+/)*[A-Za-z0-9_+=,.@*?-]+"
IAM_ROLE = Rule(
    f"self.matches('^arn:aws[-a-z]*:iam::[0-9]{{12}}:role/{IAM_PATH}$')",
    "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/Name: 12 digits, no session name, no / at the end",
)
IAM_ONE = Rule(
    "!self.contains('*') && !self.contains('?')",
    "must name one principal: a wildcard is taken for a letter; list each role or user",
)
IAM_LINKED = Rule(
    "!self.contains(':role/aws-service-role/')",
    "a service-linked role belongs to an AWS service, and nobody can assume it; name a role of the team",
)
IAM_USER = Rule(
    f"self.matches('^arn:aws[-a-z]*:iam::[0-9]{{12}}:user/{IAM_PATH}$')",
    "must be the ARN of an IAM user, such as arn:aws:iam::123456789012:user/name: 12 digits, no / at the end",
)
IAM_ACCOUNT = Rule("self.matches('^[0-9]{12}$')", "an AWS account has 12 digits; in quotes, or leading zeros get lost")
PERMISSION_SET = Rule(
    "self.matches('^[A-Za-z0-9+=,.@_-]+$')",
    "must be the name of a permission set of IAM Identity Center, such as TeamA; not the role AWSReservedSSO_… made of it",
)
RESERVED_NAMES = ("system:", "eks:", "aws:", "amazon:", "iam:", "cotenant:")
USERNAME = (
    Rule(
        f"!{list(RESERVED_NAMES)}.exists(p, self.startsWith(p))",
        "a user name must not begin with system:, eks:, aws:, amazon:, iam: or cotenant:",
    ),
    Rule(
        r"!self.contains('{{') || self.matches(r'^[^{}]*:[^{}]*\{\{SessionName(Raw)?\}\}[^{}]*$')",
        "the only template is {{SessionName}} (or {{SessionNameRaw}}), behind a colon, such as team-a:{{SessionName}}",
    ),
)
NAMING = (
    Rule("self.contains('{space}')", "naming must contain {space}, for example {tenant}-{space}"),
    Rule(
        r"self.matches(r'^([-a-z0-9]|\{tenant\}|\{space\})*$')",
        "naming is made of {tenant}, {space}, a-z, 0-9 and -, for example {tenant}-{space}",
    ),
    Rule(
        "!self.startsWith('-') && !self.endsWith('-')",
        "naming must not begin or end with -, for example {tenant}-{space}",
    ),
)
REGISTRY = Rule(
    "self.endsWith('/') && size(self) > 1",
    "a registry is a prefix that ends in /, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/",
)
SHARED = Rule(
    r"self.matches(r'^[A-Z][A-Za-z]*(/[a-z0-9]([-a-z0-9.]*[a-z0-9])?){1,2}$')",
    "must be Kind/name or Kind/namespace/name, such as ClusterIssuer/letsencrypt",
)
PRIORITY = Rule("!self.startsWith('system-')", "system-* priority classes are never for tenants; take it off the list")
HOST = Rule(
    r"self.matches(r'^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
    "must be a host name in lower case, such as app.example.com or *.example.com",
)
LABEL_VALUE = Rule(
    "self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')",
    "a label value is made of letters, digits, -, _ and ., and begins and ends with a letter or digit",
)
LABEL_KEYS = every_key(
    "k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
    "a label key is a name such as team, or a prefix and a name such as kubernetes.io/metadata.name",
)
PLAIN_KEYS = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "services",
    "services.nodeports",
    "services.loadbalancers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
]
QUALIFIED = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
QUOTA_KEYS = every_key(
    f"k.matches('{QUALIFIED}') || k in {PLAIN_KEYS} || k.startsWith('hugepages-') || k.startsWith('requests.hugepages-')",
    "every key must be a resource as in a ResourceQuota, such as requests.cpu, limits.memory, pods or count/jobs.batch",
)
_BYTES = "(!k.startsWith('count/') && (k.endsWith('memory') || k.endsWith('storage') || k.contains('hugepages-')))"
WHOLE = every_key(
    f"{_BYTES} || (k.endsWith('cpu') && !k.startsWith('count/')) || "
    "string(self[k]).matches('^[0-9]+([kMGTPE]|[KMGTPE]i)?$')",
    "what is counted (pods, services, count/...) comes in whole numbers such as 50; only cpu has parts such as 500m",
)
BYTES = every_key(
    f"!{_BYTES} || !string(self[k]).matches('[num]$')",
    "memory and storage are counted in bytes, of which m is a thousandth; write 128Mi or 128M",
)
# What is counted comes in whole numbers anyway.
NOTHING = every_key(
    "!isQuantity(string(self[k])) || !quantity(string(self[k])).isGreaterThan(quantity('0')) || "
    f"!quantity(string(self[k])).isLessThan(quantity({_BYTES} ? '1' : '1m'))",
    "less than is counted (1m of a cpu, a byte) is as good as 0; write 0 where nothing is meant to run",
)
SOFT_RULES: dict[str, tuple[int, ...]] = {
    "POD": (2, 3, 4, 8, 9, 10, 11, 12, 13, 17, 18, 20),
    "EXEC": (1,),
    "SERVICE": (1, 4, 5),
    "INGRESS": (1, 2, 3, 5),
    "ROUTE": (1, 3, 4, 5),
    "VOLUME": (1, 4),
    "ACCOUNT": (1,),
    "BUDGET": (1,),
    "OBJECT": (1, 2),
}
"""Of which rules a Tenant says whether they refuse: those about what it may use, but for what reaches others."""
SOFT_IDS = frozenset(f"COTENANT-{stem}-{number}" for stem, numbers in SOFT_RULES.items() for number in numbers)
RULE_KEYS = every_key(
    f"k in {sorted(SOFT_IDS)}",
    "every key must be the id of a rule about what a tenant may use, such as COTENANT-POD-8; the rules of namespaces, rights, "
    "quotas and of cotenant itself always refuse; see: cotenant policies list",
)
LIMIT_KEYS = every_key(
    "k in ['cpu', 'memory', 'ephemeral-storage', 'storage'] || k.contains('/') || k.startsWith('hugepages-')",
    "every key must be a resource of a container or volume, such as cpu, memory, ephemeral-storage or storage",
)


def not_above(low: str, high: str) -> Rule:
    """Of two maps of amounts, the one never exceeds the other in a resource that both name."""
    one, other = f"string(self.{low}[k])", f"string(self.{high}[k])"
    return Rule(
        f"!has(self.{low}) || !has(self.{high}) || self.{low}.all(k, !(k in self.{high}) || "
        f"!isQuantity({one}) || !isQuantity({other}) || !quantity({one}).isGreaterThan(quantity({other})))",
        f"{low} must not exceed {high}; lower the one or raise the other",
        field=f".{low}",
    )


Quantity = Annotated[Annotated[str, Meta(max_length=32)] | int, ruled(QUANTITY)]
"""A Kubernetes quantity: `500m`, `4`, `8Gi`."""
Amounts = Annotated[dict[Annotated[str, Meta(max_length=128)], Quantity], Meta(max_length=64)]
"""Amounts by resource, as in a ResourceQuota."""
Enforcement = Literal["observe", "warn", "enforce"]
"""What happens to what breaks a rule: it is let through and audited, also warned about, or refused."""
Modes = Annotated[
    Annotated[dict[Annotated[str, Meta(max_length=32)], Enforcement], Meta(max_length=64)], ruled(RULE_KEYS)
]
"""The same for single rules, by id."""
QuotaAmounts = Annotated[
    Annotated[dict[Annotated[str, Meta(max_length=128)], Quantity], Meta(max_length=64)],
    ruled(QUOTA_KEYS, WHOLE, BYTES, NOTHING),
]
"""The same where only what a ResourceQuota counts makes sense."""
LimitAmounts = Annotated[
    Annotated[dict[Annotated[str, Meta(max_length=128)], Quantity], Meta(max_length=64)], ruled(LIMIT_KEYS)
]
"""The same where only what a LimitRange bounds makes sense."""
ClassName = Annotated[str, Meta(min_length=1, max_length=253)]
QualifiedName = Annotated[str, Meta(max_length=317, min_length=1)]
"""Of taints and of classes of load balancers: a prefix of 253, a slash, a name of 63."""
ClassNames = Annotated[list[ClassName], Meta(max_length=50)]
SpaceName = Annotated[Annotated[str, Meta(max_length=50, pattern=DNS_LABEL)], ruled(NAME)]
RoleName = Annotated[Annotated[str, Meta(max_length=63, pattern=DNS_LABEL)], ruled(NAME)]
TenantName = Annotated[Annotated[str, Meta(max_length=40, pattern=DNS_LABEL)], ruled(NAME)]
Cidr = Annotated[Annotated[str, Meta(max_length=43)], ruled(CIDR)]
IamRole = Annotated[Annotated[str, Meta(max_length=512)], ruled(IAM_ROLE)]
MemberRole = Annotated[Annotated[str, Meta(max_length=512)], ruled(IAM_ROLE, IAM_ONE, IAM_LINKED)]
MemberUser = Annotated[Annotated[str, Meta(max_length=512)], ruled(IAM_USER, IAM_ONE)]
AccountId = Annotated[Annotated[str, Meta(max_length=12)], ruled(IAM_ACCOUNT)]
PermissionSetName = Annotated[Annotated[str, Meta(min_length=1, max_length=32)], ruled(PERMISSION_SET)]
Username = Annotated[Annotated[str, Meta(min_length=1, max_length=256)], ruled(*USERNAME)]
SubjectName = Annotated[str, Meta(min_length=1, max_length=256)]
LabelValue = Annotated[Annotated[str, Meta(max_length=63)], ruled(LABEL_VALUE)]
