"""Wrong manifests beside right ones: each wrong one is refused, and the answer names the field and the fix."""

from __future__ import annotations

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import ApiError, Conflict

pytestmark = pytest.mark.cluster
GROUP = {"role": "owner", "group": "iam-devteam"}
ARN = "arn:aws:iam::123456789012:role/Backend"


def tenant(name: str = "backend-team", **spec) -> dict:
    return {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec}


def members(*listed) -> dict:
    return tenant(members=list(listed))


def peer(**content) -> dict:
    return tenant(network={"from": [content]})


def hard(**amounts) -> dict:
    return tenant(quota={"hard": {key.replace("_", "."): value for key, value in amounts.items()}})


def limits(**content) -> dict:
    return tenant(limits=[{"type": "Container", **content}])


def bounds(**content) -> dict:
    return tenant(quota={"space": content})


def naming(pattern: str) -> dict:
    return tenant(spaces={"naming": pattern})


RIGHT = {
    "an empty spec": tenant(),
    "a name of 40 characters": tenant("a" * 40),
    "kube alone is a name like any other": tenant("kube"),
    "a name that only begins like home": tenant("homebrew"),
    "a name that only begins like aws": tenant("awstats"),
    "a name of digits": tenant("007"),
    "each kind of subject": members(
        GROUP,
        {"role": "developer", "iamRole": ARN},
        {"role": "viewer", "iamUser": "arn:aws-cn:iam::123456789012:user/bob"},
        {"role": "viewer", "user": "bob", "expires": "2026-12-31T00:00:00Z"},
        {"role": "editor", "serviceAccount": {"namespace": "ci", "name": "deployer"}},
    ),
    "the same group twice": members(GROUP, GROUP | {"role": "viewer"}),
    "a group with a slash and spaces": members({"role": "owner", "group": "/Company/Team A"}),
    "as many declared as allowed": tenant(spaces={"limit": 2, "declared": ["dev", "build"]}),
    "declared without a limit": tenant(spaces={"declared": ["dev"]}),
    "naming with both words": naming("{tenant}-{space}-eu"),
    "naming with the space alone": naming("{space}"),
    "quantities in every spelling": hard(requests_cpu="40", limits_cpu="500m", pods=200, requests_memory="8Gi"),
    "a quantity of zero": hard(pods="0", services_loadbalancers=0),
    "counts and extended resources": tenant(
        quota={
            "hard": {
                "count/jobs.batch": "5",
                "requests.nvidia.com/gpu": 1,
                "hugepages-2Mi": "1Gi",
                "gold.storageclass.storage.k8s.io/requests.storage": "50Gi",
                "gpu.deviceclass.resource.k8s.io/devices": 4,
            }
        }
    ),
    "floor below ceiling": bounds(min={"pods": 2, "limits.cpu": "500m"}, max={"pods": "150", "limits.cpu": 1}),
    "an address range with a hole": peer(cidr="10.9.0.0/16", **{"except": ["10.9.3.0/24"]}),
    "an IPv6 range": peer(cidr="fd00::/64"),
    "a peer with ports": peer(tenant="shared", ports=[{"port": 443, "protocol": "TCP"}, {"port": 53}]),
    "a peer by labels": peer(namespaceLabels={"kubernetes.io/metadata.name": "ingress"}),
    "registries with slash": tenant(pods={"registries": ["111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/"]}),
    "nothing allowed at all": tenant(pods={"registries": [], "priorityClasses": []}, ingress={"hosts": []}),
    "hosts with a star": tenant(ingress={"hosts": ["*.backend.example.com", "example.com"]}),
    "roles for pods with a star": tenant(serviceAccounts={"iamRoles": ["arn:aws:iam::123456789012:role/backend-*"]}),
    "the least of all": hard(requests_cpu="1m", limits_cpu="0.001", requests_memory=1, limits_memory="0"),
    "counts in thousands": hard(pods="2k", secrets="5"),
    "memory with a point": hard(limits_memory="1.5Gi", requests_storage="0.5Ti"),
    "limits": tenant(limits=[{"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": 4}}]),
    "limits in order": limits(
        min={"cpu": "50m"}, defaultRequest={"cpu": "0.1", "memory": "64Mi"}, default={"cpu": "100m"}, max={"cpu": "1"}
    ),
    "limits of every kind": tenant(
        limits=[
            {"type": "Container", "default": {"cpu": 1, "nvidia.com/gpu": 1, "hugepages-2Mi": "2Mi"}},
            {"type": "Pod", "max": {"cpu": 2}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}},
        ]
    ),
    "null is left out": tenant(profile=None),
    "service types": tenant(services={"types": ["ClusterIP", "LoadBalancer"]}),
}

# what is wrong -> manifest, the field in the answer, the fix in the answer
WRONG = {
    "name in capitals": (tenant("Backend"), "metadata.name", "lowercase"),
    "name with a dot": (tenant("back.end"), "metadata.name", "without a dot"),
    "name of 41 characters": (tenant("a" * 41), "metadata.name", "at most 40 characters"),
    "name that Kubernetes keeps": (tenant("kube-x"), "metadata.name", "reserved"),
    "name default": (tenant("default"), "metadata.name", "reserved"),
    "name home": (tenant("home"), "metadata.name", "reserved"),
    "name of a home": (tenant("home-x"), "metadata.name", "reserved"),
    "name of ours": (tenant("cotenant-x"), "metadata.name", "reserved"),
    "name of AWS": (tenant("eks-x"), "metadata.name", "reserved"),
    "two subjects": (members(GROUP | {"user": "bob"}), "spec.members[0]", "exactly one of group, user, serviceAccount"),
    "no subject": (members({"role": "owner"}), "spec.members[0]", "exactly one of group, user, serviceAccount"),
    "no role": (members({"user": "bob"}), "spec.members[0].role", "Required value"),
    "a role in capitals": (members({"role": "Owner", "user": "bob"}), "spec.members[0].role", "a-z, 0-9 and -"),
    "a group of the system": (members(GROUP | {"group": "system:masters"}), "spec.members[0]", "ServiceAccount"),
    "a user of the system": (members({"role": "owner", "user": "system:admin"}), "spec.members[0]", "system:"),
    "an empty group": (members(GROUP | {"group": ""}), "spec.members[0].group", "at least 1"),
    "half a ServiceAccount": (
        members({"role": "owner", "serviceAccount": {"name": "x"}}),
        "spec.members[0].serviceAccount.namespace",
        "Required value",
    ),
    "a role as user": (members({"role": "owner", "iamUser": ARN}), "spec.members[0].iamUser", ":user/name"),
    "an expiry that is no time": (
        members({"role": "owner", "user": "bob", "expires": "tomorrow"}),
        "spec.members[0].expires",
        "date-time",
    ),
    "201 members": (members(*[GROUP] * 201), "spec.members", "at most 200"),
    "naming without space": (naming("{tenant}"), "spec.spaces.naming", "must contain {space}"),
    "naming with another word": (naming("{space}-{team}"), "spec.spaces.naming", "{tenant}, {space}, a-z"),
    "naming in capitals": (naming("X-{space}"), "spec.spaces.naming", "{tenant}, {space}, a-z"),
    "more declared than allowed": (
        tenant(spaces={"limit": 1, "declared": ["a", "b"]}),
        "spec.spaces.declared",
        "raise the limit or declare fewer",
    ),
    "declared twice": (tenant(spaces={"declared": ["a", "a"]}), "spec.spaces.declared[1]", "Duplicate value"),
    "a space in capitals": (tenant(spaces={"declared": ["Dev"]}), "spec.spaces.declared[0]", "a-z, 0-9 and -"),
    "a limit of 501": (tenant(spaces={"limit": 501}), "spec.spaces.limit", "less than or equal to 500"),
    "a negative limit": (tenant(spaces={"limit": -1}), "spec.spaces.limit", "greater than or equal to 0"),
    "a negative amount": (hard(pods=-1), "spec.quota.hard[pods]", "not negative"),
    "a negative quantity": (hard(requests_cpu="-1"), "spec.quota.hard[requests.cpu]", "not negative"),
    "an amount in words": (hard(pods="many"), "spec.quota.hard[pods]", "such as 500m"),
    "a quantity with the wrong unit": (hard(requests_memory="8GB"), "spec.quota.hard[requests.memory]", "such as 500m"),
    "a number with a point": (hard(limits_cpu=1.5), "spec.quota.hard.limits.cpu", "must be of type integer,string"),
    "a key that quotas do not know": (hard(request_cpu="1"), "spec.quota.hard", "such as requests.cpu"),
    "65 amounts": (
        tenant(quota={"hard": {f"count/x{i}.example.com": 1 for i in range(65)}}),
        "spec.quota.hard",
        "at most 64",
    ),
    "a floor above its ceiling": (
        bounds(min={"pods": "3"}, max={"pods": 2}),
        "spec.quota.space.min",
        "must not exceed max",
    ),
    "accounting of another kind": (
        tenant(quota={"accounting": "exact"}),
        "spec.quota.accounting",
        '"native", "strict"',
    ),
    "half a pod": (hard(pods="1m"), "spec.quota.hard", "in whole numbers such as 50"),
    "one and a half pods": (hard(pods="1.5"), "spec.quota.hard", "in whole numbers such as 50"),
    "parts of a count": (tenant(quota={"hard": {"count/jobs.batch": "500m"}}), "spec.quota.hard", "whole numbers"),
    "half a pod in a space": (bounds(max={"pods": "500m"}), "spec.quota.space.max", "whole numbers"),
    "thousandths of a byte": (hard(limits_memory="128m"), "spec.quota.hard", "write 128Mi or 128M"),
    "a request above its limit": (
        limits(defaultRequest={"cpu": 2}, default={"cpu": "1"}),
        "spec.limits[0].defaultRequest",
        "defaultRequest must not exceed default",
    ),
    "a default above the most": (
        limits(default={"cpu": "1500m"}, max={"cpu": 1}),
        "spec.limits[0].default",
        "default must not exceed max",
    ),
    "a request below the least": (
        limits(min={"memory": "1Gi"}, defaultRequest={"memory": "1Mi"}),
        "spec.limits[0].min",
        "min must not exceed defaultRequest",
    ),
    "a default below the least": (
        limits(min={"cpu": 1}, default={"cpu": "1m"}),
        "spec.limits[0].min",
        "exceed default",
    ),
    "a request above the most": (
        limits(defaultRequest={"cpu": 2}, max={"cpu": 1}),
        "spec.limits[0].defaultRequest",
        "exceed max",
    ),
    "the least above the most": (
        limits(min={"cpu": 2}, max={"cpu": 1}),
        "spec.limits[0].min",
        "min must not exceed max",
    ),
    "a default for pods": (tenant(limits=[{"type": "Pod", "default": {"cpu": 1}}]), "spec.limits[0].type", "Container"),
    "volumes without storage": (
        tenant(limits=[{"type": "PersistentVolumeClaim", "max": {"cpu": 1}}]),
        "spec.limits[0].type",
        "storage: 10Gi",
    ),
    "a limit on what containers do not have": (limits(max={"pods": 1}), "spec.limits[0].max", "such as cpu, memory"),
    "a limit on one thing too many": (limits(max={"cpu": 1, "cpus": 1}), "spec.limits[0].max", " cpus: every key must"),
    "limits of one type twice": (tenant(limits=[{"type": "Pod"}, {"type": "Pod"}]), "spec.limits", "into one item"),
    "limits of nothing": (
        tenant(limits=[{"type": "Node"}]),
        "spec.limits[0].type",
        '"Container", "PersistentVolumeClaim", "Pod"',
    ),
    "isolation by another word": (
        tenant(network={"isolation": "full"}),
        "spec.network.isolation",
        '"none", "space", "tenant"',
    ),
    "a peer of two kinds": (peer(tenant="shared", cidr="10.0.0.0/8"), "spec.network.from[0]", "exactly one of tenant"),
    "a peer of no kind": (peer(ports=[{"port": 1}]), "spec.network.from[0]", "exactly one of tenant"),
    "an address without mask": (peer(cidr="10.9.0.1"), "spec.network.from[0].cidr", "such as 10.9.0.0/16"),
    "an address out of range": (peer(cidr="10.9.0.0/33"), "spec.network.from[0].cidr", "such as 10.9.0.0/16"),
    "a hole outside": (
        peer(cidr="10.9.0.0/16", **{"except": ["10.8.0.0/24"]}),
        "spec.network.from[0].except",
        "inside cidr",
    ),
    "a hole in nothing": (
        peer(tenant="shared", **{"except": ["10.8.0.0/24"]}),
        "spec.network.from[0].except",
        "name the cidr",
    ),
    "a port too high": (peer(tenant="shared", ports=[{"port": 65536}]), "ports[0].port", "65535"),
    "a label that cannot be": (peer(namespaceLabels={"a b": "c"}), "spec.network.from[0].namespaceLabels", "label key"),
    "a registry without slash": (
        tenant(pods={"registries": ["docker.io"]}),
        "spec.pods.registries[0]",
        "ends in /",
    ),
    "a standard that does not exist": (tenant(pods={"security": "strict"}), "spec.pods.security", '"restricted"'),
    "a priority of the system": (
        tenant(pods={"priorityClasses": ["system-node-critical"]}),
        "spec.pods.priorityClasses[0]",
        "take it off",
    ),
    "a host in capitals": (tenant(ingress={"hosts": ["Example.com"]}), "spec.ingress.hosts[0]", "in lower case"),
    "a host with the star inside": (tenant(ingress={"hosts": ["a.*.com"]}), "spec.ingress.hosts[0]", "*.example.com"),
    "a type that Services do not have": (
        tenant(services={"types": ["Public"]}),
        "spec.services.types[0]",
        '"ClusterIP"',
    ),
    "an unknown field": (tenant(spaces={"limits": 3}), "spec.spaces.limits", "unknown field"),
    "an unknown field of a member": (members(GROUP | {"email": "x"}), "spec.members[0].email", "unknown field"),
}


@pytest.mark.parametrize("what", RIGHT)
async def test_a_right_manifest_is_taken(api, what):
    await api.create(resource.TENANTS, RIGHT[what], dry_run=True, strict=True)


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_manifest_is_refused_by_field_and_with_the_fix(api, what):
    manifest, where, fix = WRONG[what]

    with pytest.raises(ApiError) as refusal:
        await api.create(resource.TENANTS, manifest, dry_run=True, strict=True)

    assert refusal.value.status in (400, 422)
    assert where in refusal.value.message
    assert fix in refusal.value.message


async def test_the_largest_tenant_fits_into_the_cost_budget_of_a_request(api):
    long = {f"example.com/{i:02}{'e' * 50}": "12345678901234567890" for i in range(64)}
    amounts = {f"{'e' * 60}.com/x{i:02}{'n' * 60}": "12345678901234567890" for i in range(64)}
    largest = tenant(
        "a" * 40,
        members=[
            {
                "role": "r" * 63,
                "iamRole": f"arn:aws:iam::123456789012:role/{'x' * 400}",
                "username": f"{'u' * 200}:{{{{SessionName}}}}",
            }
        ]
        * 200,
        spaces={"limit": 500, "declared": [f"space-{i:03}-{'x' * 30}" for i in range(500)]},
        quota={"hard": amounts, "space": {"min": amounts, "max": amounts}},
        limits=[
            {"type": "Container", "default": long, "defaultRequest": long, "min": long, "max": long},
            {"type": "Pod", "min": long, "max": long},
            {"type": "PersistentVolumeClaim", "min": long, "max": {"storage": "1"}},
        ],
        network={
            way: [{"cidr": "10.0.0.0/8", "except": [f"10.{i}.0.0/16" for i in range(20)]}] * 50
            for way in ("from", "to")
        },
        pods={"registries": ["r" * 254 + "/"] * 50, "priorityClasses": ["p" * 253] * 50},
        ingress={"hosts": ["*." + "h" * 200] * 100},
        serviceAccounts={"iamRoles": [ARN] * 50},
    )

    await api.create(resource.TENANTS, largest, dry_run=True, strict=True)


async def test_a_profile_takes_rules_but_no_members(api):
    profile = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "TenantProfile", "metadata": {"name": "standard"}}
    rules = {"spaces": {"limit": 3}, "pods": {"security": "baseline"}}

    await api.create(resource.TENANT_PROFILES, profile | {"spec": rules}, dry_run=True, strict=True)
    for extra in ({"members": [GROUP]}, {"displayName": "x"}, {"spaces": {"declared": ["dev"]}}):
        with pytest.raises(ApiError, match="unknown field"):
            await api.create(resource.TENANT_PROFILES, profile | {"spec": extra}, dry_run=True, strict=True)


def space(name: str = "dev", **spec) -> dict:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Space", "metadata": metadata, "spec": spec}


SPACES = {
    "a name of 51 characters": (space("a" * 51), "metadata.name", "at most 50 characters"),
    "a name with a dot": (space("a.b"), "metadata.name", "without a dot"),
    "a namespace in capitals": (space(namespace="Legacy"), "spec.namespace", "a-z, 0-9 and -"),
    "a namespace too long": (space(namespace="a" * 64), "spec.namespace", "63"),
    "a quota that is none": (space(quota={"max": {"pods": "x"}}), "spec.quota.max[pods]", "such as 500m"),
    "a floor above the ceiling": (
        space(quota={"min": {"pods": 2}, "max": {"pods": 1}}),
        "spec.quota.min",
        "exceed max",
    ),
    "an unknown deletion policy": (space(deletionPolicy="Keep"), "spec.deletionPolicy", '"Delete", "Orphan"'),
}


@pytest.mark.parametrize("what", SPACES)
async def test_a_wrong_space_is_refused_by_field_and_with_the_fix(api, what):
    manifest, where, fix = SPACES[what]

    with pytest.raises(ApiError) as refusal:
        await api.create(resource.SPACES, manifest, dry_run=True, strict=True)

    assert where in refusal.value.message
    assert fix in refusal.value.message


async def test_the_adopted_namespace_of_a_space_never_changes(api):
    await api.create(resource.SPACES, space("adopting", namespace="legacy"))
    await api.create(resource.SPACES, space("plain"))
    try:
        for name, spec in (
            ("adopting", {"namespace": "other"}),
            ("adopting", {"namespace": None}),
            ("plain", {"namespace": "kube-system"}),
        ):
            with pytest.raises(ApiError, match=r"spec.namespace cannot be changed; delete the Space"):
                await api.merge(resource.SPACES, name, {"spec": spec}, "default")
        with pytest.raises(ApiError, match=r"spec.namespace cannot be changed"):
            await api.merge(resource.SPACES, "adopting", {"spec": None}, "default")
        await api.merge(resource.SPACES, "adopting", {"spec": {"quota": {"max": {"pods": 3}}}}, "default")
        await api.merge(resource.SPACES, "plain", {"spec": None}, "default")
    finally:
        for name in ("adopting", "plain"):
            await api.delete(resource.SPACES, name, "default")


async def test_status_is_written_apart_from_spec(api):
    await api.create(resource.TENANTS, tenant("apart", displayName="before"))
    try:
        both = {"spec": {"displayName": "after"}, "status": {"home": "home-apart"}}
        await api.merge(resource.TENANTS, "apart", both, subresource="status")
        found = await api.get(resource.TENANTS, "apart")
        assert (found["spec"]["displayName"], found["status"]["home"]) == ("before", "home-apart")
        assert found["metadata"]["generation"] == 1
    finally:
        await api.delete(resource.TENANTS, "apart")


async def test_conditions_of_a_status_are_one_a_type(api):
    await api.create(resource.TENANTS, tenant("conditions"))
    ready = {"type": "Ready", "status": "True", "reason": "Fine", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    try:
        twice = {"status": {"conditions": [ready, ready]}}
        with pytest.raises(ApiError, match="Duplicate value"):
            await api.merge(resource.TENANTS, "conditions", twice, subresource="status")
        await api.merge(resource.TENANTS, "conditions", {"status": {"conditions": [ready]}}, subresource="status")
    finally:
        await api.delete(resource.TENANTS, "conditions")


async def test_another_manager_of_a_field_is_named(api):
    await api.apply(resource.TENANTS, tenant("owned", displayName="a"), manager="gitops")
    try:
        with pytest.raises(Conflict, match="gitops"):
            await api.apply(resource.TENANTS, tenant("owned", displayName="b"), manager="somebody", force=False)
    finally:
        await api.delete(resource.TENANTS, "owned")
