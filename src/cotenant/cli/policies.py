"""`cotenant policies`: the rules inside the API server, told without a cluster; and what would break them today."""

from __future__ import annotations

import difflib
from typing import Any

import click
from msgspec.structs import asdict

from cotenant.cli import ANSWERED, PARTLY, SOMETHING, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, say, table, write, yaml_text


@click.group(short_help="The rules inside the API server: list, explain, check, count, export.")
def policies() -> None:
    """The rules inside the API server. What a refusal begins with is the id of a rule. Only check needs a cluster."""


@policies.command("list")
@output_flag("json", "yaml")
@NO_HEADERS
def listing(*, output: str | None, no_headers: bool) -> None:
    """Every rule, one a line."""
    from cotenant.cli.view.admission import told
    from cotenant.render.install.admission.catalogue import rule, rules

    found = [one for each in rules() if (one := rule(each))]
    if output:
        write(document("PolicyRules", rules=[told(one) for one in found]), output)
        return
    rows = [(one.id, one.leaf, one.title) for one in found]
    click.echo(table(("RULE", "FIELD", "HOLDS"), rows, headers=not no_headers))


@policies.command()
@click.argument("identifier", metavar="ID")
@output_flag("json", "yaml")
def explain(*, identifier: str, output: str | None) -> None:
    """What a rule says, why, and who can change what. ID as in a refusal: COTENANT-POD-1. Exit 2: no such rule."""
    from cotenant.cli.view.admission import explained, told
    from cotenant.render.install.admission.catalogue import rule, rules

    found = rule(identifier)
    if found is None:
        close = difflib.get_close_matches(identifier.upper(), rules(), 1)
        hint = f"did you mean {close[0]}?" if close else "see: cotenant policies list"
        raise Failure(f"no rule {identifier}; {hint}")
    if output:
        write(document("PolicyRule", **told(found)), output)
    else:
        click.echo(explained(found))


@policies.command()
@click.argument("tenants", metavar="[TENANT…]", nargs=-1)
@output_flag("json", "yaml")
@NO_HEADERS
@cluster_flags
def check(*, tenants: tuple[str, ...], output: str | None, no_headers: bool, **flags: Any) -> int:
    """What runs today and would be refused if every rule refused. Without a name: of all tenants.

    Each object is asked for once more, as a dry run that changes nothing; the API server answers by what its policies and
    the Tenant say now. For rules that observe or warn, before they are enforced. Also named: PodDisruptionBudgets that
    together, or by the number of their pods, let no pod go. Exit 0: nothing; 1: something; 2: no answer;
    3: not everything could be asked.
    """
    from cotenant.cli.cluster.trial import Trial, tried

    async def work(cluster: Cluster) -> Trial:
        say(f"cluster {cluster.name}: nothing will be changed")
        return await tried(cluster.client, tenants)

    found = ask(work, **flags)
    if output:
        refused = [asdict(one) for one in found.refused]
        held = [asdict(one) for one in found.held]
        write(document("PolicyTrial", asked=found.asked, refused=refused, unasked=found.unasked, held=held), output)
    elif found.refused:
        rows = [(one.namespace, one.kind, one.name, one.rule, one.message.partition(";")[0]) for one in found.refused]
        click.echo(table(("NAMESPACE", "KIND", "NAME", "RULE", "WHAT"), rows, headers=not no_headers))
    say(f"{found.asked} objects asked for once more, {len(found.refused)} would be refused")
    for kept in found.held:
        say(f"no rule refuses it, and no eviction passes: {kept.namespace}: {kept.budgets}: {kept.why}")
    for one in found.unasked:
        say(f"not asked: {one}")
    if found.refused:
        return SOMETHING
    return PARTLY if found.unasked else ANSWERED


@policies.command()
@click.option("--audit", "file", metavar="FILE", required=True, help="An audit log, one event a line; - for stdin.")
@output_flag("json", "yaml")
@NO_HEADERS
def count(*, file: str, output: str | None, no_headers: bool) -> int:
    """How often each rule was broken, by tenant, out of an audit log of API servers.

    For rules that observe or warn: what would have been refused in the days that the log covers. Dry runs are not counted.
    Exit 0: nothing was broken; 1: something; 2: no audit event was found; 3: some lines are none.
    """
    from cotenant.model.trail import tally

    try:
        with click.open_file(file, "rb") as log:
            found = tally(log)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from error
    if not found.events:
        raise Failure(f"{file} holds no event of an audit log, of which each line is a JSON object with an auditID")
    if output:
        broken = [asdict(one) | {"requests": times} for one, times in sorted(found.counts.items())]
        write(document("PolicyCounts", events=found.events, unread=found.unread, broken=broken), output)
    elif found.counts:
        rows = [(*names, str(times)) for *names, times in found.rows()]
        click.echo(table(("TENANT", "RULE", "OUTCOME", "REQUESTS"), rows, headers=not no_headers))
    say(f"{found.events} events, {sum(found.counts.values())} times a rule was broken")
    if found.unread:
        say(f"{found.unread} lines hold no event, the first of them is line {found.first_unread}")
        return PARTLY
    return SOMETHING if found.counts else ANSWERED


@policies.command()
@click.option(
    "--as",
    "kind",
    type=click.Choice(["vap", "kyverno"]),
    default="vap",
    help="vap: ValidatingAdmissionPolicies; kyverno: ValidatingPolicies of Kyverno, as far as it can.",
)
@click.option("--roles", "names", metavar="A,B", help="Roles that members may have, as in cotenant install.")
def export(*, kind: str, names: str | None) -> None:
    """The policies as YAML: what `cotenant install` applies of them, or the same rules for Kyverno.

    For Kyverno those about what a tenant may use; what is left out is said on stderr. They are no substitute: see
    docs/how-to/tighten-rules.md.
    """
    from cotenant.model.platform import Platform
    from cotenant.render.install import deny
    from cotenant.render.install.admission import kyverno

    platform = Platform(roles=tuple(names.split(","))) if names else Platform()
    if kind == "vap":
        click.echo(yaml_text(*deny(platform)), nl=False)
        return
    click.echo(yaml_text(*kyverno.exported(platform)), nl=False)
    say(f"left out, for Kyverno's expressions cannot ask who is above them: {', '.join(kyverno.left_out(platform))}")
