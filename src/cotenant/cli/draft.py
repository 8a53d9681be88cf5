"""What `can -f` asks: manifests that are in no cluster yet, so that a change can be judged before it is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from cotenant.cli import Failure
from cotenant.cli.access import identity
from cotenant.cli.iam.resolution import EVERYBODY, Resolved
from cotenant.cli.manifests import Manifests, load
from cotenant.cli.question import Asked, Question
from cotenant.cli.render import offline
from cotenant.cli.settings_source import merged as settled
from cotenant.cli.view.forecast import Forecast
from cotenant.model.access import access
from cotenant.model.arn import arn
from cotenant.model.iam.claims import Claim, Person, canonical, claims, guarded, merged, people
from cotenant.model.iam.ways import ways
from cotenant.model.platform import Platform
from cotenant.model.rights import Grant, grants
from cotenant.render.install.members import member_roles

ENTRY = "access entry, once cotenant has made it"


def drafted(asked: Question, files: Sequence[str], namespace: str) -> Asked:
    """The answer by the RoleBindings that Tenants and Spaces become, and by nothing else. Raises Failure.

    Roles of the platform's own, other bindings and EKS access policies are in no such file.
    """
    found = load(files)
    platform = settled({}, os.environ).platform
    forecast = offline(found, platform)
    ask = asked.ask._replace(namespace=namespace)
    if namespace and namespace not in spaces(forecast):
        raise Failure(f"namespace {namespace} is none that these files make: {', '.join(sorted(spaces(forecast)))}")
    if asked.principal:
        who = entered(found, platform, asked.principal)
    elif asked.subject:
        who = Resolved("", *identity(asked.subject))
    else:
        raise Failure("nobody is signed in to a file: name --iam ARN or --subject WHO")
    given = bound(forecast)
    groups = (*who.groups, EVERYBODY)
    return Asked(ask, who, groups, tuple(ways(ask, who.username, groups, (), given)), given)


def spaces(forecast: Forecast) -> set[str]:
    """Every namespace that comes of the files."""
    return {one.manifest["metadata"]["name"] for one in forecast.ordered() if one.ref.kind == "Namespace"}


def bound(forecast: Forecast) -> tuple[Grant, ...]:
    """The RoleBindings that come of the files, with the rules of cotenant's own roles."""
    bindings = [one.manifest for one in forecast.ordered() if one.ref.kind in ("RoleBinding", "ClusterRoleBinding")]
    return tuple(grants(bindings, member_roles()))


def entered(found: Manifests, platform: Platform, principal: str) -> Resolved:
    """Whom the cluster would take a principal for; nobody where no tenant lists it."""
    now = datetime.now(UTC)
    wished: list[Claim] = []
    users: list[Person] = []
    for one in found.tenants:
        name = one.metadata.name
        wished += claims(name, access(one.spec.members or [], platform, now, name))
        users += people(name, one.spec.members or [])
    shape = arn(principal)
    role = shape.role if shape and shape.is_session else principal
    for wish in merged(guarded(wished, users), [role]).wishes:
        if wish.key == canonical(role):
            return Resolved(principal, wish.username, list(wish.groups), ENTRY, "cotenant")
    return Resolved(principal)
