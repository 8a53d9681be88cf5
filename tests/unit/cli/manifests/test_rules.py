"""The CEL rules, told without a cluster."""

import pytest
from msgspec import convert
from msgspec import inspect as types

from cotenant.api import scalars
from cotenant.api.limits import ONE_EACH, LimitItem
from cotenant.api.member import Member
from cotenant.api.rule import Rule
from cotenant.api.schema import KINDS
from cotenant.api.space import SAME, Space
from cotenant.api.structural import RULES
from cotenant.api.tenant import QuotaSpec
from cotenant.cli.manifests.rules import OFFLINE, broken, worded

ORDER = LimitItem.RULES

ROLE, USER = "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:user/"


def rules_of(info):
    """Every rule of a type and below it."""
    match info:
        case types.Metadata():
            yield from (convert(one, Rule) for one in (info.extra_json_schema or {}).get(RULES, ()))
            yield from rules_of(info.type)
        case types.UnionType():
            for one in info.types:
                yield from rules_of(one)
        case types.ListType():
            yield from rules_of(info.item_type)
        case types.DictType():
            yield from rules_of(info.key_type)
            yield from rules_of(info.value_type)
        case types.StructType():
            yield from getattr(info.cls, "RULES", ())
            for field in info.fields:
                yield from rules_of(field.type)


def test_every_rule_of_the_definitions_is_known_here_too():
    transitions = {SAME, Space.RULES[2]}  # they compare with what the cluster has
    wanted = {rule for kind in KINDS for rule in rules_of(types.type_info(kind.type))}
    assert {one.message for one in wanted - OFFLINE.keys() - transitions} == set()


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (scalars.NAME, ["a", "a-1"], ["A", "-a", "a-", "a.b", "a\n", ""]),
        (scalars.QUANTITY, ["500m", 4, "8Gi", "1e3", "0"], ["-1", -1, "much", "5 Gi", ""]),
        (scalars.CIDR, ["10.0.0.0/8", "fd00::/8"], ["10.0.0.0", "10.0.0/8", "x/8", "10.0.0.0/33"]),
        (
            scalars.IAM_ROLE,
            [f"{ROLE}X", f"{ROLE}a.b/X+=,.@-_"],
            [
                "arn:aws:iam::123456789:role/X",
                "arn:aws:sts::1:x",
                ROLE,
                f"{ROLE}X/",
                f"{ROLE}a//X",
                f"{ROLE}X;id",
                f"{ROLE}'",
            ],
        ),
        (
            scalars.SHARED,
            ["ClusterIssuer/letsencrypt", "Gateway/infra/public"],
            ["ClusterIssuer", "clusterissuer/x", "Gateway/a/b/c", "Gateway/", "Gateway/-a"],
        ),
        (scalars.IAM_USER, [f"{USER}a/x"], [f"{USER}x/", f"{USER}x y", f"{USER}$(id)"]),
        (
            Member.RULES[4],
            [
                {"iamRole": f"{ROLE}a/X", "username": "arn:aws:sts::123456789012:assumed-role/X/{{SessionName}}"},
                {"iamUser": f"{USER}x", "username": f"{USER}x"},
                {"iamUser": f"{USER}x", "username": "x"},
                {"iamUser": f"{USER}x"},
            ],
            [
                {"iamUser": f"{USER}x", "username": f"{USER}y"},
                {"iamRole": f"{ROLE}X", "username": f"{USER}x"},
                {"iamRole": f"{ROLE}X", "username": "arn:aws:sts::123456789012:assumed-role/Y/{{SessionName}}"},
                {"permissionSet": {}, "username": "arn:x"},
            ],
        ),
        (
            Member.RULES[5],
            [{"user": "ann"}, {"user": "arn:aws:eks::x"}, {"group": "arn:aws:iam::1:x"}],
            [{"user": f"{USER}x"}, {"user": "arn:aws-cn:sts::123456789012:assumed-role/X/ann"}],
        ),
        (scalars.IAM_ONE, ["arn:aws:iam::123456789012:role/X"], ["arn:aws:iam::123456789012:role/X*", "a?"]),
        (scalars.IAM_LINKED, ["x:role/a"], ["arn:aws:iam::123456789012:role/aws-service-role/x/y"]),
        (scalars.IAM_ACCOUNT, ["012345678901"], ["123456789", "12345678901", "1234567890123", "12345678901x"]),
        (scalars.PERMISSION_SET, ["Team_A", "a+=,.@-"], ["", "a b", "AWSReservedSSO/x", "a*"]),
        (scalars.USERNAME[0], ["k8s-test-user", "arn:aws:x"], ["system:x", "eks:x", "cotenant:x", "iam:", "aws:a"]),
        (
            scalars.USERNAME[1],
            ["dev", "dev:{{SessionName}}", "a:b-{{SessionNameRaw}}-c"],
            ["{{SessionName}}", "a{{SessionName}}", "a:{{AccountID}}", "a:{{SessionName}}{{SessionName}}", "{{:"],
        ),
        (scalars.NAMING[1], ["{tenant}-{space}"], ["{tenant}_{space}", "{team}-{space}"]),
        (scalars.REGISTRY, ["a.b/"], ["a.b", "/"]),
        (scalars.HOST, ["*.example.com", "a.b"], ["Example.com", "*", "a.*.b"]),
        (
            scalars.RULE_KEYS,
            [{"COTENANT-POD-8": "warn"}, {}],
            [{"COTENANT-POD-99": "warn"}, {"COTENANT-RIGHT-1": "warn"}],
        ),
        (scalars.LABEL_KEYS, [{"team": "", "a.b/c": ""}], [{"-a": ""}, {"a/b/c": ""}]),
        (
            scalars.QUOTA_KEYS,
            [{"pods": 1, "count/jobs.batch": 1}],
            [{"podz": 1}, {"a b/c": 1}, {"count/": 1}, {"a/b/c": 1}],
        ),
        (QuotaSpec.RULES[0], [{"hard": {}}], [{"scopes": ["Terminating"]}]),
        (QuotaSpec.RULES[1], [{"hard": {}}], [{"scopeSelector": {}}]),
        (
            scalars.WHOLE,
            [
                {"pods": 5},
                {"pods": "2k"},
                {"requests.cpu": "500m"},
                {"limits.memory": "1.5Gi"},
                {"hugepages-2Mi": "1e9"},
            ],
            [{"pods": "1m"}, {"pods": "1.5"}, {"count/jobs.batch": "500m"}, {"requests.nvidia.com/gpu": "1e3"}],
        ),
        (
            scalars.BYTES,
            [{"memory": "128Mi"}, {"requests.storage": 5}, {"cpu": "100m"}, {"pods": "1m"}],
            [{"memory": "128m"}, {"gold.storageclass.storage.k8s.io/requests.storage": "1u"}],
        ),
        (
            scalars.NOTHING,
            [{"cpu": "1m", "memory": 1}, {"cpu": 0, "memory": "0"}, {"cpu": "few"}, {"requests.cpu": "1500u"}],
            [{"limits.cpu": "999u"}, {"memory": "1e-3"}, {"requests.storage": "0.5"}, {"cpu": "1n"}],
        ),
        (scalars.LIMIT_KEYS, [{"cpu": 1, "nvidia.com/gpu": 1, "hugepages-2Mi": 1}], [{"cpus": 1}, {"pods": 1}]),
        (ORDER[0], [{"min": {"cpu": "1"}, "defaultRequest": {"cpu": "1000m", "memory": 1}}, {"min": {"cpu": 1}}], []),
        (ORDER[0], [], [{"min": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}]),
        (
            ORDER[2],
            [{"default": {"cpu": "1"}, "max": {"memory": 1}}],
            [{"default": {"cpu": "1"}, "max": {"cpu": "1m"}}],
        ),
        (
            LimitItem.RULES[-2],
            [{"type": "Container", "default": {}}, {"type": "Pod", "max": {}}],
            [{"type": "Pod", "defaultRequest": {}}],
        ),
        (
            LimitItem.RULES[-1],
            [{"type": "PersistentVolumeClaim", "max": {"storage": 1}}, {"type": "Pod"}],
            [{"type": "PersistentVolumeClaim", "max": {"cpu": 1}}],
        ),
        (ONE_EACH, [[{"type": "Pod"}, {"type": "Container"}]], [[{"type": "Pod"}, {"type": "Pod"}]]),
    ],
)
def test_a_rule_lets_good_values_through_and_stops_bad_ones(rule, good, bad):
    assert [value for value in good if broken(rule, value)] == []
    assert [value for value in bad if not broken(rule, value)] == []


def test_of_several_keys_those_that_break_a_rule_are_named():
    found = worded(scalars.QUOTA_KEYS, {"pods": 3, "podz": 3, "cpus": 1})
    assert found.startswith("podz, cpus: every key must be a resource as in a ResourceQuota")
    assert worded(scalars.REGISTRY, "a.b").startswith("a registry is a prefix")
