"""Tokens of `aws eks get-token`: a presigned GetCallerIdentity in disguise, taken apart before STS is asked.

The checks and their order are those of aws-iam-authenticator 0.7 (pkg/token), stricter where Python's parsers are more
lenient than Go's. What a client sent is never forwarded: the request to STS is written anew from what was checked
(CVE-2022-2385; Vault's CVE-2020-16250).
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from cotenant.local.eks.principal import canonical

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
_LONGEST = 4096
_AGE, _AHEAD = timedelta(minutes=15), timedelta(minutes=5)
_TIMEOUT = 10.0
_BODY = 1 << 16
_URL = re.compile(r"(https?)://([a-z0-9.:-]+)/\?([!-~]+)")
_AWS_HOST = re.compile(r"sts\.amazonaws\.com|sts(-fips)?\.[a-z0-9-]+\.(amazonaws\.com|api\.aws)")
_VALUE = re.compile(r"([A-Za-z0-9._~/:;=-]|%[0-9A-Fa-f]{2})*")
_NAMES = {
    name.lower(): name
    for name in (
        "Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
        "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders",
    )
}  # fmt: skip


class TokenRefused(Exception):
    """A token that proves nobody. The text is for the log, not for who sent it."""


class Throttled(Exception):
    """STS has no time; the API server should ask again."""


@dataclass(frozen=True)
class Identity:
    """Who signed the token. `id` is IAM's unique one, `session` is "" for a user."""

    arn: str
    canonical: str
    account: str
    id: str
    session: str
    key: str


class Verifier:
    """`own` is the endpoint's address (host:port): beside AWS' names of STS the only one a token may name, over http.

    `dial` is where STS is really asked, whatever the token names: on this machine nobody asks AWS.
    """

    def __init__(self, cluster: str, own: str, now: Callable[[], datetime], dial: str = "") -> None:
        self._cluster, self._own, self._now, self._dial = cluster, own, now, dial or own

    def verify(self, token: str) -> Identity:
        """Raises TokenRefused or Throttled."""
        host, given = self._checked(token)
        return _identity(self._ask(host, given), given["x-amz-credential"].partition("/")[0])

    def _checked(self, token: str) -> tuple[str, Mapping[str, str]]:
        found = _URL.fullmatch(_decoded(token))
        if found is None or "#" in found[3] or "\\" in found[3]:
            raise TokenRefused("no URL of STS")
        scheme, host, query = found.groups()
        # AWS' partition only: the cluster's own decides, and that is `aws`.
        if not ((scheme == "https" and _AWS_HOST.fullmatch(host)) or (scheme == "http" and host == self._own)):
            raise TokenRefused(f"{scheme}://{host} is no STS of this cluster")
        given = _parameters(query)
        if given.get("action") != "GetCallerIdentity" or given.get("version") != "2011-06-15":
            raise TokenRefused("another action than GetCallerIdentity of 2011-06-15")
        if CLUSTER_HEADER not in given.get("x-amz-signedheaders", "").lower().split(";"):
            raise TokenRefused(f"{CLUSTER_HEADER} is not signed")
        expires = given.get("x-amz-expires", "")
        if not re.fullmatch(r"[0-9]{1,3}", expires) or int(expires) > _AGE.total_seconds():
            raise TokenRefused("X-Amz-Expires is none of 0 to 900")
        for name in ("x-amz-credential", "x-amz-signature", "x-amz-algorithm"):
            if not given.get(name):
                raise TokenRefused(f"{name} is missing")
        age = self._now() - _moment(given.get("x-amz-date", ""))
        if not -_AHEAD <= age <= _AGE:
            raise TokenRefused(f"signed {age.total_seconds():.0f} s ago")
        return host, given

    def _ask(self, host: str, given: Mapping[str, str]) -> bytes:
        query = "&".join(f"{_NAMES[name]}={quote(value, safe='-_.~')}" for name, value in given.items())
        connection = http.client.HTTPConnection(self._dial, timeout=_TIMEOUT)
        try:
            connection.putrequest("GET", f"/?{query}", skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": host, CLUSTER_HEADER: self._cluster, "Accept": "application/json"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            # http.client follows no redirect: whatever is not 200 is a refusal.
            answer = connection.getresponse()
            body = answer.read(_BODY)
        except (OSError, http.client.HTTPException) as error:
            raise TokenRefused(f"STS does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            if b"Throttling" in body:
                raise Throttled
            raise TokenRefused(f"STS answers {answer.status}: {body[:200].decode(errors='replace')}")
        return body


def _decoded(token: str) -> str:
    if len(token) > _LONGEST or not token.startswith(PREFIX):
        raise TokenRefused("not a token of this kind")
    text = token.removeprefix(PREFIX)
    # Python's decoder skips foreign characters where Go's refuses them.
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise TokenRefused("not base64url without padding")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused("not base64url of ASCII") from None


def _parameters(query: str) -> dict[str, str]:
    """By name in lower case, so that no second spelling can stand beside the one that was checked."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        known = name.lower()
        if not equals or known not in _NAMES or known in found or not _VALUE.fullmatch(value):
            raise TokenRefused(f"parameter {name[:40]!r} is unknown, malformed or given twice")
        found[known] = unquote(value, errors="strict") if "%" in value else value
    return found


def _moment(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise TokenRefused("X-Amz-Date is none")


def _identity(body: bytes, key: str) -> Identity:
    try:
        result = json.loads(body)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
        arn, account, user_id = (result[name] for name in ("Arn", "Account", "UserId"))
        looked_up = canonical(arn)
    except (ValueError, KeyError, TypeError) as error:
        raise TokenRefused("STS answers something else than an identity") from error
    session = ""
    if ":assumed-role/" in arn:
        parts = user_id.split(":")
        if len(parts) != 2:
            raise TokenRefused(f"{user_id} is no id of a session")
        user_id, session = parts
    return Identity(arn, looked_up, account, user_id, session, key)
