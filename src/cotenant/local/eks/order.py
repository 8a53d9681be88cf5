"""What a plane tells its endpoint at the start, and the names that both sides use."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CERTIFICATE = "eks"
"""Base name of the certificate with which the API server calls the webhooks, and with which aws-auth is read."""
TOKENS, ACCESS = "/authenticate", "/authorize"
"""Paths of the webhooks."""


@dataclass(frozen=True)
class Order:
    """The endpoint's one argument: a file of JSON. Ports are on 127.0.0.1, the rest are paths."""

    cluster: dict[str, Any]
    aws_port: int
    webhook_port: int
    pki: str
    state: str
    journal: str
    answer: str
    version: str

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Order:
        return cls(**json.loads(path.read_text()))
