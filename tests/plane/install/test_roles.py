"""What each role may do, asked of the API server's own authorizer."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource

pytestmark = pytest.mark.cluster
R, W = "get list watch", "create update patch delete deletecollection"
EVERYBODY = ("owner", "editor", "viewer")
WRITERS = ("owner", "editor")

# verbs, group, resource[/subresource], the roles that may; everybody else may not.
SPACE_TABLE = [
    (R, "", "pods", EVERYBODY),
    (R, "", "pods/log", EVERYBODY),
    (R, "", "configmaps", EVERYBODY),
    (R, "apps", "deployments", EVERYBODY),
    (R, "", "resourcequotas", EVERYBODY),
    (R, "", "limitranges", EVERYBODY),
    (R, "networking.k8s.io", "networkpolicies", EVERYBODY),
    (R, "rbac.authorization.k8s.io", "rolebindings", EVERYBODY),
    (R, "cotenant.dev", "spacepolicies", EVERYBODY),
    (R, "events.k8s.io", "events", EVERYBODY),
    ("get", "", "namespaces", EVERYBODY),
    (W, "", "pods", WRITERS),
    (W, "apps", "deployments", WRITERS),
    (W, "apps", "daemonsets", WRITERS),
    (W, "batch", "cronjobs", WRITERS),
    (W, "", "services", WRITERS),
    (W, "", "serviceaccounts", WRITERS),
    (R + " " + W, "", "secrets", WRITERS),
    (W, "networking.k8s.io", "ingresses", WRITERS),
    ("patch update", "apps", "deployments/scale", WRITERS),
    ("get create", "", "pods/exec", WRITERS),
    ("create", "", "pods/eviction", WRITERS),
    ("patch update", "", "pods/ephemeralcontainers", WRITERS),
    ("patch update", "", "pods/resize", WRITERS),
    ("create", "", "serviceaccounts/token", ("owner",)),
    ("list watch create update patch delete", "", "namespaces", ()),
    (W, "networking.k8s.io", "networkpolicies", ()),
    (W, "", "resourcequotas", ()),
    ("update patch", "", "resourcequotas/status", ()),
    (W, "", "limitranges", ()),
    (R, "rbac.authorization.k8s.io", "roles", EVERYBODY),
    ("create update patch delete", "rbac.authorization.k8s.io", "roles", ("owner",)),
    ("create update patch delete", "rbac.authorization.k8s.io", "rolebindings", ("owner",)),
    ("deletecollection", "rbac.authorization.k8s.io", "roles", ()),
    ("deletecollection", "rbac.authorization.k8s.io", "rolebindings", ()),
    ("bind escalate", "rbac.authorization.k8s.io", "roles", ()),
    ("bind escalate", "rbac.authorization.k8s.io", "clusterroles", ()),
    ("impersonate", "", "serviceaccounts", ()),
    (W, "", "endpoints", ()),
    (W, "discovery.k8s.io", "endpointslices", ()),
    ("create", "", "pods/binding", ()),
    ("create", "", "bindings", ()),
    ("get create", "", "pods/proxy", ()),
    ("get create", "", "services/proxy", ()),
    ("update patch", "", "services/status", ()),
    ("update patch", "", "pods/status", ()),
    (W, "cotenant.dev", "spacepolicies", ()),
    (R + " " + W, "cotenant.dev", "spaces", ()),
    (R + " " + W, "cotenant.dev", "tenants", ()),
    (W, "apiextensions.k8s.io", "customresourcedefinitions", ()),
    (W, "admissionregistration.k8s.io", "validatingadmissionpolicies", ()),
    (R, "", "nodes", ()),
]
HOME_TABLE = [
    (R, "cotenant.dev", "spaces", EVERYBODY),
    (R, "cotenant.dev", "spacepolicies", EVERYBODY),
    (R, "cotenant.dev", "tenantledgers", EVERYBODY),
    (W, "cotenant.dev", "tenantledgers", ()),
    (R, "", "resourcequotas", EVERYBODY),
    (R, "", "events", EVERYBODY),
    ("get", "", "namespaces", EVERYBODY),
    ("create update patch delete", "cotenant.dev", "spaces", ("owner",)),
    ("deletecollection", "cotenant.dev", "spaces", ()),
    ("update patch", "cotenant.dev", "spaces/status", ()),
    ("update", "cotenant.dev", "spaces/finalizers", ()),
    (W, "cotenant.dev", "spacepolicies", ()),
    (R + " " + W, "", "pods", ()),
    (R + " " + W, "", "configmaps", ()),
    (R + " " + W, "", "secrets", ()),
    (R + " " + W, "apps", "deployments", ()),
    (R + " " + W, "rbac.authorization.k8s.io", "roles", ()),
    (R + " " + W, "rbac.authorization.k8s.io", "rolebindings", ()),
    (W, "", "resourcequotas", ()),
    ("create", "", "serviceaccounts/token", ()),
]


IN_A_SPACE = {role: f"cotenant:{role}" for role in EVERYBODY}
IN_THE_HOME = {role: "cotenant:home-owner" if role == "owner" else "cotenant:home-viewer" for role in EVERYBODY}
"""As the operator binds them where spaces.create is [owner]."""


@pytest.mark.parametrize(("bound", "table"), [(IN_A_SPACE, SPACE_TABLE), (IN_THE_HOME, HOME_TABLE)])
async def test_each_role_may_what_the_table_says_and_nothing_else(admin, installed, make_namespace, bound, table):
    namespace = await make_namespace("acme")
    for role in EVERYBODY:
        await admin.create(
            resource.ROLE_BINDINGS,
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role, "namespace": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": bound[role]},
                "subjects": [{"kind": "User", "name": f"the-{role}", "apiGroup": "rbac.authorization.k8s.io"}],
            },
        )
    for role in EVERYBODY:
        await heard(admin, f"the-{role}", namespace)

    questions = [
        (role, verb, group, what, role in roles)
        for verbs, group, what, roles in table
        for verb in verbs.split()
        for role in EVERYBODY
    ]
    answers = await asyncio.gather(*(may(admin, f"the-{q[0]}", namespace, *q[1:4]) for q in questions))

    wrong = [question for question, answer in zip(questions, answers, strict=True) if question[4] != answer]
    assert wrong == []


async def heard(admin, user: str, namespace: str) -> None:
    """Returns once somebody's binding in a namespace counts: the authorizer reads them from a cache."""
    async with asyncio.timeout(120):
        while not await may(admin, user, namespace, "get", "", "namespaces"):
            await asyncio.sleep(0.05)


async def may(admin, user: str, namespace: str, verb: str, group: str, what: str) -> bool:
    kind, _, subresource = what.partition("/")
    attributes = {"verb": verb, "group": group, "resource": kind, "subresource": subresource, "namespace": namespace}
    attributes["name"] = namespace if kind == "namespaces" else ""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    return (await admin.create(resource.SUBJECT_ACCESS_REVIEWS, review))["status"].get("allowed", False)


async def test_a_role_in_one_namespace_is_nothing_in_another(admin, installed, make_namespace):
    here, there = await make_namespace("acme"), await make_namespace("other")
    await admin.create(
        resource.ROLE_BINDINGS,
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "owner", "namespace": here},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cotenant:owner"},
            "subjects": [{"kind": "User", "name": "zoe", "apiGroup": "rbac.authorization.k8s.io"}],
        },
    )
    await heard(admin, "zoe", here)

    assert await may(admin, "zoe", here, "get", "", "namespaces")
    assert await may(admin, "zoe", here, "delete", "", "pods")
    assert not await may(admin, "zoe", there, "get", "", "namespaces")
    assert not await may(admin, "zoe", there, "get", "", "pods")
    assert not await may(admin, "zoe", "", "list", "", "pods")
