"""Every rule by its id, those of the operator's leash and of the guard included: what a refusal can begin with."""

from __future__ import annotations

from cotenant.model.platform import Platform
from cotenant.render.install.admission import admission_policies
from cotenant.render.install.admission.rule import Policy, Rule

_ASK = "a platform administrator changes the Tenant or its profile"
LEASH = Policy(
    name="cotenant-leash",
    about="everything that the operator's own ServiceAccount writes",
    parameters=False,
    rules=(
        Rule(
            id="COTENANT-LEASH-1",
            title="The operator takes no namespace that was not offered to it",
            why="Whoever holds its token would otherwise hold every namespace.",
            way_out="who may update the namespace offers it by the annotation cotenant.dev/adopt",
        ),
        Rule(
            id="COTENANT-LEASH-2",
            title="The operator writes in namespaces of tenants only",
            why="The same; kube-system, default and its own namespace are not its business, but for its Lease and events.",
            way_out="a platform administrator labels the namespace",
        ),
        Rule(
            id="COTENANT-LEASH-3",
            title="Of what has no namespace the operator writes Tenants and namespaces",
            why="A role that somebody gives it one day must not make it an administrator.",
            way_out="nothing else is needed",
        ),
        Rule(
            id="COTENANT-LEASH-4",
            title="The operator binds the roles of the installation",
            why="A binding is a right, for whoever is named in it.",
            way_out="name the role at installation: cotenant install --roles",
        ),
    ),
)
GUARD = Policy(
    name="cotenant-guard",
    about="Spaces, SpacePolicies and what else cotenant writes for members to read",
    parameters=False,
    rules=(
        Rule(
            id="COTENANT-GUARD-1",
            title="Finalizers of Spaces are set by cotenant",
            why="Without it a Space is gone from the count while its namespace lives on.",
            way_out="delete the Space and cotenant lets go of it",
        ),
        Rule(
            id="COTENANT-GUARD-2",
            title="Labels cotenant.dev/* of Spaces are set by cotenant",
            why="They say what a Space is, and whose.",
            way_out="use a key of your own",
        ),
        Rule(
            id="COTENANT-GUARD-3",
            title="Status of Spaces is written by cotenant",
            why="It names the namespace that a Space is.",
            way_out="change spec instead",
        ),
        Rule(
            id="COTENANT-GUARD-4",
            title="SpacePolicies are written by cotenant",
            why="They are the parameters of every other rule.",
            way_out=_ASK,
        ),
    ),
)
QUOTA = Policy(
    name="cotenant-quota-law and -first",
    about="ResourceQuotas of spaces, and what they count",
    parameters=False,
    rules=(
        Rule(
            id="COTENANT-QUOTA-1",
            title="No charge goes above the limit of the space, whoever has not heard of it yet",
            why="Natively an API server compares with a limit that another component copies, late.",
            way_out="delete something, or ask an owner; what is left: kubectl get tenantledgers in the home",
        ),
        Rule(
            id="COTENANT-QUOTA-2",
            title="Nothing that is counted begins before the namespace's quota is counted",
            why="An API server that has not heard of a ResourceQuota admits without limit.",
            way_out="try again in a second",
        ),
        Rule(
            id="COTENANT-QUOTA-3",
            title="A space has one ResourceQuota",
            why="With two, what one refuses the other may admit (kubernetes#141904).",
            way_out="ask for quota in the Tenant",
        ),
        Rule(
            id="COTENANT-QUOTA-4",
            title="The ResourceQuota of a space is written by cotenant",
            why="Whoever writes it gives itself the tenant's share of others; its marks of strict accounting switch refunds off, and a finalizer "
            "holds up the end of the namespace, with its share.",
            way_out="change spec.quota of the Tenant or of the Space",
        ),
        Rule(
            id="COTENANT-QUOTA-5",
            title="The ResourceQuota of a space is not deleted",
            why="Without it nothing is limited.",
            way_out="it goes with the namespace, or when that is released",
        ),
        Rule(
            id="COTENANT-QUOTA-6",
            title="A limit is lowered, and storage limited, together with the label by which charges are bound to it",
            why="Of quotas that are counted strictly the charges of those alone are looked at that carry it.",
            way_out="cotenant sets it and takes it off; nobody else lowers a limit",
        ),
    ),
)


STRICT = Policy(
    name="cotenant-strict",
    about="the status of ResourceQuotas, where strict accounting is installed",
    parameters=False,
    rules=(
        Rule(
            id="COTENANT-STRICT-1",
            title="The quota controller takes off what is used only after two quiet seconds, while an operator lives",
            why="It counts from a cache: what began meanwhile would be left out, and as much again could be made.",
            way_out="nothing is needed: cotenant gives back what is deleted, and the controller counts again when it is quiet",
        ),
    ),
)


def catalogue() -> tuple[Policy, ...]:
    """Every policy with its rules, in the order of installation."""
    return (LEASH, GUARD, *admission_policies(Platform()), QUOTA, STRICT)


def rules() -> dict[str, tuple[Policy, ...]]:
    """Rules by id, each with the policies that enforce it."""
    found: dict[str, tuple[Policy, ...]] = {}
    for policy in catalogue():
        for rule in policy.rules:
            found[rule.id] = (*found.get(rule.id, ()), policy)
    return found


def rule(identifier: str) -> Rule | None:
    """The rule of an id, in capitals or not."""
    wanted = identifier.upper()
    return next((one for policy in catalogue() for one in policy.rules if one.id == wanted), None)
