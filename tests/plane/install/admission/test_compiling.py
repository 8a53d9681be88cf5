"""The policies as such: types that fit, and a price that can be paid."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import re
import time
from collections.abc import AsyncIterator

import pytest

from cotenant.kube import resource
from cotenant.model.platform import Platform
from cotenant.render.install import deny
from cotenant.render.install.admission import admission, admission_policies
from plane.install.admission.place import Manifest, passes, pod

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"


async def checked(admin, name: str) -> Manifest:
    """The status of a policy once its expressions were checked against the types that it matches."""
    async with asyncio.timeout(30):
        while True:
            found = await admin.get(resource.VALIDATING_POLICIES, name)
            status = found.get("status", {})
            if status.get("observedGeneration") == found["metadata"]["generation"] and "typeChecking" in status:
                return status["typeChecking"]
            await asyncio.sleep(0.1)


async def test_every_expression_fits_the_types_that_it_is_about(admin, installed):
    for manifest in deny(Platform()):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            name = manifest["metadata"]["name"]
            assert await checked(admin, name) == {}, name


async def test_so_does_what_the_variables_hold_which_kubernetes_does_not_check_by_itself(admin, installed):
    for manifest in admission(Platform()):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            found = await types_of(admin, multiplied(manifest, 1))
            assert found == {}, (manifest["metadata"]["name"], found)


async def test_the_check_would_find_a_field_that_is_none(admin, installed):
    policy = copy.deepcopy(next(one for one in admission(Platform()) if one["metadata"]["name"] == "cotenant-pods"))
    policy["spec"]["variables"][0]["expression"] = "object.spec.noSuchField"

    assert "noSuchField" in json.dumps(await types_of(admin, multiplied(policy, 1)))


async def types_of(admin, policy: Manifest) -> Manifest:
    """What the check says of a policy that is never bound."""
    policy["metadata"]["name"] = "probe-types"
    await admin.create(resource.VALIDATING_POLICIES, policy)
    try:
        return await checked(admin, "probe-types")
    finally:
        await admin.delete(resource.VALIDATING_POLICIES, "probe-types")


def test_there_are_at_most_fifteen_policies_and_one_binding_for_each_thing_they_do_whatever_the_number_of_tenants():
    policies = [one for one in deny(Platform()) if one["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [one for one in deny(Platform()) if one["kind"] == "ValidatingAdmissionPolicyBinding"]

    assert len(policies) <= 15
    # Refuse what is new, refuse updates, warn, audit.
    assert all(sum(one["spec"]["policyName"] == name for one in bindings) <= 4 for name in names_of(policies))
    assert len(bindings) <= 41


def names_of(manifests: list[Manifest]) -> list[str]:
    return [one["metadata"]["name"] for one in manifests]


def largest() -> Manifest:
    """A SpacePolicy as large as its schema lets it be."""
    words = lambda number, length, tail="": [  # noqa: E731 - local
        f"{index:03d}{'x' * (length - 3 - len(tail))}{tail}" for index in range(number)
    ]
    arns = [f"arn:aws:iam::111122223333:role/{word}" for word in words(50, 470, "*")]
    return {
        "pods": {
            "registries": words(50, 255, "/"),
            "priorityClasses": words(50, 253),
            "runtimeClasses": words(50, 253),
            "schedulers": words(50, 253),
            "csiDrivers": words(50, 253),
            "userNamespaces": True,
            "allowExec": True,
        },
        "nodes": {"pool": "p" * 63, "dedicated": True, "tolerations": words(50, 317)},
        "services": {
            "types": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
            "loadBalancerClasses": [f"{word}/{'n' * 63}" for word in words(50, 253)],
        },
        "ingress": {"classes": words(50, 253), "hosts": [f"*.{word}" for word in words(100, 251)]},
        "storage": {"classes": words(50, 253)},
        "serviceAccounts": {"iamRoles": arns},
    }


def multiplied(policy: Manifest, times: int) -> Manifest:
    """The policy with what decides evaluated so many times: its condition, and its verdict with the variables written out.

    What asks the authorizer is left out.
    """
    found = copy.deepcopy(policy)
    spec = found["spec"]
    values: dict[str, str] = {}
    for one in spec["variables"]:
        values[one["name"]] = inlined(one["expression"], values)
    often = ", ".join(map(str, range(times)))
    decisions = (spec.pop("matchConditions")[0]["expression"], f"({values['broken']}) == ''")
    spec["variables"] = []
    spec["auditAnnotations"] = []
    spec["validations"] = [
        {"expression": f"[{often}].all(turn, ({one}) || turn >= 0)", "reason": "Forbidden", "message": "never"}
        for one in decisions
    ]
    return found


def inlined(expression: str, values: dict[str, str]) -> str:
    return re.sub(r"variables\.(\w+)", lambda match: f"({values[match[1]]})", expression)


def requests() -> dict[str, tuple[str, Manifest]]:
    """The dearest that is still usual, of each policy: 20 containers, 20 tolerations, 20 hosts, all of them good."""
    policy = largest()
    registry, hosts = policy["pods"]["registries"][-1], [f"a{one[1:]}" for one in policy["ingress"]["hosts"][-20:]]
    spec = pod(
        containers=[{"name": f"c{number}", "image": f"{registry}app:{number}"} for number in range(10)],
        initContainers=[{"name": f"i{number}", "image": f"{registry}app:{number}"} for number in range(10)],
        nodeSelector={"node-restriction.kubernetes.io/cotenant-pool": "p" * 63},
        tolerations=[
            {"key": "node.kubernetes.io/x", "operator": "Equal", "value": str(number)} for number in range(20)
        ],
        affinity={
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": f"t{number}", "labelSelector": {}} for number in range(10)
                ]
            }
        },
    )
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    rules = [
        {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}} for host in hosts
    ]
    notes = {f"alb.ingress.kubernetes.io/{name}": "x" for name in ("success-codes", "scheme", "listen-ports")}
    ingress = {"metadata": {"annotations": notes}, "spec": {"ingressClassName": policy["ingress"]["classes"][-1]}}
    ingress["spec"] |= {"rules": rules, "tls": [{"hosts": hosts, "secretName": "t"}]}
    arn = policy["serviceAccounts"]["iamRoles"][-1].replace("*", "a")
    from plane.install.admission.place import template

    return {
        "cotenant-pods": ("pods", spec),
        "cotenant-workloads": ("cronjobs", template("cronjobs", spec)),
        "cotenant-services": (
            "services",
            {
                "metadata": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": ",".join(hosts)}},
                "spec": {
                    "type": "LoadBalancer",
                    "loadBalancerClass": policy["services"]["loadBalancerClasses"][-1],
                    "ports": [{"port": 80}],
                },
            },
        ),
        "cotenant-ingresses": ("ingresses", ingress),
        "cotenant-volumes": (
            "persistentvolumeclaims",
            {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                    "storageClassName": policy["storage"]["classes"][-1],
                }
            },
        ),
        "cotenant-accounts": ("serviceaccounts", {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": arn}}}),
    }


async def test_each_policy_costs_less_than_a_tenth_of_the_budget_at_the_largest_space_policy(make_place, admin):
    place = await make_place("admission-largest", largest())
    async with asyncio.timeout(20):
        while not (await place.ask("serviceaccounts", name="default", method="GET", dry=False)).ok:
            await asyncio.sleep(0.05)
    for what, body in requests().values():
        passes(await place.ask(what, body))
    manifests = {one["metadata"]["name"]: one for one in admission(Platform()) if "variables" in one["spec"]}
    probed = [one.name for one in admission_policies(Platform()) if one.name in requests()]
    assert len(probed) == 6

    async with probes(place, [multiplied(manifests[name], 10) for name in probed]):
        for name in probed:
            what, body = requests()[name]
            await until(place, what, marked(body, name), f"probe {name}")
            passes(await place.ask(what, body))
    what, body = requests()["cotenant-pods"]
    async with probes(place, [multiplied(manifests["cotenant-pods"], 1000)]):
        await until(place, what, body, " cost ")


@contextlib.asynccontextmanager
async def probes(place, policies: list[Manifest]) -> AsyncIterator[None]:
    """Binds them for a while; each refuses also what bears its name as a mark, by which one sees that it is in force."""
    bound = []
    try:
        for policy in policies:
            name = policy["metadata"]["name"]
            mark = f"object.metadata.?labels[?'probe'].orValue('') != '{name}'"
            policy["spec"]["validations"].append({"expression": mark, "message": f"probe {name}"})
            policy["metadata"]["name"] = f"probe-{len(policies)}-{name}"
            binding = {
                "apiVersion": policy["apiVersion"],
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": policy["metadata"]["name"]},
                "spec": {
                    "policyName": policy["metadata"]["name"],
                    "validationActions": ["Deny"],
                    "paramRef": {"name": "policy", "parameterNotFoundAction": "Deny"},
                    "matchResources": {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}
                    },
                },
            }
            for kind, one in ((resource.VALIDATING_POLICIES, policy), (resource.VALIDATING_POLICY_BINDINGS, binding)):
                await place.admin.create(kind, one)
                bound.append((kind, one["metadata"]["name"]))
        yield
    finally:
        for kind, name in reversed(bound):
            await place.admin.delete(kind, name)


def marked(body: Manifest, name: str) -> Manifest:
    metadata = body.get("metadata", {})
    return body | {"metadata": metadata | {"labels": metadata.get("labels", {}) | {"probe": name}}}


async def until(place, what: str, body: Manifest, said: str) -> None:
    """Returns once it is refused in these words: an API server hears late of policies where much else runs."""
    deadline = time.monotonic() + 60
    while said not in (answer := await place.ask(what, body)).message:
        assert time.monotonic() < deadline, f"{what}: {answer.status} {answer.message[-500:]}"
        await asyncio.sleep(0.1)
