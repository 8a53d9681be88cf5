"""Which IAM roles the ServiceAccounts of tenants carry or could carry, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from cotenant.model.arn import arn
from cotenant.model.finding import Finding
from cotenant.model.iam.trust import Admission, By, Document, Place, admissions

ANNOTATION = "eks.amazonaws.com/role-arn"


class Bond(Struct, frozen=True, order=True):
    """A ServiceAccount and the role that it is given."""

    namespace: str
    account: str
    role: str
    by: By
    id: str = ""
    """Of the Pod Identity association."""


class Holder(Struct, frozen=True):
    """A tenant: its namespaces, and the roles that its ServiceAccounts may carry."""

    name: str
    namespaces: frozenset[str]
    roles: tuple[str, ...]
    """ARNs, `*` for any end, as `serviceAccounts.iamRoles` has them."""

    def may(self, role: str) -> bool:
        """Whether its ServiceAccounts may carry a role."""
        return any(role.startswith(one[:-1]) if one.endswith("*") else role == one for one in self.roles)


class Fault(Struct, frozen=True, order=True):
    """Something that somebody should mend."""

    tenant: str
    """"" where it concerns nobody's namespace."""
    role: str
    text: str
    remedy: str
    breach: bool = True
    """Whether a tenant reaches what is not its own by it; else something is only amiss."""


class Situation(Struct, frozen=True, kw_only=True):
    """Everything that a judgement needs."""

    place: Place
    holders: Sequence[Holder]
    bonds: Sequence[Bond]
    trusts: Mapping[str, Document] | None
    """By ARN, the roles of the cluster's account; None where IAM may not be asked."""
    namespaces: frozenset[str]
    """Every namespace that exists."""
    accounts: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of every ServiceAccount."""

    @property
    def cluster(self) -> str:
        """Name of the cluster."""
        return self.place.arn.rpartition("/")[2]

    def holder(self, namespace: str) -> Holder | None:
        """The tenant of a namespace."""
        return next((one for one in self.holders if namespace in one.namespaces), None)


def misgiven(holders: Iterable[Holder], bonds: Iterable[Bond], cluster: str) -> Iterator[tuple[str, Finding]]:
    """(tenant, finding) for each association that gives a ServiceAccount of a tenant a role that the tenant may not carry.

    A tenant is not told whose role that is.
    """
    owners = {namespace: one for one in holders for namespace in one.namespaces}
    for bond in sorted(bonds):
        holder = owners.get(bond.namespace)
        if holder and not holder.may(bond.role):
            text = (
                f"ServiceAccount {bond.namespace}/{bond.account} has by {bond.by} {bond.role}, which "
                f"serviceAccounts.iamRoles does not name; {undo(bond, cluster)}"
            )
            yield holder.name, Finding("ForeignRole", text)


def undo(bond: Bond, cluster: str) -> str:
    """The command that takes the role away again."""
    if bond.id:
        return f"aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {bond.id}"
    return f"kubectl annotate serviceaccount {bond.account} -n {bond.namespace} {ANNOTATION}-"


def faults(found: Situation, only: Iterable[str] = ()) -> list[Fault]:
    """What is wrong, for all tenants or for those named."""
    wanted = frozenset(only)
    said = [fault for one in sorted(found.bonds) for fault in of_bond(found, one)]
    for role, document in sorted((found.trusts or {}).items()):
        said += of_trust(found, role, admissions(document, found.place))
    return sorted({one for one in said if not wanted or one.tenant in wanted})


def of_bond(found: Situation, bond: Bond) -> Iterator[Fault]:
    """What is wrong with what a ServiceAccount is given."""
    who, holder = f"ServiceAccount {bond.namespace}/{bond.account}", found.holder(bond.namespace)
    remedy = undo(bond, found.cluster)
    if bond.id and bond.namespace not in found.namespaces:
        text = f"{who}: there is no such namespace; whoever makes one of this name gets the role"
        yield Fault("", bond.role, text, remedy)
    if holder is None:
        return
    if not holder.may(bond.role):
        others = [one.name for one in found.holders if one is not holder and one.may(bond.role)]
        whose = (
            f"a role of tenant {', '.join(others)}" if others else "a role that serviceAccounts.iamRoles does not name"
        )
        yield Fault(holder.name, bond.role, f"{who} has by {bond.by} {whose}", remedy)
    shape = arn(bond.role)
    if found.trusts is None or shape is None or shape.account != found.place.account:
        return
    trust = found.trusts.get(bond.role)
    if trust is None:
        yield Fault(
            holder.name, bond.role, f"{who} has by {bond.by} a role that IAM does not have", remedy, breach=False
        )
    elif not any(
        one.by == bond.by and one.admits(bond.namespace, bond.account) for one in admissions(trust, found.place)
    ):
        text = f"{who} gets no credentials: the trust of the role does not let it in by {bond.by}"
        yield Fault(holder.name, bond.role, text, corrected(holder), breach=False)


def of_trust(found: Situation, role: str, let_in: Sequence[Admission]) -> Iterator[Fault]:
    """What is wrong with whom a role trusts. By Pod Identity an association is needed too, by IRSA nothing else is."""
    for holder in found.holders:
        mine = holder.may(role)
        for one in let_in:
            if mine and one.namespace not in holder.namespaces:
                yield Fault(holder.name, role, f"its trust lets in by {one.by} {spoken(one)}", corrected(holder))
            if not mine and one.by == "IRSA" and (reached := sorted(filter(one.admits, holder.namespaces))):
                text = f"its trust lets in by IRSA {spoken(one)}, so any Pod of {', '.join(reached)} can take it on"
                yield Fault(holder.name, role, text, "name the namespaces that the role is for in its trust policy")


def spoken(one: Admission) -> str:
    """Whom a statement lets in, in words."""
    if one.namespace == "*":
        return "every namespace of the cluster"
    return f"namespaces {one.namespace}" if one.wide else f"namespace {one.namespace}"


def corrected(holder: Holder) -> str:
    """The command that prints the right trust."""
    return f"cotenant iam trust {holder.name}"
