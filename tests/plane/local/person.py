"""Somebody at a terminal of their own, with real `aws` and `kubectl`; and the hands of the administrator, who prepares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import boto3

from cotenant.local.eks.accesspolicies import ARN
from unit.local.eks.iam import ACCOUNT, CLUSTER, trust

BIN = Path(sys.executable).parent


class Person:
    """`key` as IAM and STS answer it; None is the administrator."""

    def __init__(self, plane, home, key=None):
        self.home = home
        home.mkdir(exist_ok=True)
        self.env = {
            **plane.environment(home / "config"), **plane.aws.env(key), "HOME": str(home),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }  # fmt: skip

    def run(self, *command, **more):
        """The finished process."""
        return subprocess.run(
            command, env={**self.env, **more}, capture_output=True, text=True, timeout=300, check=False
        )

    def aws(self, *arguments, **more):
        """What `aws` answers, from its JSON."""
        done = self.run("aws", *arguments, **more)
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout or "{}")
        except ValueError:
            return done.stdout

    def kubectl(self, *arguments, **more):
        return self.run("kubectl", *arguments, **more)

    def sets_up_kubectl(self, *arguments):
        """`aws eks update-kubeconfig`, as everybody does; the kubeconfig is the one that KUBECONFIG names."""
        return self.aws("eks", "update-kubeconfig", "--name", "cotenant-dev", *arguments)

    def token(self, cluster="cotenant-dev"):
        return self.aws("eks", "get-token", "--cluster-name", cluster)["status"]["token"]

    def who(self):
        """(username, groups) as `kubectl auth whoami` says; or what it says instead."""
        done = self.kubectl("auth", "whoami", "-o", "json")
        if done.returncode:
            return done.stderr
        info = json.loads(done.stdout)["status"]["userInfo"]
        return info["username"], sorted(set(info["groups"]) - {"system:authenticated"})


class Cloud:
    """The administrator's hands: boto3 for what is only prepared."""

    def __init__(self, plane):
        self.plane = plane
        key = plane.aws.administrators[ACCOUNT]
        self._made = []
        self._given = {
            "endpoint_url": plane.aws.url, "region_name": "us-east-1",
            "aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"],
        }  # fmt: skip
        self.iam, self.sts, self.eks = (self._client(name) for name in ("iam", "sts", "eks"))

    def _client(self, name):
        self._made.append(boto3.client(name, **self._given))
        return self._made[-1]

    def close(self):
        for client in self._made:
            client.close()

    def role(self, *, path="/", name="", by=f"arn:aws:iam::{ACCOUNT}:root"):
        document = json.dumps(trust(by))
        made = self.iam.create_role(
            RoleName=name or f"r{uuid4().hex[:8]}", Path=path, AssumeRolePolicyDocument=document
        )
        return made["Role"]["Arn"]

    def user(self, *policies):
        name = f"u{uuid4().hex[:8]}"
        arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        for number, policy in enumerate(policies):
            self.iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
        return arn, self.iam.create_access_key(UserName=name)["AccessKey"]

    def session(self, role, name="ann"):
        return self.sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]

    def entry(self, arn, **fields):
        return self.eks.create_access_entry(clusterName=CLUSTER, principalArn=arn, **fields)["accessEntry"]

    def policy(self, arn, name, *namespaces):
        scope = {"type": "namespace", "namespaces": list(namespaces)} if namespaces else {"type": "cluster"}
        self.eks.associate_access_policy(
            clusterName=CLUSTER, principalArn=arn, policyArn=f"{ARN}{name}", accessScope=scope
        )


def aws_auth_of(plane):
    """Writes the ConfigMap; without data it is deleted."""
    wire, path = plane.wire(), "/api/v1/namespaces/kube-system/configmaps"

    def write(**data):
        body = {"metadata": {"name": "aws-auth"}, "data": data}
        if not data:
            wire.request("DELETE", f"{path}/aws-auth")
        elif wire.json("PUT", f"{path}/aws-auth", body)[0] == 404:
            wire.expect("POST", path, body)

    return write
