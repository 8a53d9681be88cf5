"""Services, Ingresses and routes: how a tenant is reached, and under which names."""

from __future__ import annotations

import json

from cotenant.render.install.admission.authority import WHAT
from cotenant.render.install.admission.rule import Policy, Rule, kinds, named, several, short, told

_ASK = "a platform administrator changes {} of the Tenant"
_HOSTS = "params.spec.ingress.?hosts.orValue([])"
TOLD_HOSTS = several(_HOSTS)
_NOTES = "object.metadata.?annotations.orValue({})"
_OLD_NOTES = "(oldObject == null ? {} : oldObject.metadata.?annotations.orValue({}))"
_CHANGED = (
    "request.operation == 'CREATE' || object.spec != oldObject.spec || "
    f"{_NOTES} != oldObject.metadata.?annotations.orValue({{}})"
)
# What of the annotations of known controllers stays within the tenant's own entry point. A list of what is allowed:
# each version of a controller knows more of them, and a list of what is refused would let the new ones through.
# The AWS controller reads what it says of target groups from Services as well.
_TARGET_NOTES = [
    f"alb.ingress.kubernetes.io/{name}"
    for name in (
        "target-type", "backend-protocol", "backend-protocol-version", "target-group-attributes", "target-node-labels",
        "healthcheck-protocol", "healthcheck-port", "healthcheck-path", "healthcheck-interval-seconds",
        "healthcheck-timeout-seconds", "healthy-threshold-count", "unhealthy-threshold-count", "success-codes",
    )
]  # fmt: skip
SERVICE_NOTES = [*_TARGET_NOTES, "service.beta.kubernetes.io/load-balancer-source-ranges"] + [
    f"service.beta.kubernetes.io/aws-load-balancer-{name}"
    for name in (
        "type", "scheme", "internal", "nlb-target-type", "backend-protocol", "proxy-protocol", "ip-address-type",
        "cross-zone-load-balancing-enabled", "connection-idle-timeout", "connection-draining-enabled",
        "connection-draining-timeout", "target-group-attributes", "healthcheck-protocol", "healthcheck-port",
        "healthcheck-path", "healthcheck-interval", "healthcheck-timeout", "healthcheck-healthy-threshold",
        "healthcheck-unhealthy-threshold", "healthcheck-success-codes",
    )
]  # fmt: skip
INGRESS_NOTES = [
    *_TARGET_NOTES,
    *(
        f"alb.ingress.kubernetes.io/{name}"
        for name in (
            "scheme", "ip-address-type", "listen-ports", "ssl-redirect", "certificate-arn", "ssl-policy", "inbound-cidrs",
        )
    ),
    *(
        f"nginx.ingress.kubernetes.io/{name}"
        for name in (
            "rewrite-target", "app-root", "use-regex", "ssl-redirect", "force-ssl-redirect", "backend-protocol",
            "proxy-body-size", "proxy-connect-timeout", "proxy-read-timeout", "proxy-send-timeout", "proxy-buffering",
            "proxy-buffer-size", "affinity", "affinity-mode", "session-cookie-name", "session-cookie-path",
            "session-cookie-max-age", "limit-rps", "limit-connections", "whitelist-source-range", "enable-cors",
            "cors-allow-origin", "cors-allow-methods", "cors-allow-headers", "cors-allow-credentials",
        )
    ),
]  # fmt: skip


def served(host: str) -> str:
    """CEL: whether a host name is the tenant's. `*.a.example` allows exactly one label more, and itself.

    The name's own wildcard is looked up, which costs a hundredth of comparing it with every pattern.
    """
    wildcard = f"'*' + {host}.substring({host}.indexOf('.'))"
    return f"({host} in {_HOSTS} || ({host}.indexOf('.') > 0 && ({wildcard}) in {_HOSTS}))"


def _told(prefixes: tuple[str, ...]) -> str:
    """CEL: names of annotations that belong to one of the controllers."""
    begins = " || ".join(f"k.startsWith('{prefix}')" for prefix in prefixes)
    return f"{_NOTES}.map(k, {begins}, k)"


_DNS = "external-dns.alpha.kubernetes.io/"


def dns_names(metadata: str) -> str:
    """CEL: the names that external-dns is asked for, a list for each annotation. It separates by commas and skips spaces."""
    notes = f"{metadata}.?annotations.orValue({{}})"
    return (
        f"['{_DNS}hostname', '{_DNS}internal-hostname'].filter(k, k in {notes})"
        f".map(k, {notes}[k].replace(' ', '').split(','))"
    )


DNS_NAMES = ("names", dns_names("object.metadata"))
_BAD_NAMES = f"variables.names.filter(l, !l.all(n, {served('n')}))"


def dns(identifier: str) -> Rule:
    """What external-dns is asked for; wants the variable DNS_NAMES."""
    return Rule(
        id=identifier,
        title="A name that external-dns is asked for is one of the tenant's hosts",
        why="external-dns writes any name into the zone that somebody annotates: also the one that leads to others.",
        way_out=_ASK.format("ingress.hosts"),
        leaf="ingress.hosts",
        holds=f"variables.names.all(l, l.all(n, {served('n')}))",
        says=told("DNS name {} is none of this tenant; allowed: {}", short(f"{_BAD_NAMES}[0].join(',')"), TOLD_HOSTS),
    )


def _notes(identifier: str, allowed: list[str], controllers: str, named: str) -> Rule:
    # What is there since before the rule may stay: else nobody could change the rest.
    known = f"k in {json.dumps(allowed)} || (k in {_OLD_NOTES} && {_OLD_NOTES}[k] == {_NOTES}[k])"
    return Rule(
        id=identifier,
        firm=True,
        title=f"Annotations of {controllers} stay within the tenant's own load balancer",
        why=f"Others attach rules to a load balancer that is shared (group.name), name {named} of the account, or put text into "
        "the configuration of a proxy that all tenants share.",
        way_out="leave it out, or ask a platform administrator",
        holds=f"variables.notes.all(k, {known})",
        says=told("annotation {} is not allowed", short(f"variables.notes.filter(k, !({known}))[0]")),
    )


_ADDRESSES = "dyn(object).spec.?externalIPs.orValue([])"
ADDRESSED = (
    f"{WHAT} == 'services' && request.?subResource.orValue('') == '' && request.operation != 'DELETE' && "
    f"{_ADDRESSES}.size() > 0 && (oldObject == null || dyn(object).spec != dyn(oldObject).spec)"
)
"""CEL: whether a Service is written that claims addresses; what only lets it end is no such thing."""
ADDRESSES = Rule(
    id="COTENANT-SERVICE-2",
    firm=True,
    title="A Service claims no external address",
    why="Traffic of every pod to that address, wherever it is, then goes to this Service (CVE-2020-8554).",
    way_out="leave spec.externalIPs out",
    holds=f"!({ADDRESSED})",
    says=told("address {} in externalIPs takes the traffic of all tenants", short(f"{_ADDRESSES}[0]")),
)

_BALANCER = "object.spec.?loadBalancerClass.orValue('')"
SERVICES = Policy(
    name="cotenant-services",
    about="Services",
    rules=(
        Rule(
            id="COTENANT-SERVICE-1",
            title="A Service has an allowed type",
            why="NodePort opens every node, LoadBalancer costs money and is public, ExternalName leads callers elsewhere.",
            way_out=_ASK.format("services.types"),
            leaf="services.types",
            holds="object.spec.?type.orValue('ClusterIP') in params.spec.services.?types.orValue([]) || "
            "(oldObject != null && oldObject.spec.?type.orValue('ClusterIP') == object.spec.?type.orValue('ClusterIP'))",
            says=told(
                "Service type {} is not allowed; allowed: {}",
                "object.spec.?type.orValue('ClusterIP')",
                several("params.spec.services.?types.orValue([])"),
            ),
        ),
        ADDRESSES,
        _notes(
            "COTENANT-SERVICE-3",
            SERVICE_NOTES,
            "the AWS load balancer controller on Services",
            "security groups, subnets and certificates",
        ),
        dns("COTENANT-SERVICE-4"),
        Rule(
            id="COTENANT-SERVICE-5",
            title="A Service of type LoadBalancer has an allowed class, where the tenant says so",
            why="The class chooses the controller: another one may be public, dearer, or meant for others.",
            way_out="name one in spec.loadBalancerClass, or " + _ASK.format("services.loadBalancerClasses"),
            leaf="services.loadBalancerClasses",
            holds="!has(params.spec.services.loadBalancerClasses) || object.spec.?type.orValue('') != 'LoadBalancer' || "
            f"{_BALANCER} in params.spec.services.loadBalancerClasses || (oldObject != null && "
            f"oldObject.spec.?type.orValue('') == 'LoadBalancer' && {_BALANCER} == "
            "oldObject.spec.?loadBalancerClass.orValue(''))",
            says=told(
                "loadBalancerClass {} is not allowed; allowed: {}",
                named(_BALANCER),
                several("params.spec.services.loadBalancerClasses"),
            ),
        ),
    ),
    matches=(kinds("", ["CREATE"], "services"),),
    updates=(kinds("", ["UPDATE"], "services"),),
    condition=_CHANGED,
    variables=(("notes", _told(("service.beta.kubernetes.io/", "alb.ingress.kubernetes.io/"))), DNS_NAMES),
)

_FOREIGN_HOST = (
    f"(variables.hosts.exists(n, !{served('n')}) ? variables.hosts : "
    f"variables.certified.filter(l, l.exists(n, !{served('n')}))[0]).filter(n, !{served('n')})[0]"
)
_OLD_CLASS = "kubernetes.io/ingress.class"
_CLASSES = "params.spec.ingress.?classes.orValue([])"
INGRESSES = Policy(
    name="cotenant-ingresses",
    about="Ingresses",
    rules=(
        Rule(
            id="COTENANT-INGRESS-1",
            absence=True,
            title="An Ingress has an allowed class",
            why="The class chooses the controller: another one may be public, or meant for others.",
            way_out="name one in spec.ingressClassName and not in an annotation, or " + _ASK.format("ingress.classes"),
            leaf="ingress.classes",
            holds="!has(params.spec.ingress.classes) || (variables.class in params.spec.ingress.classes && "
            "variables.classNoted == '') || (oldObject != null && variables.class == variables.classBefore && "
            "variables.classNoted == variables.classNotedBefore)",
            says=told(
                "IngressClass {} is not allowed; allowed: {}",
                f"(variables.classNoted != '' ? {named('variables.classNoted')} + ' of the old annotation' : "
                f"{named('variables.class')})",
                several(_CLASSES),
            ),
        ),
        Rule(
            id="COTENANT-INGRESS-2",
            absence=True,
            title="An Ingress answers for named hosts only",
            why="A default backend, and a rule without host, answer for every name that nobody else took.",
            way_out="name a host in every rule, and leave spec.defaultBackend out",
            leaf="ingress.hosts",
            holds="!has(object.spec.defaultBackend) && object.spec.?rules.orValue([]).all(r, r.?host.orValue('') != '') && "
            "object.spec.?rules.orValue([]).size() > 0",
            says=told("the Ingress answers for every host"),
        ),
        Rule(
            id="COTENANT-INGRESS-3",
            title="Every host of an Ingress, and of its certificates, is one of the tenant's",
            why="Whoever serves a name gets what is sent to it: sessions, passwords, and certificates for it.",
            way_out=_ASK.format("ingress.hosts"),
            leaf="ingress.hosts",
            holds=f"variables.hosts.all(n, {served('n')}) && variables.certified.all(l, l.all(n, {served('n')}))",
            says=told("host {} is none of this tenant; allowed: {}", short(_FOREIGN_HOST), TOLD_HOSTS),
        ),
        # certificate-arn is on the list: without there is no HTTPS, and DNS says who comes to this load balancer.
        _notes(
            "COTENANT-INGRESS-4",
            INGRESS_NOTES,
            "the AWS load balancer controller and of ingress-nginx",
            "security groups, subnets and pools of users",
        ),
        dns("COTENANT-INGRESS-5"),
        Rule(
            id="COTENANT-INGRESS-6",
            firm=True,
            title="No path and no annotation of an Ingress ends a line of a proxy's configuration",
            why="A proxy that all tenants share writes them into a file: whoever ends a line there reads every tenant's "
            "Secrets (CVE-2026-24512, CVE-2026-3288).",
            way_out="write it without quotes, braces, semicolons and line ends",
            holds="variables.texts.all(l, l.all(t, !t.matches(variables.mark)))",
            says=told(
                "{} ends a line of the proxy",
                short(
                    "variables.texts.filter(l, l.exists(t, t.matches(variables.mark)))[0]"
                    ".filter(t, t.matches(variables.mark))[0].replace('\\n', ' ').replace('\\r', ' ')"
                ),
            ),
        ),
    ),
    matches=(kinds("networking.k8s.io", ["CREATE"], "ingresses"),),
    updates=(kinds("networking.k8s.io", ["UPDATE"], "ingresses"),),
    condition=_CHANGED,
    variables=(
        ("class", "object.spec.?ingressClassName.orValue('')"),
        ("classBefore", "oldObject == null ? '' : oldObject.spec.?ingressClassName.orValue('')"),
        # Controllers follow the old annotation before the field, and skip the parameters of the class then.
        ("classNoted", f"{_NOTES}[?'{_OLD_CLASS}'].orValue('')"),
        ("classNotedBefore", f"{_OLD_NOTES}[?'{_OLD_CLASS}'].orValue('')"),
        ("hosts", "object.spec.?rules.orValue([]).map(r, r.?host.orValue(''))"),
        # Lists of a list: up to Kubernetes 1.33 nothing makes one list of them.
        ("certified", "object.spec.?tls.orValue([]).map(t, t.?hosts.orValue([]))"),
        ("notes", _told(("alb.ingress.kubernetes.io/", "nginx.ingress.kubernetes.io/"))),
        ("mark", "'[\"\\';{}\\n\\r]'"),
        (
            "texts",
            (
                "object.spec.?rules.orValue([]).map(r, r.?http.?paths.orValue([]).map(p, p.?path.orValue(''))) + "
                f"[{_NOTES}.filter(k, k.startsWith('nginx.ingress.kubernetes.io/')).map(k, {_NOTES}[k])]"
            ),
        ),
        DNS_NAMES,
    ),
)
