"""A hold on the AWS side of a plane that runs: its address, keys, calls, and levers for tests."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cotenant.local.eks import journal
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.journal import Call
from cotenant.local.eks.program import Files
from cotenant.local.errors import ControlPlaneError

_LEVERS = {"fail": "/cotenant/faults", "delay": "/cotenant/delay"}


@dataclass(frozen=True)
class Aws:
    """`administrators`: account -> the access key of its administrator."""

    url: str
    cluster: Cluster
    administrators: Mapping[str, Mapping[str, str]]
    files: Files

    @classmethod
    def of(cls, files: Files) -> Aws:
        try:
            found = json.loads(files.answer.read_text())
        except FileNotFoundError:
            raise ControlPlaneError("this control plane has no AWS side; start one: cotenant dev up --eks") from None
        cluster = Cluster(**{**found["cluster"], "accounts": tuple(found["cluster"]["accounts"])})
        return cls(found["url"], cluster, found["administrators"], files)

    def env(self, key: Mapping[str, str] | None = None) -> dict[str, str]:
        """What sends `aws`, boto3 and kubectl's exec plugin here: as the administrator, or with a key of IAM or STS."""
        return environment(self.url, self.cluster.region, key or self.administrators[self.cluster.account])

    def mark(self) -> int:
        """This moment in the journal."""
        return self.files.journal.stat().st_size if self.files.journal.exists() else 0

    def calls(self, since: int = 0) -> list[Call]:
        """What AWS and the API server's webhooks were asked since a mark, in order."""
        return list(journal.read(self.files.journal, since))

    def fail(self, operation: str, code: str, message: str = "", *, status: int = 400, times: int = 1) -> None:
        """The next answers to an operation."""
        self._pull(
            "fail", {"operation": operation, "code": code, "message": message or code, "status": status, "times": times}
        )

    def delay(self, seconds: float) -> None:
        """Access entries made from now on show themselves only so much later."""
        self._pull("delay", {"seconds": seconds})

    def _pull(self, lever: str, wish: Mapping[str, Any]) -> None:
        body, headers = json.dumps(wish).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{_LEVERS[lever]}", body, headers)  # noqa: S310 - loopback
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request):
            pass


def environment(url: str, region: str, key: Mapping[str, str]) -> dict[str, str]:
    """AWS_… for `aws`, boto3 and kubectl's exec plugin. AWS_SESSION_TOKEN is there even when empty: none of the shell's."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_SESSION_TOKEN": key.get("SessionToken", ""),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
