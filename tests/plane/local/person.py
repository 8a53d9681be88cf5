"""Somebody at a terminal of their own: real `aws` and `kubectl`, with an IAM key and a kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
            command, env={**self.env, **more}, capture_output=True, text=True, timeout=60, check=False
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
