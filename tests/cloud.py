"""An account with a cluster that people enter by IAM, and cotenant looking after its access entries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3

from cotenant.local.handle import Handle
from cotenant.model.iam import awsauth, history
from cotenant.model.iam.policy import policy
from installation import Answer, Cluster
from program import answered

ACCOUNT, NAME, REGION = "111122223333", "cotenant-dev", "us-east-1"
BIN = Path(sys.executable).parent
NODES = """\
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/node-role      # existing node mapping, must survive
  username: system:node:{{EC2PrivateDNSName}}
"""
TRUST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}

KEEPING = """#!/bin/sh
case "$*" in
*"eks get-token"*)
  kept={folder}/token-$(echo "$*" | cksum | cut -d' ' -f1)
  [ -n "$(find $kept -mmin -10 2>/dev/null)" ] || {aws} "$@" > $kept || exit
  exec cat $kept ;;
esac
exec {aws} "$@"
"""


def keeping(folder: Path) -> Path:
    """A folder for PATH with an aws that keeps tokens, one for each way to ask. For one identity of an IAM key alone.

    For who is only scenery: a real token serves ten minutes. Else each command begins with one, and costs a second.
    """
    folder.mkdir()
    (folder / "aws").write_text(KEEPING.format(aws=BIN / "aws", folder=folder))
    (folder / "aws").chmod(0o755)
    return folder


class Shell:
    """Somebody's terminal: real aws, kubectl and cotenant, with an IAM key and a kubeconfig of his own."""

    def __init__(self, plane: Handle, home: Path, key: dict[str, str] | None = None) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.env = {**plane.environment(home / "config"), **plane.aws.env(key), "HOME": str(home)}
        self.env["PATH"] = f"{BIN}:{os.environ['PATH']}"

    def run(self, *command: str, stdin: str | None = None) -> Answer:
        done = subprocess.run(
            command, env=self.env, input=stdin, capture_output=True, text=True, timeout=300, check=False
        )
        return Answer(" ".join(command), done.returncode, done.stdout, done.stderr)

    def aws(self, *command: str) -> Answer:
        return self.run("aws", *command)

    def kubectl(self, *command: str, stdin: str | None = None) -> Answer:
        return self.run("kubectl", *command, stdin=stdin)

    def cotenant(self, *command: str) -> Answer:
        """Within this process; kubeconfig, credentials and `aws` are this terminal's."""
        return answered(command, environment=self.env, seconds=300)

    def login(self, *more: str) -> Answer:
        """The way to a kubeconfig that AWS documents."""
        return self.aws("eks", "update-kubeconfig", "--name", NAME, *more)

    def keep_token(self) -> None:
        """For who is only scenery: see keeping."""
        self.env["PATH"] = f"{keeping(self.home / 'bin')}:{self.env['PATH']}"


class AwsAuth:
    """The ConfigMap, written and read without kubectl."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def of_nodes(self) -> None:
        """As a managed node group makes it."""
        self.write(mapRoles=NODES)

    def write(self, **data: str) -> None:
        metadata = {"name": awsauth.NAME, "namespace": awsauth.NAMESPACE}
        self.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def data(self) -> dict[str, str]:
        return dict(self.cluster.there("ConfigMap", awsauth.NAME, awsauth.NAMESPACE).get("data", {}))

    def clear(self) -> None:
        """Neither it nor a revision of it is there."""
        for name in (awsauth.NAME, history.NAME):
            if self.cluster.get("ConfigMap", name, awsauth.NAMESPACE):
                self.cluster.delete("ConfigMap", name, awsauth.NAMESPACE)


class Cloud:
    """An account with a cluster on which cotenant looks after access entries, by the rights that `iam policy` prints."""

    def __init__(self, plane: Handle, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        key = plane.aws.administrators[ACCOUNT]
        given = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.clients = [
            boto3.client(name, endpoint_url=plane.aws.url, region_name=REGION, **given)
            for name in ("iam", "sts", "eks")
        ]
        self.iam, self.sts, self.eks = self.clients
        self.cluster = Cluster(plane, folder)
        self.cluster.install()
        operator = self.cluster.operator
        operator.flags = ("--eks-cluster", NAME, "--aws-region", REGION)
        operator.environment = plane.aws.env(self.user("cotenant-operator", policy(NAME, REGION, ACCOUNT)))
        operator.start()

    def user(self, name: str, *policies: dict) -> dict[str, str]:
        """A new IAM user's key."""
        self.iam.create_user(UserName=name)
        for at, one in enumerate(policies):
            self.iam.put_user_policy(UserName=name, PolicyName=f"p{at}", PolicyDocument=json.dumps(one))
        found: dict[str, str] = self.iam.create_access_key(UserName=name)["AccessKey"]
        return found

    def role(self, name: str, path: str = "/", *, described: bool = True) -> str:
        """A new role that everybody in the account may assume; it may find the cluster."""
        trust = {"Version": "2012-10-17", "Statement": [TRUST]}
        made = self.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
        if described:
            document = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"}],
            }
            self.iam.put_role_policy(RoleName=name, PolicyName="find", PolicyDocument=json.dumps(document))
        arn: str = made["Role"]["Arn"]
        return arn

    def session(self, role: str, name: str = "ann") -> dict[str, str]:
        found: dict[str, str] = self.sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
        return found

    def shell(self, name: str, key: dict[str, str] | None = None) -> Shell:
        return Shell(self.plane, self.folder / name, key)

    def close(self) -> None:
        self.cluster.operator.stop()
        for one in self.clients:
            one.close()
