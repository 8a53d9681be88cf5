"""Kubeconfig files, written as the JSON subset of YAML. Everything inline: a file can be moved and still works."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from cotenant.local.pki import Pair

CONTEXT = "cotenant-local"


def for_certificate(url: str, ca: bytes, user: str, pair: Pair, *, namespace: str = "default") -> dict[str, Any]:
    credentials = {"client-certificate-data": _inline(pair.cert), "client-key-data": _inline(pair.key)}
    return _document(url, ca, user, credentials, namespace)


def for_token(url: str, ca: bytes, user: str, token: str, *, namespace: str = "default") -> dict[str, Any]:
    return _document(url, ca, user, {"token": token}, namespace)


def impersonating(
    url: str, ca: bytes, admin: Pair, user: str, groups: Sequence[str], *, namespace: str = "default"
) -> dict[str, Any]:
    """The administrator acting as somebody else; understood by kubectl and client-go."""
    credentials: dict[str, Any] = {
        "client-certificate-data": _inline(admin.cert),
        "client-key-data": _inline(admin.key),
        "as": user,
    }
    if groups:
        credentials["as-groups"] = list(groups)
    return _document(url, ca, f"as-{user}", credentials, namespace)


def save(path: Path, document: dict[str, Any]) -> Path:
    """Written whole or not at all, readable by the owner only."""
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=1)
    part.replace(path)
    return path


def file_name(*identity: str) -> str:
    """A name for the file of anybody: readable, and different for different identities."""
    text = "\0".join(identity)
    slug = re.sub(r"[^a-zA-Z0-9.-]+", "-", identity[0]).strip("-.")[:40] or "user"
    return f"{slug}-{sha256(text.encode()).hexdigest()[:10]}.kubeconfig"


def _document(url: str, ca: bytes, user: str, credentials: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url, "certificate-authority-data": _inline(ca)}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user, "namespace": namespace}}],
        "current-context": CONTEXT,
    }


def _inline(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
