"""STS: sessions of roles, and who somebody is. In XML as ever, in JSON where it is asked for."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.errors import AwsError, denied
from cotenant.local.eks.message import Answer, as_json
from cotenant.local.eks.principal import Caller, Principal
from cotenant.local.eks.rights import Rights

VERSION = "2011-06-15"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role."""

    key: str
    secret: str
    token: str
    role: Principal
    name: str
    expires: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """Whom its holder is."""
        return Caller(self.role, self.key, self.name, tuple(self.tags.items()))

    def answer(self) -> dict[str, Any]:
        """As STS tells whoever asked for it."""
        return {
            "Credentials": {
                "AccessKeyId": self.key,
                "SecretAccessKey": self.secret,
                "SessionToken": self.token,
                "Expiration": f"{self.expires:%Y-%m-%dT%H:%M:%SZ}",
            },
            "AssumedRoleUser": {"AssumedRoleId": self.caller.user_id, "Arn": self.caller.arn},
        }


class Sts:
    """Sessions live in memory, and end with their time, their role or this process."""

    def __init__(self, accounts: Accounts, rights: Rights, now: Callable[[], datetime]) -> None:
        self._accounts, self._rights, self._now = accounts, rights, now
        self._sessions: dict[str, Session] = {}

    def session(self, key: str) -> Session | None:
        return self._sessions.get(key)

    def run(self, operation: str, parameters: Mapping[str, str], caller: Caller) -> dict[str, Any]:
        """The result of an operation. AwsError, InvalidAction for what there is not."""
        if parameters.get("Version") != VERSION:
            raise AwsError("InvalidAction", f"Could not find operation {operation} for that version")
        if operation == "GetCallerIdentity":
            return {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account}
        if operation == "AssumeRole":
            return self._assume(parameters, caller)
        raise AwsError("InvalidAction", f"Could not find operation {operation} for version {VERSION}")

    def _assume(self, given: Mapping[str, str], caller: Caller) -> dict[str, Any]:
        arn, name = given.get("RoleArn", ""), given.get("RoleSessionName", "")
        if "Policy" in given or "PolicyArns.member.1.arn" in given:
            # Ignored, it would give more than was asked for.
            raise _invalid("session policies are not part of the local STS")
        role = self._accounts.principal(arn)
        context = {"sts:RoleSessionName": name}
        if "ExternalId" in given:
            context["sts:ExternalId"] = given["ExternalId"]
        if role is not None and not role.is_role:
            role = None
        if not self._rights.may_assume(caller, role, arn, context) or role is None:
            raise denied(caller.arn, "sts:AssumeRole", arn)
        return self.begin(role, name, given.get("DurationSeconds", "3600")).answer()

    def begin(self, role: Principal, name: str, seconds: str, tags: Mapping[str, str] | None = None) -> Session:
        """A session of a role, for whoever was found to be let in. AwsError for a name or a time that STS does not take."""
        if not _SESSION_NAME.fullmatch(name):
            raise _invalid(f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]{{2,64}}")
        if not seconds.isdecimal() or not 900 <= int(seconds) <= 43200:
            raise _invalid(f"Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: 900 to 43200")
        session = Session(
            key="ASIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16)),
            secret=secrets.token_urlsafe(30),
            token="local" + secrets.token_urlsafe(200),
            role=role,
            name=name,
            expires=self._now().astimezone(UTC) + timedelta(seconds=int(seconds)),
            tags=tags or {},
        )
        self._sessions[session.key] = session
        self._forget()
        return session

    def _forget(self) -> None:
        """Sessions an hour past their end: until then their use is answered with ExpiredToken."""
        old = self._now() - timedelta(hours=1)
        for key in [key for key, session in self._sessions.items() if session.expires < old]:
            del self._sessions[key]


def answer(operation: str, result: Mapping[str, Any], *, in_json: bool) -> Answer:
    request = str(uuid4())
    if in_json:
        body = {f"{operation}Result": result, "ResponseMetadata": {"RequestId": request}}
        return as_json(200, {f"{operation}Response": body})
    return Answer(
        200,
        f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/{VERSION}/"><{operation}Result>{_xml(result)}'
        f"</{operation}Result><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></{operation}Response>".encode(),
        "text/xml",
    )


def refusal(error: AwsError, *, in_json: bool) -> Answer:
    """An error of a query service, STS and IAM alike."""
    request = str(uuid4())
    said = {"Type": "Sender" if error.status < 500 else "Receiver", "Code": error.code, "Message": error.message}
    if in_json:
        return as_json(error.status, {"Error": said, "RequestId": request})
    body = f"<ErrorResponse><Error>{_xml(said)}</Error><RequestId>{request}</RequestId></ErrorResponse>"
    return Answer(error.status, body.encode(), "text/xml")


def _xml(content: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(value) if isinstance(value, Mapping) else escape(str(value))}</{name}>"
        for name, value in content.items()
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", f"1 validation error detected: {message}")
