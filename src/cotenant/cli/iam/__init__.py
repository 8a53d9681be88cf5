"""`cotenant iam`: IAM principals and what the cluster makes of them."""

from __future__ import annotations

import click

from cotenant.cli.iam.importing import importing
from cotenant.cli.iam.listing import listing
from cotenant.cli.iam.planning import apply, plan
from cotenant.cli.iam.policy import policy
from cotenant.cli.iam.rollback import rollback
from cotenant.cli.iam.template import boundary, tags, trust
from cotenant.cli.iam.workloads import workloads


@click.group()
def iam() -> None:
    """IAM principals of tenants, and what the cluster makes of them.

    Members by iamRole, iamUser and permissionSet become access entries of EKS, or items of aws-auth where that is what
    the cluster reads. What cotenant did not write is never touched.
    """


for each in (listing, plan, apply, rollback, policy, importing, workloads, trust, boundary, tags):
    iam.add_command(each)
