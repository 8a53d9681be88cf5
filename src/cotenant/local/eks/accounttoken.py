"""Tokens of ServiceAccounts: signed by the API server, and taken by AWS for the identity of a Pod."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cotenant.local.eks.errors import AwsError

INVALID, EXPIRED = "InvalidIdentityToken", "ExpiredTokenException"
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SUBJECT = re.compile(r"system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)")


@dataclass(frozen=True)
class Account:
    """Whose token it is. `pod` and `pod_uid` are "" where the token is bound to none."""

    namespace: str
    name: str
    audiences: tuple[str, ...]
    pod: str = ""
    pod_uid: str = ""

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


class Tokens:
    """Reads tokens of one issuer. `key`: the public half of what signs them, PEM; b"" where there is no API server."""

    def __init__(self, issuer: str, key: bytes, now: Callable[[], datetime]) -> None:
        self._issuer, self._key, self._now = issuer, key, now

    def read(self, token: str) -> Account:
        """AwsError InvalidIdentityToken or ExpiredTokenException unless the API server signed it and it is in time."""
        found = _SHAPE.fullmatch(token)
        if found is None:
            raise AwsError(INVALID, "The ID Token provided is not a valid JWT.")
        try:
            head, claims = (json.loads(_decoded(part)) for part in found.groups()[:2])
        except ValueError:
            raise AwsError(INVALID, "The ID Token provided is not a valid JWT.") from None
        if not isinstance(head, dict) or not isinstance(claims, dict) or head.get("alg") != "ES256":
            raise AwsError(INVALID, "The ID Token provided is not a valid JWT.")
        if claims.get("iss") != self._issuer:
            raise AwsError(INVALID, f"No OpenIDConnect provider found in your account for {claims.get('iss')}")
        if not self._signed(f"{found[1]}.{found[2]}".encode(), _decoded(found[3])):
            raise AwsError(INVALID, "Couldn't retrieve verification key from your identity provider")
        self._in_time(claims)
        return _account(claims)

    def _signed(self, text: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = load_pem_public_key(self._key) if self._key else None
        if not isinstance(key, ec.EllipticCurvePublicKey) or len(signature) != 64:
            return False
        numbers = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        try:
            key.verify(encode_dss_signature(*numbers), text, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def _in_time(self, claims: dict[str, Any]) -> None:
        now, end = self._now(), datetime.fromtimestamp(claims.get("exp") or 0, UTC)
        if now >= end:
            said = (
                f"current date/time {now.timestamp():.0f} must be before the expiration date/time {end.timestamp():.0f}"
            )
            raise AwsError(EXPIRED, f"Token expired: {said}")


def _account(claims: dict[str, Any]) -> Account:
    found = _SUBJECT.fullmatch(str(claims.get("sub")))
    if found is None:
        raise AwsError(INVALID, "The ID Token provided is not one of a ServiceAccount")
    audiences = claims.get("aud") or ()
    pod = (claims.get("kubernetes.io") or {}).get("pod") or {}
    return Account(
        found[1],
        found[2],
        (audiences,) if isinstance(audiences, str) else tuple(audiences),
        pod.get("name", ""),
        pod.get("uid", ""),
    )


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
