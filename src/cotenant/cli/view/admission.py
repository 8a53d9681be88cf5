"""Rules of the API server for people: the page docs/reference/policies.md, and what `cotenant policies` prints."""

from __future__ import annotations

from typing import Any

from cotenant.api.markdown import cell
from cotenant.render.install.admission.catalogue import catalogue, rules
from cotenant.render.install.admission.rule import Policy, Rule

HEAD = """# Rules inside the API server

<!-- Generated from src/cotenant/render/install/admission: change it there and run make docs. -->

What RBAC cannot say is said by ValidatingAdmissionPolicies: inside the API server, without a webhook, and whether or not the operator
runs. They look at nothing outside namespaces with the label `cotenant.dev/tenant`. What a tenant may is in the SpacePolicy `policy` of
each of its spaces: `kubectl get spacepolicy policy -o yaml`. A refusal begins with the id of the rule; `cotenant policies explain ID`
says the same as this page.

- **One policy writes**, where the API server serves MutatingAdmissionPolicy (Kubernetes 1.36): `cotenant-pools` puts the selector and the
  tolerations of `nodes.pool` into pods and DaemonSets. `COTENANT-POD-4`, `-5` and `-9` look at what comes out, whoever wrote it.
- **No SpacePolicy, nothing new.** Without it the API server answers `no params found for policy binding`: the space is being made, or the
  operator does not run. What exists may still be updated, or a namespace whose SpacePolicy is deleted first would never end.
- **Tightening a rule evicts nobody.** What runs keeps running; what it keeps of images and classes may stay in later updates.
- **A rule may be tried out first**, by rule and tenant: `spec.enforcement` for all of them and `spec.rules` for single ones say `observe`,
  `warn` or `enforce`. Only rules about what a tenant may use can be tried out; what reaches into others (*firm* below), and what has no
  SpacePolicy, always refuses. What would be refused today: `cotenant policies check TENANT`.
- **What breaks a rule is in the audit log**, refused or not, as annotations `<policy>/tenant`, `<policy>/space`, `<policy>/rule` and
  `<policy>/mode`. With a good answer that means: broken by somebody who is above the rule. What breaks none is not annotated: that would cost
  every request as much again as being looked at; the namespace of the event says whose it is.
- **Who is above a rule**: where a rule says so, whoever may do the very same thing in the whole cluster. Everybody else is below every rule,
  administrators too: what a tenant may not run, nobody runs for it. Change the Tenant instead.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for policy in catalogue():
        parts += [f"## {policy.name}", "", f"About {policy.about}.", "", *rows(policy), ""]
    return "\n".join(parts)


def rows(policy: Policy) -> list[str]:
    """The rules of a policy as a table."""
    head = ["| Rule | What holds | Why | Way out |", "| --- | --- | --- | --- |"]
    return head + [
        f"| `{one.id}` | {cell(one.title)}{leaf(one)}{above(one)} | {cell(one.why)} | {cell(one.way_out)} |"
        for one in policy.rules
    ]


def leaf(one: Rule) -> str:
    """The field of the Tenant that decides."""
    return f" (`{one.leaf}`)" if one.leaf else ""


def above(one: Rule) -> str:
    """Whether somebody is above it, and whether it always refuses."""
    return ("; the platform is above it" if one.unless else "") + ("; *firm*" if one.firm else "")


def told(one: Rule) -> dict[str, Any]:
    """A rule as data, for -o json."""
    return {
        "id": one.id,
        "title": one.title,
        "why": one.why,
        "wayOut": one.way_out,
        "field": one.leaf,
        "policies": [policy.name for policy in rules()[one.id]],
        "about": [policy.about for policy in rules()[one.id]],
        "platformIsAbove": bool(one.unless),
        "firm": one.firm,
    }


def explained(one: Rule) -> str:
    """A rule in one screen."""
    lines = [
        f"{one.id}: {one.title}",
        "",
        f"Why       {one.why}",
        f"About     {'; '.join(policy.about for policy in rules()[one.id])}",
        f"Policy    {', '.join(policy.name for policy in rules()[one.id])}",
    ]
    if one.leaf:
        lines.append(
            f"Decided   spec.{one.leaf} of the Tenant or its profile; in force: kubectl get spacepolicy policy -o yaml"
        )
    if one.firm:
        lines.append("Mode      always refuses: it reaches into other tenants")
    if one.unless:
        lines.append("Above it  whoever may do the same in the whole cluster")
    return "\n".join([*lines, f"Way out   {one.way_out}"])
