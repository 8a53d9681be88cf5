"""What objects of add-ons reach: External Secrets, cert-manager, Argo CD, Flux, drivers of devices (DRA), controllers of AWS,
and of external-dns, Istio and Contour, whose own words are in `meshes`.

Their controllers act with rights of their own, for whoever made the object. The built-in roles of members have no right
on any of these kinds; this is for a platform's own roles. Matched by name: who installs an add-on later needs nothing more.
"""

from __future__ import annotations

import json

from cotenant.api import keys
from cotenant.render.install.admission import meshes
from cotenant.render.install.admission.authority import NAME, PLATFORM, WHAT
from cotenant.render.install.admission.doors import TOLD_HOSTS, served
from cotenant.render.install.admission.rule import Rule, kinds, several, short, told
from cotenant.render.install.values import Manifest

_S = "variables.spec"
_SHARED = meshes.SHARED
_FOREIGN = meshes.ELSEWHERE
_ASK = "a platform administrator adds it to addons.shared of the Tenant"
FLUX = ("kustomizations", "helmreleases")
_SOURCES = ("gitrepositories", "ocirepositories", "buckets", "helmrepositories")
_READERS = ("imagepolicies", "imageupdateautomations", "alerts", "receivers")
_IMAGES = ("imagerepositories",)
_GENERATORS = (
    "acraccesstokens",
    "ecrauthorizationtokens",
    "stssessiontokens",
    "gcraccesstokens",
    "vaultdynamicsecrets",
)
_ROUTES = ("httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes", "listenersets", "xlistenersets")
_CLAIMS = ("resourceclaims", "resourceclaimtemplates")
_KNOWN_STORES = ("aws", "azurekv", "gcpsm", "vault")
_WHOLE = (
    ("cert-manager.io", ("certificaterequests",)),
    ("acme.cert-manager.io", ("orders", "challenges")),
    ("argoproj.io", ("applicationsets", "appprojects")),
    ("elbv2.k8s.aws", ("targetgroupbindings",)),
    ("vpcresources.k8s.aws", ("securitygrouppolicies",)),
    ("networking.k8s.aws", ("policyendpoints",)),
    ("eks.services.k8s.aws", ("*",)),
    ("iam.services.k8s.aws", ("*",)),
)
_LOOKED_AT = (
    ("external-secrets.io", ("externalsecrets", "secretstores", "pushsecrets")),
    ("generators.external-secrets.io", (*_GENERATORS, "webhooks")),
    ("cert-manager.io", ("certificates",)),
    ("argoproj.io", ("applications",)),
    ("kustomize.toolkit.fluxcd.io", ("kustomizations",)),
    ("helm.toolkit.fluxcd.io", ("helmreleases",)),
    ("source.toolkit.fluxcd.io", _SOURCES),
    ("image.toolkit.fluxcd.io", (*_IMAGES, "imagepolicies", "imageupdateautomations")),
    ("notification.toolkit.fluxcd.io", ("alerts", "receivers")),
    ("resource.k8s.io", _CLAIMS),
    *meshes.KINDS,
    *_WHOLE,
)


def addons(operation: str) -> tuple[Manifest, ...]:
    """What is looked at, of every version."""
    return tuple(kinds(group, [operation], *names, version="*") for group, names in _LOOKED_AT)


def _among(names: tuple[str, ...]) -> str:
    return f"{WHAT} in {json.dumps(list(names))}"


def _list(path: str) -> str:
    return f"{_S}.?{path}.orValue([])"


def _wide(references: str) -> str:
    """CEL: of references, those to kinds that belong to the whole cluster, as Kind/name."""
    return (
        f"({references}).filter(r, r.?kind.orValue('').contains('Cluster')).map(r, r.kind + '/' + r.?name.orValue(''))"
    )


def _across(references: str, kind: str) -> str:
    """CEL: of references, those to other namespaces, as Kind/namespace/name; `kind` is meant where none is named."""
    return f"({references}).filter(r, {_FOREIGN}).map(r, {_told(kind)})"


def _told(kind: str) -> str:
    return f"r.?kind.orValue('{kind}') + '/' + r.namespace + '/' + r.?name.orValue('')"


_STORES = (
    f"[?{_S}.?secretStoreRef] + {_list('data')}.map(d, d.?sourceRef.?storeRef.orValue({{}})) + "
    f"{_list('dataFrom')}.map(d, d.?sourceRef.?storeRef.orValue({{}})) + "
    f"{_list('dataFrom')}.map(d, d.?sourceRef.?generatorRef.orValue({{}}))"
)
_SOURCE = (
    f"[?{_S}.?sourceRef, ?{_S}.?chart.?spec.?sourceRef, ?{_S}.?chartRef, ?{_S}.?imageRepositoryRef] + "
    f"({_among(('alerts', 'receivers'))} ? {_list('eventSources')} + {_list('resources')} : [])"
)
_PARENTS = f"{_list('parentRefs')} + [?{_S}.?parentRef]"
# Up to Kubernetes 1.33 nothing makes one list of lists: of each rule the first that is not shared.
_BACKENDS = (
    f"({_list('rules')}.map(l, l.?backendRefs.orValue([]).filter(r, {_FOREIGN} && !(({_told('Service')}) in {_SHARED})))"
    f".filter(l, l.size() > 0).map(l, l[0]).map(r, {_told('Service')}))"
)
# What a claim of devices asks for, in every version. Of alternatives the first that is not shared, of each request.
_DEVICES = f"({_list('devices.?requests')} + {_list('spec.?devices.?requests')})"
_DEVICE_CLASSES = (
    f"({_DEVICES}.map(r, r.?exactly.?deviceClassName.orValue(r.?deviceClassName.orValue(''))).filter(n, n != '')"
    f".map(n, 'DeviceClass/' + n) + {_DEVICES}.map(r, r.?firstAvailable.orValue([])"
    f".map(f, 'DeviceClass/' + f.deviceClassName).filter(n, !(n in {_SHARED}))).filter(l, l.size() > 0).map(l, l[0]))"
)
_BEYOND = f"{_DEVICES}.filter(r, r.?adminAccess.orValue(false) || r.?exactly.?adminAccess.orValue(false))"
# Of these it is known when they use credentials of External Secrets itself (COTENANT-ADDON-3).
_UNKNOWN_STORES = (
    f"{_S}.?provider.orValue({{}}).map(p, p).filter(p, !(p in {json.dumps(_KNOWN_STORES)}))"
    ".map(p, 'SecretStoreProvider/' + p.lowerAscii())"
)
_REFERENCES = (
    f"{meshes.REFERENCES}"
    f"{WHAT} == 'externalsecrets' ? {_wide(_STORES)} : "
    f"{WHAT} == 'secretstores' ? {_UNKNOWN_STORES} : "
    # It calls any address from inside the cluster, as the provider of that name does.
    f"{WHAT} == 'webhooks' ? ['SecretStoreProvider/webhook'] : "
    f"{_among(_CLAIMS)} ? {_DEVICE_CLASSES} : "
    f"{WHAT} == 'certificates' ? {_wide(f'[?{_S}.?issuerRef]')} : "
    f"{WHAT} == 'applications' ? ['AppProject/' + {_S}.?project.orValue('default')] : "
    f"{_among((*FLUX, *_READERS))} ? {_across(_SOURCE, 'ImageRepository')} : "
    f"{_among(_ROUTES)} ? {_across(_PARENTS, 'Gateway')} + {_BACKENDS} : []"
)
_NAMES = f"({_list('dnsNames')} + [?{_S}.?commonName])"
_FOREIGN_NAMES = f"{_NAMES}.filter(n, !{served('n')} && !{meshes.OWN_SERVICES}.exists(s, n.endsWith(s)))"
_CLAIMED = [
    "isCA", "literalSubject", "uris", "ipAddresses", "emailAddresses", "otherNames",
]  # fmt: skip
_SAID = f"{json.dumps(_CLAIMED)}.filter(k, k in {_S} && !({_S}[k] in [dyn(false), dyn(''), dyn([])]))"


def _lent(auth: str) -> str:
    """CEL: whether `auth` of External Secrets is empty, or has a way without a Secret or ServiceAccount of its own."""
    named = "k.contains('Ref') || k in ['jwt', 'kubernetesServiceAccountToken']"
    return (
        f"({auth}.size() == 0 || {auth}.exists(m, m != 'namespace' && !m.contains('Ref') && "
        f"!{auth}[m].exists(k, {named})))"
    )


_PROVIDER = f"{_S}.provider[p]"
# The generator of Vault has the provider of a store.
_AUTH = f"({WHAT} == 'vaultdynamicsecrets' ? {_S}.?provider.?auth.orValue({{}}) : {_S}.?auth.orValue({{}}))"
_BORROWED = (
    f"({WHAT} == 'secretstores' ? {_S}.?provider.orValue({{}}).exists(p, "
    f"p == 'azurekv' ? {_PROVIDER}.?authType.orValue('') == 'ManagedIdentity' || "
    f"({_PROVIDER}.?authType.orValue('') == 'WorkloadIdentity' && !{_PROVIDER}.?serviceAccountRef.hasValue()) : "
    f"p in ['aws', 'gcpsm', 'vault'] && {_lent(f'{_PROVIDER}.?auth.orValue({{}})')}) : "
    f"{_lent(_AUTH)})"
)
_ABROAD = (
    f"({WHAT} == 'applications' ? [{_S}.?destination.?namespace.orValue('')] : {_among(FLUX)} ? "
    f"[?{_S}.?targetNamespace, ?{_S}.?storageNamespace] : []).filter(n, n != request.namespace)"
)
_NOBODY = (
    # A kubeConfig by a ConfigMap signs in to the account as Flux itself, where that names no ServiceAccount.
    f"({_among(FLUX)} ? {_S}.?serviceAccountName.orValue('') == '' && !{_S}.?kubeConfig.?secretRef.hasValue() : "
    f"{_among((*_SOURCES, *_IMAGES))} && {_S}.?provider.orValue('') in ['aws', 'azure', 'gcp'] && "
    f"{_S}.?serviceAccountName.orValue('') == '' && !{_S}.?secretRef.hasValue())"
)

_OTHERS = " || ".join(
    f"variables.group == '{group}'" + ("" if names == ("*",) else f" && {_among(names)}") for group, names in _WHOLE
)
_TEMPLATE = f"{_S}.?target.?template"
_ENDLESS = "kubernetes.io/service-account-token"
# Without a template External Secrets copies its own labels and annotations.
_WORN = (
    f"({WHAT} == 'externalsecrets' ? [?{_TEMPLATE}.?metadata.?labels, ?{_TEMPLATE}.?metadata.?annotations, "
    "?dyn(object).metadata.?labels, ?dyn(object).metadata.?annotations] : "
    f"{WHAT} == 'certificates' ? [?{_S}.?secretTemplate.?labels, ?{_S}.?secretTemplate.?annotations] : [])"
)
# What a value says is known after the template was filled in.
_MARK = (
    f"k.startsWith('{keys.GROUP}/') || (k == '{keys.MANAGED_BY}' && (m[k] == '{keys.COTENANT}' || m[k].contains('{{')))"
)
_STAINS = (
    f"({WHAT} == 'externalsecrets' ? "
    f"[{_TEMPLATE}.?type.orValue('') == '{_ENDLESS}' ? 'type {_ENDLESS}' : '', "
    f"{_TEMPLATE}.?metadata.?finalizers.orValue([]).size() > 0 ? 'finalizers' : '', "
    f"{_TEMPLATE}.?templateFrom.orValue([]).exists(t, t.?target.orValue('Data') != 'Data') ? 'templateFrom.target' : '', "
    f"{_S}.?target.?manifest.hasValue() ? 'target.manifest' : ''].filter(w, w != '') : []) + "
    f"{_WORN}.filter(m, m.exists(k, {_MARK})).map(m, m.filter(k, {_MARK})[0])"
)
VARIABLES = (("references", _REFERENCES), ("stains", _STAINS))
RULES = (
    Rule(
        id="COTENANT-ADDON-1",
        firm=True,
        title="Objects of add-ons refer to what is the platform's, or lies in other namespaces, only where it is shared "
        "with the tenant",
        why="A ClusterSecretStore reads the secrets of all, a ClusterIssuer signs any name, an AppProject may reach every "
        "namespace, a DeviceClass is the dearest hardware there is, a provider of secrets that is not known may lend its "
        "own credentials, and a source, Gateway or Service elsewhere is somebody else's.",
        way_out=_ASK,
        leaf="addons.shared",
        holds=f"variables.references.all(r, r in {_SHARED})",
        says=told(
            "{} is not shared with this tenant; shared: {}",
            short(f"variables.references.filter(r, !(r in {_SHARED}))[0]"),
            several(_SHARED),
        ),
    ),
    Rule(
        id="COTENANT-ADDON-2",
        firm=True,
        title="A Certificate of a shared issuer is for the tenant's hosts and its own Services, and for nothing else",
        why="Who has a certificate for a name can stand in for whoever it belongs to; with isCA, for everybody.",
        way_out="use an Issuer of the space, or a platform administrator changes ingress.hosts of the Tenant",
        leaf="ingress.hosts",
        holds=f"{WHAT} != 'certificates' || variables.references.size() == 0 || "
        f"({_FOREIGN_NAMES}.size() == 0 && {_SAID}.size() == 0)",
        says=told(
            "{} is not for this tenant; allowed: {}",
            short(f"({_FOREIGN_NAMES} + {_SAID})[0]"),
            TOLD_HOSTS,
        ),
    ),
    Rule(
        id="COTENANT-ADDON-3",
        firm=True,
        title="A SecretStore, or a generator of tokens, says whose credentials it uses",
        why="Without, External Secrets reads with its own role, which is every tenant's.",
        way_out="write auth with a ServiceAccount or a Secret of this namespace",
        holds=f"!({_among(('secretstores', *_GENERATORS))}) || !{_BORROWED}",
        says=told("{} would use the credentials of External Secrets itself", NAME),
    ),
    Rule(
        id="COTENANT-ADDON-4",
        firm=True,
        title="Argo CD and Flux bring what an object says into the namespace of the object",
        why="They write with rights in every namespace.",
        way_out="name the namespace of the object, and make one such object in each space",
        holds=f"{_ABROAD}.size() == 0",
        says=told("'{}' is another namespace", short(f"{_ABROAD}[0]")),
    ),
    Rule(
        id="COTENANT-ADDON-5",
        firm=True,
        title="Flux acts as a ServiceAccount of the space",
        why="Without, it acts as itself: as an administrator of the cluster, or with its own role of the account.",
        way_out="name one in spec.serviceAccountName",
        holds=f"!{_NOBODY}",
        says=told("{} names no ServiceAccount", NAME),
    ),
    Rule(
        id="COTENANT-ADDON-7",
        firm=True,
        title="A claim of devices asks for no access as an administrator",
        why="adminAccess gives a device that another tenant's pod is using, with all that is in its memory.",
        way_out="leave adminAccess out",
        holds=f"!({_among(_CLAIMS)}) || {_BEYOND}.size() == 0",
        says=told("request {} has adminAccess", short(f"{_BEYOND}[0].?name.orValue('')")),
    ),
    Rule(
        id="COTENANT-ADDON-8",
        firm=True,
        title="A Secret that an add-on makes for a tenant is a plain one: no token of a ServiceAccount, no mark of the platform",
        why="External Secrets and cert-manager may make any Secret: a token that never ends (COTENANT-RIGHT-4), one that passes for "
        "cotenant's or the platform's, one that keeps its namespace for ever, or, by target.manifest, anything else.",
        way_out="leave it out; labels stand in the template itself",
        holds="variables.stains.size() == 0",
        says=told("{} {} would make a Secret with {}", WHAT, NAME, short("variables.stains[0]")),
        unless=PLATFORM,
    ),
    Rule(
        id="COTENANT-ADDON-6",
        firm=True,
        title="What add-ons make for themselves, and what reaches the whole account or cluster, is made by the platform",
        why="A request for a certificate hides its names, a TargetGroupBinding takes the traffic of others, a "
        "SecurityGroupPolicy and the resources of IAM and EKS are rights in the account, an ApplicationSet and an AppProject "
        "lead everywhere, and a PushSecret into a shared store overwrites the secrets of others.",
        way_out="ask a platform administrator",
        holds=f"!({_OTHERS}) && ({WHAT} != 'pushsecrets' || "
        f"{_list('secretStoreRefs')}.all(r, r.?kind.orValue('SecretStore') == 'SecretStore'))",
        says=told("{} {} is the platform's to make", WHAT, NAME),
        unless=PLATFORM,
    ),
)
