"""`cotenant iam policy`: the IAM policy that the operator needs, and no more."""

from __future__ import annotations

import json

import click

from cotenant.cli import ANSWERED
from cotenant.model.iam.policy import policy as made


@click.command()
@click.option("--eks-cluster", "cluster", metavar="NAME", required=True, help="Name of the EKS cluster.")
@click.option("--region", metavar="REGION", required=True, help="Its region.")
@click.option("--account", metavar="ID", required=True, help="Its account, 12 digits.")
@click.option("--partition", metavar="NAME", default="aws", show_default=True, help="aws, aws-cn or aws-us-gov.")
def policy(*, cluster: str, region: str, account: str, partition: str) -> int:
    """The least that the operator's role must be allowed: entries of one cluster that carry cotenant's tag. Asks nobody.

    Attach it to the role that the operator's ServiceAccount carries by Pod Identity or IRSA.
    """
    if not (account.isascii() and account.isdigit() and len(account) == 12):
        raise click.UsageError(f"--account {account}: an AWS account has 12 digits")
    click.echo(json.dumps(made(cluster, region, account, partition), indent=2))
    return ANSWERED
