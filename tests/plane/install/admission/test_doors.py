"""How a tenant is reached: Services, Ingresses, and the names that lead to them."""

from __future__ import annotations

import asyncio

import pytest

from plane.install.admission.conftest import STRICT
from plane.install.admission.place import Manifest, passes, refused

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
DNS = "external-dns.alpha.kubernetes.io/hostname"
LB = "service.beta.kubernetes.io/aws-load-balancer-"
ALB, NGINX = "alb.ingress.kubernetes.io/", "nginx.ingress.kubernetes.io/"


def service(notes: Manifest | None = None, **spec) -> Manifest:
    ports = [{"port": 80}]
    return {"metadata": {"annotations": notes or {}}, "spec": {"ports": ports, "selector": {"a": "b"}, **spec}}


def ingress(
    host: str | None = "app.acme.example.com", notes: Manifest | None = None, path: str = "/", **spec
) -> Manifest:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    rule: Manifest = {"http": {"paths": [{"path": path, "pathType": "ImplementationSpecific", "backend": backend}]}}
    if host:
        rule["host"] = host
    body = {"ingressClassName": "alb", "rules": [rule], **spec}
    return {"metadata": {"annotations": notes or {}}, "spec": {k: v for k, v in body.items() if v is not None}}


SERVICES = {
    "NodePort": (service(type="NodePort"), "COTENANT-SERVICE-1", "NodePort", "ClusterIP, LoadBalancer"),
    "ExternalName": (service(type="ExternalName", externalName="b.svc"), "COTENANT-SERVICE-1", "ExternalName"),
    "CVE-2020-8554": (service(externalIPs=["203.0.113.1"]), "COTENANT-SERVICE-2", "203.0.113.1"),
    "CVE-2020-8554 of a balancer": (service(type="LoadBalancer", externalIPs=["1.2.3.4"]), "COTENANT-SERVICE-2"),
    "a security group without a name": (service({f"{LB}security-groups": ""}), "COTENANT-SERVICE-3", "security-groups"),
    "a security group": (service({f"{LB}security-groups": "sg-1"}), "COTENANT-SERVICE-3", "security-groups"),
    "one that is not known": (service({f"{LB}of-tomorrow": "x"}), "COTENANT-SERVICE-3", "of-tomorrow"),
    "a log-in for an Ingress": (service({f"{ALB}auth-type": "cognito"}), "COTENANT-SERVICE-3", "auth-type"),
    "a name of others": (
        service({DNS: "www.example.com"}),
        "COTENANT-SERVICE-4",
        "www.example.com",
        "*.acme.example.com",
    ),
    "one of two names": (service({DNS: "a.acme.example.com, b.example.com"}), "COTENANT-SERVICE-4"),
    "a name inside": (
        service({"external-dns.alpha.kubernetes.io/internal-hostname": "b.example.com"}),
        "COTENANT-SERVICE-4",
    ),
}
GOOD_SERVICES = {
    "plain": service(),
    "headless": service(clusterIP="None"),
    "LoadBalancer": service({f"{LB}scheme": "internal", f"{LB}type": "external"}, type="LoadBalancer"),
    "target groups of an Ingress": service({f"{ALB}healthcheck-path": "/live", f"{ALB}target-type": "ip"}),
    "its own names": service({DNS: "a.acme.example.com, acme.example.org"}),
    "notes of its own": service({"team": "blue", "example.com/service.beta": "x"}),
}
INGRESSES = {
    "another class": (ingress(ingressClassName="nginx"), "COTENANT-INGRESS-1", "nginx", "alb"),
    "no class": (ingress(ingressClassName=None), "COTENANT-INGRESS-1"),
    "the old annotation": (
        ingress(notes={"kubernetes.io/ingress.class": "nginx"}, ingressClassName=None),
        "COTENANT-INGRESS-1",
        "nginx",
    ),
    "the old annotation of an allowed class": (
        ingress(notes={"kubernetes.io/ingress.class": "alb"}, ingressClassName=None),
        "COTENANT-INGRESS-1",
        "old annotation",
    ),
    "a path that ends a line": (ingress(path="/a;}x {"), "COTENANT-INGRESS-6", "/a;}x {"),
    "a note that ends a line": (ingress(notes={f"{NGINX}rewrite-target": "/$1;\n}"}), "COTENANT-INGRESS-6", "/$1; }"),
    "every host": (ingress(host=None), "COTENANT-INGRESS-2"),
    "a default backend": (
        ingress(defaultBackend={"service": {"name": "s", "port": {"number": 80}}}),
        "COTENANT-INGRESS-2",
    ),
    "a default backend alone": (
        ingress(rules=None, defaultBackend={"service": {"name": "s", "port": {"number": 80}}}),
        "COTENANT-INGRESS-2",
    ),
    "a host of others": (ingress("www.example.com"), "COTENANT-INGRESS-3", "www.example.com", "*.acme.example.com"),
    "a host that ends alike": (ingress("evilacme.example.org"), "COTENANT-INGRESS-3"),
    "two labels more": (ingress("a.b.acme.example.com"), "COTENANT-INGRESS-3"),
    "the suffix itself": (ingress("acme.example.com"), "COTENANT-INGRESS-3"),
    "a wider wildcard": (ingress("*.example.com"), "COTENANT-INGRESS-3"),
    "a certificate for others": (
        ingress(tls=[{"hosts": ["app.acme.example.com", "www.example.com"], "secretName": "t"}]),
        "COTENANT-INGRESS-3",
        "www.example.com",
    ),
    "a group of balancers": (ingress(notes={f"{ALB}group.name": "shared"}), "COTENANT-INGRESS-4", "group.name"),
    "actions that lead anywhere": (ingress(notes={f"{ALB}actions.x": "{}"}), "COTENANT-INGRESS-4"),
    "a snippet": (ingress(notes={f"{NGINX}server-snippet": "x"}), "COTENANT-INGRESS-4", "server-snippet"),
    "an alias": (ingress(notes={f"{NGINX}server-alias": "www.example.com"}), "COTENANT-INGRESS-4"),
    "a name of others": (ingress(notes={DNS: "www.example.com"}), "COTENANT-INGRESS-5", "www.example.com"),
}
GOOD_INGRESSES = {
    "one label more": ingress(),
    "the host without wildcard": ingress("acme.example.org"),
    "the wildcard itself": ingress("*.acme.example.com"),
    "certificates": ingress(tls=[{"hosts": ["app.acme.example.com"], "secretName": "t"}]),
    "its own balancer": ingress(notes={f"{ALB}scheme": "internal", f"{ALB}target-type": "ip"}),
    "its own name": ingress(notes={DNS: "app.acme.example.com"}),
}


@pytest.mark.parametrize("case", SERVICES)
async def test_a_service_that_breaks_a_rule_is_refused(strict, case):
    body, rule, *words = SERVICES[case]

    refused(await strict.ask("services", body), rule, *words)


@pytest.mark.parametrize("case", GOOD_SERVICES)
async def test_a_legitimate_service_passes(strict, case):
    passes(await strict.ask("services", GOOD_SERVICES[case]))


@pytest.mark.parametrize("case", INGRESSES)
async def test_an_ingress_that_breaks_a_rule_is_refused(strict, case):
    body, rule, *words = INGRESSES[case]

    refused(await strict.ask("ingresses", body), rule, *words)


@pytest.mark.parametrize("case", GOOD_INGRESSES)
async def test_a_legitimate_ingress_passes(strict, case):
    passes(await strict.ask("ingresses", GOOD_INGRESSES[case]))


async def test_by_default_no_host_is_a_tenants_and_only_cluster_ip_is(free):
    refused(await free.ask("ingresses", ingress("app.example.com", ingressClassName=None)), "COTENANT-INGRESS-3")
    refused(await free.ask("services", service({DNS: "app.example.com"})), "COTENANT-SERVICE-4")
    refused(await free.ask("services", service(type="LoadBalancer")), "COTENANT-SERVICE-1", "ClusterIP")
    passes(await free.ask("services", service()))


async def test_a_service_does_not_become_afterwards_what_it_may_not_be(strict):
    passes(await strict.ask("services", service() | {"metadata": {"name": "web"}}, dry=False))

    for patch, rule in (
        ({"spec": {"type": "NodePort"}}, "COTENANT-SERVICE-1"),
        ({"spec": {"type": "ExternalName", "externalName": "b.svc", "clusterIP": None}}, "COTENANT-SERVICE-1"),
        ({"spec": {"externalIPs": ["203.0.113.1"]}}, "COTENANT-SERVICE-2"),
        ({"metadata": {"annotations": {DNS: "www.example.com"}}}, "COTENANT-SERVICE-4"),
    ):
        answer = await strict.ask("services", patch, name="web", method="PATCH", content_type=MERGE)
        refused(answer, rule)
    for patch in ({"spec": {"selector": {"c": "d"}}}, {"metadata": {"labels": {"team": "blue"}}}):
        passes(await strict.ask("services", patch, name="web", method="PATCH", content_type=MERGE))


async def test_the_controller_of_a_load_balancer_is_one_that_the_tenant_may_name_where_it_says_so(strict, make_place):
    """Where no such list is, any is."""
    nlb, public = "service.k8s.aws/nlb", "example.com/public"
    passes(await strict.ask("services", service(type="LoadBalancer", loadBalancerClass=public)))
    place = await make_place(
        "admission-balancers", STRICT | {"services": STRICT["services"] | {"loadBalancerClasses": [nlb]}}
    )
    async with asyncio.timeout(20):
        while not (await place.ask("services", service())).ok:
            await asyncio.sleep(0.05)

    refused(
        await place.ask("services", service(type="LoadBalancer", loadBalancerClass=public)),
        "COTENANT-SERVICE-5",
        public,
        nlb,
    )
    refused(await place.ask("services", service(type="LoadBalancer")), "COTENANT-SERVICE-5", "loadBalancerClass none")
    balanced = service(type="LoadBalancer", loadBalancerClass=nlb) | {"metadata": {"name": "balanced"}}
    passes(await place.ask("services", balanced, dry=False))
    passes(await place.ask("services", service() | {"metadata": {"name": "plain"}}, dry=False))
    how = {"method": "PATCH", "content_type": MERGE}
    passes(await place.ask("services", {"spec": {"selector": {"c": "d"}}}, name="balanced", **how))
    other = {"spec": {"type": "LoadBalancer", "loadBalancerClass": public}}
    refused(await place.ask("services", other, name="plain", **how), "COTENANT-SERVICE-5")


async def test_what_breaks_a_rule_already_can_still_be_let_go_of(strict, operator, make_place):
    place = await make_place("admission-doors", None)
    from plane.install.admission.conftest import FREE, policy_of

    generous = FREE | {"services": {"types": ["NodePort"]}}
    passes(await place.ask("spacepolicies", policy_of(place.namespace, generous), by=operator, dry=False))
    body = service(type="NodePort")
    body["metadata"] |= {"name": "old", "finalizers": ["example.com/mine"]}
    passes(await place.ask("services", body, dry=False, by=place.admin))
    tight = {"spec": {"services": {"types": ["ClusterIP"]}}}
    patched = {"name": "policy", "method": "PATCH", "content_type": MERGE, "by": operator, "dry": False}
    passes(await place.ask("spacepolicies", tight, **patched))

    passes(
        await place.ask(
            "services",
            {"metadata": {"finalizers": None}},
            name="old",
            method="PATCH",
            content_type=MERGE,
            dry=False,
            by=place.admin,
        )
    )
    how = {"name": "old", "method": "PATCH", "content_type": MERGE}
    passes(await place.ask("services", {"spec": {"selector": {"c": "d"}}}, **how))
    refused(await place.ask("services", {"spec": {"type": "LoadBalancer"}}, **how), "COTENANT-SERVICE-1")


async def test_the_class_is_not_changed_afterwards_by_the_old_annotation(strict):
    passes(await strict.ask("ingresses", ingress() | {"metadata": {"name": "classed"}}, dry=False))
    how = {"name": "classed", "method": "PATCH", "content_type": MERGE}
    public = {"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx-public"}}}

    refused(await strict.ask("ingresses", public, **how), "COTENANT-INGRESS-1", "nginx-public")
    passes(await strict.ask("ingresses", {"metadata": {"annotations": {"team": "blue"}}}, **how))
