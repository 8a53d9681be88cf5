"""The endpoint as one of the plane's programs: its files, and what the API server has to know of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cotenant.local import kubeconfig, pki
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import MotoMissing
from cotenant.local.eks.order import ACCESS, CERTIFICATE, TOKENS, Order
from cotenant.local.pki import Authority

NAME = "eks"
_MARK = "sigs.k8s.io/aws-iam-authenticator/principalId"
_SECONDS = "10s"


@dataclass(frozen=True)
class Files:
    """Where they lie in the folder of a plane."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def order(self) -> Path:
        return self.root / "run" / "eks.json"

    @property
    def answer(self) -> Path:
        """Address and administrators' keys, there once the endpoint listens. Only its owner can read it."""
        return self.root / "run" / "aws.json"

    @property
    def journal(self) -> Path:
        return self.root / "audit" / "aws.log"

    @property
    def tokens(self) -> Path:
        return self.root / "kubeconfig" / "eks-tokens.kubeconfig"

    @property
    def access(self) -> Path:
        return self.root / "kubeconfig" / "eks-access.kubeconfig"

    @property
    def authorization(self) -> Path:
        return self.root / "run" / "authorization.json"


def check() -> None:
    """MotoMissing, said before anything is started."""
    if find_spec("moto") is None or find_spec("botocore") is None:
        raise MotoMissing


def certify(files: Files, authority: Authority) -> None:
    """One identity for both directions: the API server towards the webhooks, and the endpoint where it reads aws-auth."""
    pki.write(files.pki, CERTIFICATE, authority.client("eks:authenticator", ("system:masters",)))


def prepare(files: Files, cluster: Cluster, aws_port: int, webhook_port: int, version: str) -> None:
    """Writes what the endpoint and the API server read at their start."""
    files.answer.unlink(missing_ok=True)
    ca, pair = (files.pki / "ca.crt").read_bytes(), pki.read(files.pki, CERTIFICATE)
    for path, place in ((files.tokens, TOKENS), (files.access, ACCESS)):
        url = f"https://127.0.0.1:{webhook_port}{place}"
        kubeconfig.save(path, kubeconfig.for_certificate(url, ca, "kube-apiserver", pair))
    files.authorization.write_text(json.dumps(_authorization(files.access)))
    Order(
        cluster=asdict(cluster),
        aws_port=aws_port,
        webhook_port=webhook_port,
        pki=str(files.pki),
        state=str(files.root / "run" / "state.json"),
        journal=str(files.journal),
        answer=str(files.answer),
        version=".".join(version.split(".")[:2]),
    ).save(files.order)


def _authorization(access: Path) -> dict[str, Any]:
    """Access policies after RBAC, and only for those who signed in by IAM: nobody else's denial costs a call."""
    webhook = {
        "authorizedTTL": _SECONDS,
        "unauthorizedTTL": _SECONDS,
        "timeout": "3s",
        "subjectAccessReviewVersion": "v1",
        "matchConditionSubjectAccessReviewVersion": "v1",
        "failurePolicy": "NoOpinion",
        "connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": str(access)},
        "matchConditions": [{"expression": f"has(request.extra) && '{_MARK}' in request.extra"}],
    }
    authorizers = [
        {"type": "Node", "name": "node"},
        {"type": "RBAC", "name": "rbac"},
        {"type": "Webhook", "name": "eks-access-policies", "webhook": webhook},
    ]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthorizationConfiguration",
        "authorizers": authorizers,
    }
