"""`cotenant kubeconfig TENANT`: one context a space, signed in by IAM."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cotenant.api.keys import home_of
from cotenant.api.tenant import Tenant
from cotenant.cli import ANSWERED, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.cluster.standing import spaces_of
from cotenant.cli.iam.stores import OPTIONS, guess, parsed
from cotenant.cli.settings_source import merged
from cotenant.cli.view.output import say, yaml_text
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import TENANTS
from cotenant.model.arn import refusal
from cotenant.model.iam.claims import canonical, may_be, target

EXEC = "client.authentication.k8s.io/v1beta1"


@click.command()
@click.argument("tenant")
@click.option("--role-arn", metavar="ARN", help="IAM role that is assumed on the way; else the caller's own identity.")
@OPTIONS[0]
@OPTIONS[1]
@OPTIONS[2]
@cluster_flags
def kubeconfig(
    *,
    tenant: str,
    role_arn: str | None,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """Print a kubeconfig with one context for each space of TENANT, the first of them current.

    Address and certificate are those of the context in use. On EKS kubectl signs in by `aws eks get-token`, which needs
    no IAM permission; elsewhere the context's own user is taken over. Exit 0; 2 if there is none to print.
    """
    if role_arn and (reason := refusal(role_arn)):
        raise click.UsageError(f"--role-arn: {role_arn} {reason}")

    async def work(cluster: Cluster) -> dict[str, Any]:
        home = home_of(tenant)
        if doubt := await checked(cluster.client, tenant, role_arn):
            say(doubt)
        listed = await spaces_of(cluster.client, home)
        names = sorted(name for one in listed if (name := one.get("status", {}).get("namespace")))
        context = cluster.client.transport.context
        source, mine = whole(context, flags.get("kubeconfig"))
        settings = merged({}, os.environ)
        known = guess(context, flags.get("kubeconfig"))
        name = cluster_name or settings.eks_cluster or known[1]
        if role_arn and not name:
            raise Failure("which EKS cluster is meant is not known: --eks-cluster NAME --region REGION")
        where = region or settings.aws_region or known[0]
        user = signed(name, where, role_arn, aws_profile) if name else part(source, "users", "user", mine.get("user"))
        return written(tenant, [*names, home], part(source, "clusters", "cluster", mine.get("cluster")), user)

    click.echo(yaml_text(ask(work, **flags)), nl=False)
    return ANSWERED


async def checked(client: Client, tenant: str, role: str | None) -> str:
    """What speaks against a kubeconfig, "" for nothing, or nothing that the caller may see. Raises Failure for no tenant."""
    try:
        found = await client.get(TENANTS, tenant, type=Tenant)
    except NotFound as error:
        raise Failure(f"there is no tenant {tenant}; see: cotenant get tenants") from error
    except Forbidden:
        return ""  # a member, who sees the home and not the Tenant
    if role is None:
        return ""
    wished = [target(one) for one in found.spec.members or () if one.by_iam]
    meant = any(canonical(one) == canonical(role) or may_be(role, [one]) for one in wished)
    return "" if meant else f"{role} is no member of tenant {tenant}: who signs in by it has no rights there"


def whole(context: str, path: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The kubeconfig that holds a context, and that context. Raises Failure."""
    source = path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    for one in source.split(os.pathsep):
        try:
            found = parsed(Path(one).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for each in found.get("contexts") or ():
            if each.get("name") == context:
                return found, each.get("context") or {}
    raise Failure(f"no kubeconfig holds context {context or '(none)'}")


def part(source: dict[str, Any], listed: str, key: str, name: Any) -> dict[str, Any]:
    """One cluster or user of a kubeconfig. Raises Failure."""
    for one in source.get(listed) or ():
        if one.get("name") == name:
            found: dict[str, Any] = one.get(key) or {}
            return found
    raise Failure(f"the kubeconfig has no {key} {name}")


def signed(name: str, region: str, role: str | None, profile: str | None) -> dict[str, Any]:
    """A user who signs in by IAM, as `aws eks update-kubeconfig` writes it."""
    arguments = [
        *(("--region", region) if region else ()),
        "eks",
        "get-token",
        "--cluster-name",
        name,
        "--output",
        "json",
    ]
    arguments += ["--role", role] if role else []
    plugin: dict[str, Any] = {"apiVersion": EXEC, "command": "aws", "args": arguments, "interactiveMode": "IfAvailable"}
    if profile:
        plugin["env"] = [{"name": "AWS_PROFILE", "value": profile}]
    return {"exec": plugin}


def written(tenant: str, namespaces: list[str], cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """The kubeconfig. Contexts bear the names of their namespaces."""
    contexts = [{"name": one, "context": {"cluster": tenant, "user": tenant, "namespace": one}} for one in namespaces]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": tenant, "cluster": cluster}],
        "users": [{"name": tenant, "user": user}],
        "contexts": contexts,
        "current-context": namespaces[0],
    }
