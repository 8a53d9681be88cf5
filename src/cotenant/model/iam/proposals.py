"""How a ServiceAccount of a tenant comes by a role that the tenant may carry and nobody carries yet: exact commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from cotenant.model.arn import arn
from cotenant.model.iam.trust import Admission, admissions
from cotenant.model.iam.workloads import ANNOTATION, Holder, Situation, corrected

DEFAULT = "default"


class Proposal(Struct, frozen=True, order=True):
    """One thing that somebody may do next."""

    tenant: str
    role: str
    text: str
    command: str


def proposals(found: Situation, only: Iterable[str] = ()) -> list[Proposal]:
    """For every declared role that no ServiceAccount of its tenant has, for all tenants or for those named.

    A ServiceAccount that already has a role is left out: EKS takes one association for each, and of an annotation it
    holds over that.
    """
    wanted = frozenset(only)
    carried = {(one.namespace, one.role) for one in found.bonds}
    made: list[Proposal] = []
    for holder in found.holders:
        if wanted and holder.name not in wanted:
            continue
        for role in declared(found, holder):
            if not any((namespace, role) in carried for namespace in holder.namespaces):
                made += ways(found, holder, role)
    return sorted(set(made))


def declared(found: Situation, holder: Holder) -> list[str]:
    """The roles that a tenant may carry: those named whole, and those of the account that a pattern means."""
    whole = {one for one in holder.roles if "*" not in one}
    return sorted(whole | {one for one in found.trusts or () if holder.may(one)})


def ways(found: Situation, holder: Holder, role: str) -> Iterator[Proposal]:
    """What leads to one role."""
    shape = arn(role)
    if not holder.namespaces:
        return
    if found.trusts is None or shape is None or shape.account != found.place.account:
        yield from bound(
            found, holder, role, [Admission("Pod Identity", one, "*") for one in sorted(holder.namespaces)]
        )
        return
    trust = found.trusts.get(role)
    if trust is None:
        command = f"{corrected(holder)} > trust.json; aws iam create-role --role-name {shape.name} --path /{shape.path} --assume-role-policy-document file://trust.json"
        yield Proposal(holder.name, role, "may be carried, and IAM does not have it", command)
        return
    mine = [one for one in admissions(trust, found.place) if one.namespace in holder.namespaces]
    if not mine:
        text = "may be carried, and its trust lets in no namespace of the tenant"
        yield Proposal(holder.name, role, text, corrected(holder))
        return
    yield from bound(found, holder, role, mine)


def bound(found: Situation, holder: Holder, role: str, let_in: Iterable[Admission]) -> Iterator[Proposal]:
    """The commands that give a role to each ServiceAccount whom its trust names, or to those that are there."""
    busy = {(one.namespace, one.account) for one in found.bonds}
    for one in let_in:
        there = sorted(name for namespace, name in found.accounts if namespace == one.namespace and name != DEFAULT)
        named = [one.account] if "*" not in one.account and "?" not in one.account else there
        for account in named:
            if (one.namespace, account) not in busy:
                text = f"may be carried by ServiceAccount {one.namespace}/{account}"
                yield Proposal(holder.name, role, text, command(found.cluster, one, account, role))
        if not named:
            text = f"may be carried in {one.namespace}, which has no ServiceAccount but {DEFAULT}"
            yield Proposal(holder.name, role, text, f"kubectl create serviceaccount NAME -n {one.namespace}")


def command(cluster: str, one: Admission, account: str, role: str) -> str:
    """What gives the role."""
    if one.by == "IRSA":
        return f"kubectl annotate serviceaccount {account} -n {one.namespace} {ANNOTATION}={role}"
    return (
        f"aws eks create-pod-identity-association --cluster-name {cluster} --namespace {one.namespace} "
        f"--service-account {account} --role-arn {role}"
    )
