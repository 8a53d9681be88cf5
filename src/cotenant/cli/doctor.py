"""`cotenant doctor`: can this cluster host cotenant, is it healthy; each finding with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import click
from msgspec import Struct
from msgspec.structs import asdict

from cotenant.api import keys
from cotenant.api.schema import crds
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.cluster.glazing import summary
from cotenant.cli.cluster.signs import Sign
from cotenant.cli.cluster.survey import Facts, survey
from cotenant.cli.delete import TAKE
from cotenant.cli.view.inventory import RELEASE
from cotenant.cli.view.output import document, output_flag, say, write
from cotenant.model.iam.awsauth import read
from cotenant.render.install.values import HEARTBEAT, LEASE

OLDEST, NEWEST = (1, 33), (1, 36)
LEASE_SECONDS = 60.0
TOOLS = {
    "capsule.clastix.io": "Capsule",
    "tenancy.kiosk.sh": "kiosk",
    "config.kiosk.sh": "kiosk",
    "hnc.x-k8s.io": "Hierarchical Namespace Controller",
    "tenantoperator.stakater.com": "Multi Tenant Operator",
    "storage.loft.sh": "vCluster Platform",
    "management.cattle.io": "Rancher",
}
NETWORK_POLICY = """aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --configuration-values '{"enableNetworkPolicy":"true"}'"""
INSTALL = "cotenant install"
LEFT = "left behind"
POOLS = "node pools"
CLASSES = "priority classes"
MEMBERS = "IAM members"
POLICY = "cotenant iam policy --eks-cluster NAME --region REGION --account ID"
LATER = "kubectl get cot {0} -o yaml -w"
NEXT = {
    "AWSPermissionMissing": f"give it to the operator's role: {POLICY}",
    "AWSCredentialsMissing": "give the operator's ServiceAccount a role by Pod Identity or IRSA, with what this prints: "
    + POLICY,
    "AWSUnavailable": LATER,
    "AWSNotInstalled": "cotenant install",
    "ClusterNotFound": "cotenant install --eks-cluster NAME --aws-region REGION",
    "IAMNotManaged": "cotenant install --eks-cluster NAME --aws-region REGION",
    "IAMPending": LATER,
    "EntryReplaced": LATER,
    "AwsAuthDamaged": "cotenant iam rollback",
    "PrincipalNotFound": "kubectl edit cot {0}",
    "PrincipalRefused": "kubectl edit cot {0}",
    "ModeWithoutEntries": "cotenant iam apply {0}",
    "ForeignRole": "cotenant iam workloads {0}",
}
"""Reason of IAMSynced -> what to do next, {0} being the tenant; else it is to be planned."""
BINDINGS = "role bindings"
SHOWN = 5
Level = Literal["ok", "WARN", "FAIL"]


class Finding(Struct, frozen=True):
    """One answer. level: ok, WARN (works, but know it) or FAIL (does not work); fix: a command or a sentence."""

    level: Level
    what: str
    detail: str
    fix: str = ""


def diagnose(facts: Facts, now: datetime, *, before: bool) -> list[Finding]:
    """Every finding, in the order in which one would look. before: nothing is installed yet."""
    parts = [
        _version(facts),
        *_policies_served(facts),
        *_network(facts),
        *_identities(facts),
        *_tools(facts),
        *_namespaces(facts),
    ]
    parts += (
        _rights(facts)
        if before
        else [
            *_definitions(facts),
            *_policies(facts),
            *_glass(facts, now),
            *_operator(facts, now),
            *_members(facts),
            *_pools(facts),
            *_priorities(facts),
            *_left(facts),
            *_outsiders(facts),
        ]
    )
    return parts


def _version(facts: Facts) -> Finding:
    version = (facts.major, facts.minor)
    said = f"Kubernetes {facts.major}.{facts.minor}"
    if version < (1, 30):
        return Finding(
            "FAIL", "version", f"{said} has no ValidatingAdmissionPolicy", "upgrade the cluster to 1.33 or later"
        )
    if not OLDEST <= version <= NEWEST:
        return Finding("WARN", "version", f"{said} is untested; 1.33 to 1.36 are", "cotenant verify")
    return Finding("ok", "version", said)


def _policies_served(facts: Facts) -> Iterable[Finding]:
    if facts.validating_served:
        yield Finding("ok", "validating policies", "admissionregistration.k8s.io/v1 is served")
    elif facts.validating_served is False:
        yield Finding(
            "FAIL", "validating policies", "not served by this API server", "upgrade the cluster to 1.33 or later"
        )
    if facts.mutating_served:
        yield Finding("ok", "mutating policies", "admissionregistration.k8s.io/v1 is served")
    elif facts.mutating_served is False:
        detail = (
            "not served: Kubernetes 1.36 has them; pods of a tenant with nodes.pool name the pool themselves until then"
        )
        yield Finding("WARN", "mutating policies", detail, "upgrade the cluster to 1.36 when it suits")


def _network(facts: Facts) -> Iterable[Finding]:
    """NetworkPolicies are objects; whether somebody enforces them is another matter."""
    if facts.daemon_sets is None:
        return
    agent = facts.daemon_sets.get("aws-node")
    if agent is not None and "--enable-network-policy=true" in agent:
        yield Finding("ok", "network policies", "the VPC CNI runs its network policy agent")
    elif agent is not None:
        detail = "the VPC CNI is there, its network policy agent is off: NetworkPolicies do nothing"
        yield Finding("WARN", "network policies", detail, NETWORK_POLICY)
    else:
        known = [name for name in ("cilium", "calico-node", "kube-router", "antrea-agent") if name in facts.daemon_sets]
        if known:
            fix = "prove it: a pod of one tenant must not reach a pod of another"
            yield Finding("WARN", "network policies", f"{known[0]} is there; that it enforces is not proven", fix)
        else:
            detail = "no agent that enforces them was found: not proven"
            yield Finding("WARN", "network policies", detail, f"on EKS: {NETWORK_POLICY}")


def _identities(facts: Facts) -> Iterable[Finding]:
    """One error in aws-auth locks out everybody whom its section names, nodes too."""
    if facts.aws_auth is None:
        return
    auth = read(facts.aws_auth)
    for fault in auth.faults:
        detail = f"aws-auth, {fault}: nobody whom {fault.section} names can sign in, nodes neither"
        yield Finding("FAIL", "IAM identities", detail, "cotenant iam rollback, or mend it by hand")
    odd = [*(f"{key} is mapped twice" for key in sorted(auth.twice())), *auth.dropped]
    if odd:
        yield Finding("WARN", "IAM identities", f"aws-auth: {odd[0]}", "cotenant iam list")
    if not auth.faults and not odd:
        yield Finding("ok", "IAM identities", f"aws-auth maps {len(auth.identities())} principals")


def _members(facts: Facts) -> Iterable[Finding]:
    """Tenants whose members by IAM principal cannot enter, or somebody enters who is none."""
    if facts.unsynced is None:
        return
    for tenant, said in facts.unsynced.items():
        level: Level = "FAIL" if said.status == "False" else "WARN"
        detail = f"tenant {tenant}, {said.reason}: {said.message}"
        yield Finding(level, MEMBERS, detail, NEXT.get(said.reason, "cotenant iam plan {0}").format(tenant))
    if not facts.unsynced:
        yield Finding("ok", MEMBERS, "IAMSynced of every tenant")


def _tools(facts: Facts) -> Iterable[Finding]:
    if facts.groups is None:
        return
    found = sorted({name for group, name in TOOLS.items() if group in facts.groups})
    if found:
        detail = f"{', '.join(found)} is here too: two tools must not own one namespace"
        yield Finding(
            "WARN",
            "other tenancy tools",
            detail,
            "keep their namespaces apart; Tenants touch none of them by themselves",
        )
    else:
        yield Finding("ok", "other tenancy tools", "none found")


def _namespaces(facts: Facts) -> Iterable[Finding]:
    if facts.namespaces is None:
        return
    ours = [name for name, labels in facts.namespaces.items() if keys.TENANT in labels]
    taken = [name for name in facts.namespaces if name.startswith(keys.HOME_PREFIX) and name not in ours]
    if taken:
        detail = f"{', '.join(sorted(taken)[:5])}: names that home namespaces would have"
        yield Finding("WARN", "namespaces", detail, "a tenant of that name stays not ready; choose another name for it")
    else:
        yield Finding(
            "ok", "namespaces", f"{len(facts.namespaces)}, of which {len(ours)} belong to tenants; nobody's is touched"
        )


def _rights(facts: Facts) -> Iterable[Finding]:
    if facts.missing_rights is None:
        return
    if facts.missing_rights:
        detail = f"you may not create {', '.join(facts.missing_rights)}"
        yield Finding("FAIL", "your rights", detail, "install as a cluster administrator (AmazonEKSClusterAdminPolicy)")
    else:
        yield Finding("ok", "your rights", "enough to install")


def _definitions(facts: Facts) -> Iterable[Finding]:
    if facts.definitions is None:
        return
    for crd in crds():
        name = crd["metadata"]["name"]
        found = facts.definitions.get(name)
        if found is None:
            yield Finding("FAIL", "definitions", f"{name} is missing", INSTALL)
        elif _schema(found) != _schema(crd):
            yield Finding("WARN", "definitions", f"{name} is of another version of cotenant", INSTALL)
        else:
            yield Finding("ok", "definitions", name)


def _schema(crd: dict[str, Any]) -> Any:
    """What is compared: the API server adds defaults elsewhere."""
    return crd["spec"]["versions"][0]["schema"]


def _policies(facts: Facts) -> Iterable[Finding]:
    bound = [name for name, state in facts.policies.items() if state == "bound"]
    if bound:
        yield Finding("ok", "policies", f"{len(bound)} are there and bound")
    for name, state in facts.policies.items():
        if state != "bound":
            yield Finding("FAIL", "policies", f"{name} is {state}: nothing is denied", INSTALL)
    for name, denies in facts.denies.items():
        if denies:
            yield Finding("ok", "policies", f"{name} denies, tried as a dry run")
        else:
            yield Finding("FAIL", "policies", f"{name} let through, as a dry run, what it must deny", INSTALL)


def _glass(facts: Facts, now: datetime) -> Iterable[Finding]:
    """Policies that somebody lifted for a while."""
    open_ = [one for one in facts.lifted if one.until > now]
    if open_:
        yield Finding("WARN", "breakglass", summary(open_), "cotenant breakglass --end")


def _operator(facts: Facts, now: datetime) -> Iterable[Finding]:
    logs = f"kubectl logs -n {facts.namespace} deploy/cotenant"
    if facts.signs is None:
        return
    fresh = {one.lease: one for one in facts.signs if (now - one.renewed).total_seconds() <= LEASE_SECONDS}
    stale = {one.lease: one for one in facts.signs if one.lease not in fresh}
    if leader := fresh.get(LEASE):
        yield Finding("ok", "operator", f"{leader.holder} leads")
    elif (beat := fresh.get(HEARTBEAT)) and LEASE not in stale:
        yield Finding("ok", "operator", f"{beat.holder} runs without leader election")
    elif beat:
        last = stale[LEASE]
        detail = (
            f"{beat.holder} runs, {last.holder} led last, {ago(last, now)}: nothing new is made if they elect a leader"
        )
        yield Finding("WARN", "operator", detail, logs)
    elif stale:
        last = max(stale.values(), key=lambda one: one.renewed)
        detail = f"{last.holder} was there last, {ago(last, now)}: what exists keeps holding, nothing new is made"
        yield Finding("FAIL", "operator", detail, logs)
    else:
        yield Finding("FAIL", "operator", "no Lease: no operator has ever led here", f"{INSTALL}; then: {logs}")


def ago(sign: Sign, now: datetime) -> str:
    """How old it is."""
    return f"{(now - sign.renewed).total_seconds():.0f} s ago"


def _left(facts: Facts) -> Iterable[Finding]:
    """What nobody owns any more, and who still has rights there."""
    if facts.astray is None:
        return
    for name in facts.astray:
        detail = f"namespace {name} carries a tenant's label and no Space stands for it"
        yield Finding("WARN", LEFT, detail, RELEASE.format(name))
    for tenant, names in facts.bygone.items():
        detail = f"tenant {tenant} is gone, {_some(names)} kept: a tenant of this name takes them up again"
        yield Finding("WARN", LEFT, detail, f"nobody's again with: {RELEASE.format(' '.join(names[:5]))}")
    for name, count in (facts.bound or {}).items():
        detail = f"{name} is of no tenant, and {count} role bindings of ours give rights in it"
        yield Finding("WARN", LEFT, detail, TAKE.format(name))
    if facts.bound is not None and not (facts.astray or facts.bygone or facts.bound):
        yield Finding("ok", LEFT, "no namespace and no role binding without a tenant")


def _outsiders(facts: Facts) -> Iterable[Finding]:
    """What somebody gives who is above the rules, or gave before the namespace was a tenant's. It follows no list of members."""
    for namespace, name, subject in (facts.outsiders or [])[:SHOWN]:
        detail = f"RoleBinding {name} in {namespace} names {subject}: it outlives every membership, a cordon too"
        fix = f"kubectl delete rolebinding {name} -n {namespace}; who belongs to the tenant becomes its member"
        yield Finding("WARN", BINDINGS, detail, fix)
    if more := len((facts.outsiders or [])[SHOWN:]):
        yield Finding("WARN", BINDINGS, f"and {more} more like these", "kubectl get rolebindings -A -o wide")
    if facts.outsiders == []:
        yield Finding("ok", BINDINGS, "beside members, those in spaces name ServiceAccounts of the space alone")


def _pools(facts: Facts) -> Iterable[Finding]:
    """Taints keep others off the nodes of a tenant; nobody but an administrator sees them."""
    found = facts.placement
    if found is None:
        return
    for pool, tenants in found.contested.items():
        detail = f"pool {pool} is meant for one tenant, and {', '.join(tenants)} name it: pods of all but one wait"
        yield Finding("WARN", POOLS, detail, "give each tenant a pool of its own, or leave nodes.dedicated out")
    for tenant, nodes in found.untainted.items():
        taint = f"{keys.DEDICATED}={tenant}"
        detail = f"{_some(nodes)} of tenant {tenant} lack the taint {taint}: anybody's pods may run there"
        yield Finding("WARN", POOLS, detail, f"kubectl taint nodes {' '.join(nodes[:5])} {taint}:NoExecute")
    for pod, node, tenant in found.guests[:5]:
        namespace, _, name = pod.partition("/")
        detail = f"pod {pod} runs on node {node}, which is of tenant {tenant}"
        yield Finding("FAIL", POOLS, detail, f"kubectl delete pod {name} -n {namespace}")
    for tenant, pods in found.outside.items():
        detail = f"{_some(pods)} of tenant {tenant} run outside of its pool: older than nodes.pool, or than the label"
        yield Finding("WARN", POOLS, detail, "kubectl rollout restart the workloads that made them")
    if not (found.contested or found.untainted or found.guests or found.outside):
        yield Finding("ok", POOLS, f"{found.nodes} nodes are of a pool; every pod that is there belongs there")


def _priorities(facts: Facts) -> Iterable[Finding]:
    """A default that a tenant may not have refuses all of its pods, whoever wrote them."""
    if facts.shut_out is None:
        return
    for name, tenants in facts.shut_out.items():
        detail = (
            f"pods that name no class get {name}, which pods.priorityClasses of {_some(tenants)} does not list: refused"
        )
        fix = f"add {name} to pods.priorityClasses of the Tenant or its profile, or have pods name a class of the list"
        yield Finding("FAIL", CLASSES, detail, fix)
    if not facts.shut_out:
        yield Finding("ok", CLASSES, "what pods get by default is allowed to every tenant")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def exit_code(findings: Iterable[Finding], *, partly: bool) -> int:
    """1 where something fails, else 3 where something could not be looked at, else 0. A warning is an answer."""
    if any(finding.level == "FAIL" for finding in findings):
        return 1
    return 3 if partly else 0


@click.command("doctor")
@click.option("--pre", is_flag=True, help="Before installing: can this cluster host cotenant?")
@output_flag("json", "yaml")
@cluster_flags
@click.pass_context
def command(ctx: click.Context, /, *, pre: bool, output: str | None, **flags: Any) -> None:
    """Look at the cluster and say what is wrong and what mends it.

    Exit 0: nothing fails; 1: something does; 2: no answer; 3: not everything could be looked at.
    """

    async def work(cluster: Cluster) -> Facts:
        say(f"cluster {cluster.name}")
        return await survey(cluster.client)

    facts = ask(work, **flags)
    findings = diagnose(facts, datetime.now(UTC), before=pre)
    if output:
        write(document("Doctor", findings=[asdict(finding) for finding in findings], unseen=facts.unseen), output)
    else:
        click.echo("\n".join(lines(findings, facts.unseen)))
    ctx.exit(exit_code(findings, partly=bool(facts.unseen)))


def lines(findings: list[Finding], unseen: list[str]) -> Iterable[str]:
    """The findings for a person: level, subject, detail, and the fix below."""
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        yield f"{finding.level:<4}  {finding.what:<{width}}  {finding.detail}"
        if finding.fix:
            yield f"{'':4}  {'':<{width}}  -> {finding.fix}"
    yield from (f"{'?':<4}  {what}" for what in unseen)
