"""`cotenant iam workloads`: which IAM roles the ServiceAccounts of tenants carry, or could, and what is wrong with that."""

from __future__ import annotations

from typing import Any

import click
from msgspec import Struct, to_builtins

from cotenant.api.keys import SPACE, TENANT
from cotenant.api.profile import TenantProfile
from cotenant.api.tenant import Tenant
from cotenant.aws.faults import Fault as Refusal
from cotenant.cli import ANSWERED, PARTLY, SOMETHING, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.stores import Stores, aws_flags, opened
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, say, table, write
from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES, SERVICE_ACCOUNTS, TENANT_PROFILES, TENANTS
from cotenant.model.effective import effective
from cotenant.model.iam.proposals import proposals
from cotenant.model.iam.trust import Place
from cotenant.model.iam.workloads import ANNOTATION, Bond, Fault, Holder, Situation, faults


class Told(Struct):
    """What was found, what is wrong with it, and what could not be read."""

    situation: Situation
    faults: list[Fault]
    unread: list[str]


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
@NO_HEADERS
@output_flag("json", "yaml")
@aws_flags
@cluster_flags
def workloads(
    *,
    tenants: tuple[str, ...],
    no_headers: bool,
    output: str | None,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """ServiceAccounts that carry an IAM role, by annotation (IRSA) or association (Pod Identity), and what is wrong.

    For each role that a tenant may carry and nobody carries, the commands that would give it. Nothing is written.

    Wrong is: a role that serviceAccounts.iamRoles of the tenant does not name, above all that of another tenant; a role
    whose trust policy lets in more than the tenant's namespaces; an association of a namespace that is gone. Trust
    policies of all roles of the account are read, for by IRSA a Pod needs no annotation.

    Exit 0: nothing is wrong; 1: something is; 3: EKS or IAM could not be read.
    """

    async def work(cluster: Cluster) -> Told:
        stores = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            return await look(stores, tenants)
        finally:
            stores.close()

    found = ask(work, **flags)
    mine = [one for one in sorted(found.situation.bonds) if concerns(found.situation, one, tenants)]
    proposed = proposals(found.situation, tenants)
    if output:
        content = {"bonds": to_builtins(mine), "faults": to_builtins(found.faults), "unread": found.unread}
        write(document("IamWorkloads", **content, proposals=to_builtins(proposed)), output)
    else:
        rows = [(one.namespace, one.account, one.role, one.by) for one in mine]
        click.echo(table(("NAMESPACE", "SERVICEACCOUNT", "ROLE", "BY"), rows, headers=not no_headers))
        for one in found.faults:
            whose = f"tenant {one.tenant}: " if one.tenant else ""
            click.echo(f"FAULT  {whose}{one.text}\n       role {one.role}\n       {one.remedy}")
        for each in proposed:
            click.echo(f"FREE   tenant {each.tenant}: {each.role} {each.text}\n       {each.command}")
    for text in found.unread:
        say(f"not read: {text}")
    if found.faults:
        return SOMETHING
    return PARTLY if found.unread else ANSWERED


def concerns(found: Situation, one: Bond, tenants: tuple[str, ...]) -> bool:
    """Whether a bond is a tenant's, and one of those asked about."""
    holder = found.holder(one.namespace)
    return (not tenants or holder.name in tenants) if holder else not tenants and one.namespace not in found.namespaces


async def look(stores: Stores, tenants: tuple[str, ...] = ()) -> Told:
    """Reads tenants, ServiceAccounts, associations and trust policies. Raises Failure without a cluster of EKS."""
    if stores.desk is None:
        raise Failure("which EKS cluster is meant is not known: --eks-cluster NAME --region REGION")
    eks, iam = stores.desk.eks, stores.desk.iam
    try:
        place = await eks.place()
    except Refusal as error:
        raise Failure(error.message) from error
    found, present = await holders(stores.client)
    if lost := [one for one in tenants if one not in {each.name for each in found}]:
        raise Failure(f"there is no tenant {lost[0]}; see: cotenant get tenants")
    unread = list(stores.unread)
    bonds, accounts = await annotated(stores.client)
    trusts = None
    try:
        bonds += await eks.associations()
    except Refusal as error:
        unread.append(f"Pod Identity associations: {error.message}")
    try:
        trusts = await iam.trusts()
    except Refusal as error:
        unread.append(f"trust policies: {error.message}")
    situation = Situation(place=place, holders=found, bonds=bonds, trusts=trusts, namespaces=present, accounts=accounts)
    return Told(situation, faults(situation, tenants), unread)


async def holders(client: Client) -> tuple[list[Holder], frozenset[str]]:
    """The tenants with the namespaces of their spaces, and every namespace there is."""
    profiles = {one.metadata.name: one.spec for one in (await client.list(TENANT_PROFILES, type=TenantProfile)).items}
    listed = (await client.list(NAMESPACES)).items
    mine: dict[str, set[str]] = {}
    for one in listed:
        labels = one["metadata"].get("labels") or {}
        if TENANT in labels and SPACE in labels:
            mine.setdefault(labels[TENANT], set()).add(one["metadata"]["name"])
    found = []
    for each in (await client.list(TENANTS, type=Tenant)).items:
        name = each.metadata.name
        rules = effective(each.spec, profiles.get(each.spec.profile or ""))
        found.append(Holder(name, frozenset(mine.get(name, ())), tuple(rules.service_accounts.iam_roles or ())))
    return found, frozenset(one["metadata"]["name"] for one in listed)


async def annotated(client: Client) -> tuple[list[Bond], frozenset[tuple[str, str]]]:
    """ServiceAccounts with an IAM role by annotation; and (namespace, name) of all."""
    found = []
    listed = (await client.list(SERVICE_ACCOUNTS)).items
    for one in listed:
        metadata = one["metadata"]
        if role := (metadata.get("annotations") or {}).get(ANNOTATION):
            found.append(Bond(metadata["namespace"], metadata["name"], role, "IRSA"))
    return found, frozenset((one["metadata"]["namespace"], one["metadata"]["name"]) for one in listed)


async def situated(stores: Stores, tenant: str) -> tuple[Place, Holder]:
    """The cluster and one tenant, for templates. Raises Failure."""
    if stores.desk is None:
        raise Failure("which EKS cluster is meant is not known: --eks-cluster NAME --region REGION")
    found, _ = await holders(stores.client)
    holder = next((one for one in found if one.name == tenant), None)
    if holder is None:
        raise Failure(f"there is no tenant {tenant}; see: cotenant get tenants")
    try:
        return await stores.desk.eks.place(), holder
    except Refusal as error:
        raise Failure(error.message) from error
