"""`cotenant iam policy`: the IAM policy that the operator needs, and no more."""

from __future__ import annotations

import json
import re

import click

from cotenant.cli import ANSWERED
from cotenant.model.iam.policy import policy as made

CLUSTER = r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}"
"""Of botocore's model: ClusterName."""
REGION = r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"
ACCOUNT = r"[0-9]{12}"
PARTITION = r"aws(-[a-z]+)*"


@click.command()
@click.option("--eks-cluster", "cluster", metavar="NAME", required=True, help="Name of the EKS cluster.")
@click.option("--region", metavar="REGION", required=True, help="Its region.")
@click.option("--account", metavar="ID", required=True, help="Its account, 12 digits.")
@click.option("--partition", metavar="NAME", default="aws", show_default=True, help="aws, aws-cn or aws-us-gov.")
def policy(*, cluster: str, region: str, account: str, partition: str) -> int:
    """The least that the operator's role must be allowed: entries of one cluster that carry cotenant's tag. Asks nobody.

    Attach it to the role that the operator's ServiceAccount carries by Pod Identity or IRSA.
    """
    for flag, text, shape, words in (
        ("--eks-cluster", cluster, CLUSTER, "a cluster has up to 100 letters, digits, - and _, the first no sign"),
        ("--region", region, REGION, "a region is written like eu-west-1"),
        ("--account", account, ACCOUNT, "an AWS account has 12 digits"),
        ("--partition", partition, PARTITION, "a partition is written like aws or aws-us-gov"),
    ):
        if not re.fullmatch(shape, text, re.ASCII):
            raise click.UsageError(f"{flag} {text}: {words}")
    click.echo(json.dumps(made(cluster, region, account, partition), indent=2))
    return ANSWERED
