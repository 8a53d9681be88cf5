"""`cotenant policies`: the rules inside the API server, told without a cluster."""

from __future__ import annotations

import difflib

import click

from cotenant.cli import Failure
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, table, write, yaml_text


@click.group(short_help="The rules inside the API server: list, explain, export.")
def policies() -> None:
    """The rules inside the API server. Needs no cluster: what a refusal begins with is the id of a rule."""


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
@click.option("--as", "kind", type=click.Choice(["vap"]), default="vap", help="vap: ValidatingAdmissionPolicies.")
@click.option("--roles", "names", metavar="A,B", help="Roles that members may have, as in cotenant install.")
def export(*, kind: str, names: str | None) -> None:  # noqa: ARG001 - one kind so far, accepted so that scripts say which
    """The policies and their bindings as YAML: what `cotenant install` applies of them."""
    from cotenant.model.platform import Platform
    from cotenant.render.install import deny

    platform = Platform(roles=tuple(names.split(","))) if names else Platform()
    click.echo(yaml_text(*deny(platform)), nl=False)
