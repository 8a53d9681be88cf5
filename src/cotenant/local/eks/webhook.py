"""What the API server asks: whose token is this, and do access policies allow that."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cotenant.local.eks.journal import AUTHENTICATE, AUTHORIZE, Call, Journal
from cotenant.local.eks.message import Answer, Request, as_json
from cotenant.local.eks.order import ACCESS, TOKENS
from cotenant.local.eks.signin import SignIn
from cotenant.local.eks.token import Throttled, TokenRefused, Verifier

HEALTH = "/healthz"
_VERSIONS = {
    TOKENS: ("authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"),
    ACCESS: ("authorization.k8s.io/v1", "authorization.k8s.io/v1beta1"),
}
_KINDS = {TOKENS: AUTHENTICATE, ACCESS: AUTHORIZE}


class Webhook:
    """Callable from any thread."""

    def __init__(self, verifier: Verifier, sign_in: SignIn, journal: Journal, now: Callable[[], datetime]) -> None:
        self._verifier, self._sign_in, self._journal, self._now = verifier, sign_in, journal, now

    def __call__(self, request: Request) -> Answer:
        if request.path == HEALTH:
            return Answer(200, b"ok", "text/plain")
        if request.path not in _KINDS:
            return as_json(404, {"message": "not found"})
        if request.method != "POST":
            return as_json(405, {"message": "POST only"})
        review = _review(request)
        if review is None:
            return as_json(400, {"message": f"no {_KINDS[request.path]}"})
        answer = self._authenticate if request.path == TOKENS else self._authorize
        status, said, who, error = answer(review["spec"])
        self._journal.add(Call("kubernetes", review["kind"], status, error, who, self._now().timestamp()))
        return as_json(status, {"apiVersion": review["apiVersion"], "kind": review["kind"], "status": said})

    def _authenticate(self, spec: Mapping[str, Any]) -> tuple[int, dict[str, Any], str, str]:
        try:
            identity = self._verifier.verify(spec.get("token", ""))
            user = self._sign_in.user(identity)
        except TokenRefused as refusal:
            sys.stdout.write(f"sign-in refused: {refusal}\n")
            sys.stdout.flush()
            return 403, {"authenticated": False}, "", "Refused"
        except Throttled:
            return 429, {"authenticated": False}, "", "Throttled"
        return 200, {"authenticated": True, "user": user}, identity.arn, ""

    def _authorize(self, spec: Mapping[str, Any]) -> tuple[int, dict[str, Any], str, str]:
        policy = self._sign_in.allows(spec)
        # Never `denied`: what EKS' authorizer does not allow, RBAC still may.
        said = {"allowed": True, "reason": f"EKS access policy {policy}"} if policy else {"allowed": False}
        return 200, said, spec.get("user", ""), ""


def _review(request: Request) -> dict[str, Any] | None:
    try:
        review = json.loads(request.body)
    except ValueError:
        return None
    good = (
        isinstance(review, dict)
        and review.get("kind") == _KINDS[request.path]
        and review.get("apiVersion") in _VERSIONS[request.path]
        and isinstance(review.get("spec"), dict)
    )
    return review if good else None
