"""The door of the endpoint: proves who asks, then gives the request to IAM, STS or EKS."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from cotenant.local.eks import signature, sts
from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.accounttoken import Tokens
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.journal import Call, Journal
from cotenant.local.eks.message import Answer, Request, as_json
from cotenant.local.eks.model import Model
from cotenant.local.eks.podidentity import WEB, PodIdentity
from cotenant.local.eks.principal import Caller
from cotenant.local.eks.rights import Rights
from cotenant.local.eks.service import Place, Service
from cotenant.local.eks.signature import Signature

FAULTS = "/cotenant/faults"
"""POST {"operation", "code", "message", "status", "times"}: the next answers of an operation. Unsigned: a test's lever."""
DELAY = "/cotenant/delay"
"""POST {"seconds"}: access entries made from now on show themselves so much later."""
_IN_JSON = {
    "AccessDenied": "AccessDeniedException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
}


class Front:
    """Callable from any thread. One request at a time: moto's state is not made for more."""

    def __init__(
        self, cluster: Cluster, journal: Journal, place: Callable[[], Place], now: Callable[[], datetime], key: bytes
    ) -> None:  # fmt: skip
        self.accounts = Accounts(cluster)
        self.rights = Rights(self.accounts)
        self.sts = sts.Sts(self.accounts, self.rights, now)
        self.service = Service(cluster, self.accounts, self.rights, place, now)
        tokens = Tokens(f"https://{cluster.provider}", key, now)
        self.pods = PodIdentity(cluster, self.accounts, self.rights, self.sts, tokens, self.service.associations)
        self.model, self.agent = Model("eks"), Model("eks-auth")
        self.journal, self.now = journal, now
        self.faults: defaultdict[str, deque[AwsError]] = defaultdict(deque)
        self._lock = threading.Lock()

    def fail(self, operation: str, error: AwsError, times: int = 1) -> None:
        self.faults[operation].extend([error] * times)

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            # A page in a browser cannot send this type elsewhere without asking first, which nobody answers here.
            if request.path in (FAULTS, DELAY) and request.headers.get("content-type") == "application/json":
                return self._lever(request)
            return _Conversation(self, request).answer()

    def _lever(self, request: Request) -> Answer:
        wish = json.loads(request.body)
        if request.path == DELAY:
            self.service.entries.delay = timedelta(seconds=wish["seconds"])
        else:
            error = AwsError(wish["code"], wish.get("message", wish["code"]), wish.get("status", 400))
            self.fail(wish["operation"], error, wish.get("times", 1))
        return as_json(200, {})

    def caller(self, request: Request) -> tuple[Caller, Signature]:
        """Who signed it. AwsError in STS' words when nobody known did, or not this."""
        signed = signature.read(request)
        key, session = self.accounts.key(signed.key), self.sts.session(signed.key)
        if session is not None and signed.token == session.token and self.accounts.there(session.role):
            if session.expires <= self.now():
                raise AwsError("ExpiredToken", "The security token included in the request is expired", 403)
            signature.verify(request, signed, session.secret, self.now())
            return session.caller, signed
        if key is None or not key.active or signed.token:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        signature.verify(request, signed, key.secret, self.now())
        return Caller(key.owner, signed.key), signed


class _Conversation:
    """One request. It learns step by step what is asked and by whom, for the journal and the form of a refusal."""

    def __init__(self, front: Front, request: Request) -> None:
        self._front, self._request = front, request
        self._service, self._operation, self._caller = "", "", ""
        self._wants_json = "json" in request.headers.get("accept", "")

    def answer(self) -> Answer:
        error = ""
        try:
            answer = self._answer()
        except AwsError as refusal:
            error, answer = refusal.code, self._refusal(refusal)
        front = self._front
        front.journal.add(
            Call(self._service, self._operation, answer.status, error, self._caller, front.now().timestamp())
        )
        return answer

    def _answer(self) -> Answer:
        front, request = self._front, self._request
        # Before it is proven: a refusal has the form of the service that was meant.
        self._service = _meant(request)
        parameters = dict(parse_qsl(request.query if request.method == "GET" else request.body.decode("latin-1")))
        self._operation = parameters.get("Action", "")
        if self._operation == WEB:
            self._service = "sts"
            self._fault()
            return sts.answer(WEB, front.pods.web(parameters), in_json=self._wants_json)
        caller, signed = front.caller(request)
        self._caller, self._service = caller.arn, signed.service
        if signed.service == "eks":
            return self._eks(caller, signed.region)
        if signed.service == "eks-auth":
            return self._pod(caller)
        self._fault()
        if signed.service == "sts":
            result = front.sts.run(self._operation, parameters, caller)
            return sts.answer(self._operation, result, in_json=self._wants_json)
        if signed.service == "iam":
            front.rights.check(caller, f"iam:{self._operation}", _iam_resource(front, caller, parameters))
            return front.accounts.answer(request, caller.account)
        raise AwsError(
            "UnknownService", f"{signed.service} is not part of the local endpoint; it has eks, eks-auth, iam and sts"
        )

    def _eks(self, caller: Caller, region: str) -> Answer:
        model = self._front.model
        operation, given = self._given(model)
        result = self._front.service.run(model.method(operation.name), operation.name, given, caller, region)
        return Answer(200, model.write(operation, result))

    def _pod(self, caller: Caller) -> Answer:
        operation, given = self._given(self._front.agent)
        return Answer(200, self._front.agent.write(operation, self._front.pods.agent(given, caller)))

    def _given(self, model: Model) -> tuple[Any, dict[str, Any]]:
        operation, path = model.operation(self._request)
        self._operation = operation.name
        self._fault()
        return operation, model.read(operation, path, self._request)

    def _fault(self) -> None:
        waiting = self._front.faults[self._operation]
        if waiting:
            raise waiting.popleft()

    def _refusal(self, error: AwsError) -> Answer:
        if self._service in ("sts", "iam") or "x-www-form-urlencoded" in self._request.headers.get("content-type", ""):
            return sts.refusal(error, in_json=self._wants_json and self._service == "sts")
        code = _IN_JSON.get(error.code, error.code)
        return as_json(error.status, {"message": error.message}, **{"x-amzn-ErrorType": code})


def _meant(request: Request) -> str:
    try:
        return signature.read(request).service
    except AwsError:
        return "sts" if request.path == "/" else "eks"


def _iam_resource(front: Front, caller: Caller, parameters: dict[str, str]) -> str:
    """The ARN that a policy would name: of the role, user, group or policy that the request is about."""
    base = f"arn:aws:iam::{caller.account}"
    holder = any(f"{kind}Name" in parameters for kind in ("Role", "User", "Group"))
    if (arn := parameters.get("PolicyArn")) and not holder:
        return arn
    for kind in ("Role", "User", "Group"):
        if name := parameters.get(f"{kind}Name"):
            return front.accounts.named(kind.lower(), name, caller.account) or (
                f"{base}:{kind.lower()}{parameters.get('Path', '/')}{name}"
            )
    if (name := parameters.get("PolicyName")) is not None:
        return f"{base}:policy{parameters.get('Path', '/')}{name}"
    return (
        f"{base}:user/{caller.principal.name}" if not caller.session and parameters.get("Action") == "GetUser" else "*"
    )
