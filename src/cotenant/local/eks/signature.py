"""AWS Signature Version 4, the verifying side: of a header, and of a presigned URL.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
Written from that description and not on botocore's signer, so that the real `aws` proves both.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote

from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.message import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
PRESIGNED = timedelta(minutes=15)
"""STS holds a presigned GetCallerIdentity good for so long, whatever X-Amz-Expires says."""
_HEADER = re.compile(rf"{ALGORITHM} Credential=([^ ,]+), ?SignedHeaders=([^ ,]+), ?Signature=([0-9a-f]{{64}})")
_SCOPE = re.compile(r"([A-Z0-9]{16,128})/([0-9]{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_EMPTY = sha256(b"").hexdigest()


@dataclass(frozen=True)
class Signature:
    """What a request says about who signed it; nothing of it is proven before `verify`."""

    key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    value: str
    moment: datetime
    token: str
    presigned: bool

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def read(request: Request) -> Signature:
    """AwsError MissingAuthenticationToken or IncompleteSignature when there is none, or no whole one."""
    if header := request.headers.get("authorization"):
        found = _HEADER.fullmatch(header)
        if found is None:
            raise _incomplete("Authorization header")
        date, token = request.headers.get("x-amz-date", ""), request.headers.get("x-amz-security-token", "")
        credential, signed, value = found.groups()
    else:
        given = [(unquote(name), unquote(content)) for name, content in pairs(request.query)]
        names = [name for name, _ in given]
        if "X-Amz-Signature" not in names:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        if len({name.lower() for name in names}) != len(names):
            raise _incomplete("query, where a parameter is given twice")
        values = dict(given)
        if values.get("X-Amz-Algorithm") != ALGORITHM:
            raise _incomplete("X-Amz-Algorithm")
        date, token = values.get("X-Amz-Date", ""), values.get("X-Amz-Security-Token", "")
        credential, signed = values.get("X-Amz-Credential", ""), values.get("X-Amz-SignedHeaders", "")
        value = values["X-Amz-Signature"]
    scope = _SCOPE.fullmatch(credential)
    if scope is None:
        raise _incomplete("Credential")
    key, day, region, service = scope.groups()
    return Signature(
        key, day, region, service, tuple(signed.split(";")), value, _moment(date), token, "authorization" not in request.headers
    )  # fmt: skip


def verify(request: Request, signature: Signature, secret: str, now: datetime) -> None:
    """AwsError SignatureDoesNotMatch unless the holder of the secret signed exactly this, and not too long ago."""
    age = now - signature.moment
    if age > (PRESIGNED if signature.presigned else SKEW):
        raise _mismatch(f"Signature expired: {signature.moment:%Y%m%dT%H%M%SZ} is too long ago")
    if age < -SKEW:
        raise _mismatch(f"Signature not yet current: {signature.moment:%Y%m%dT%H%M%SZ} is in the future")
    if f"{signature.moment:%Y%m%d}" != signature.day:
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
    signed = set(signature.signed)
    must = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    if missing := must - signed - {"x-amz-content-sha256"}:
        raise _mismatch(f"{', '.join(sorted(missing))} must be a signed header")
    if absent := signed - set(request.headers):
        raise _mismatch(f"{', '.join(sorted(absent))} is signed and was not sent")
    if not hmac.compare_digest(_sign(request, signature, secret), signature.value):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )


def pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a query in order, as they came."""
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]


def _sign(request: Request, signature: Signature, secret: str) -> str:
    canonical = "\n".join(
        [
            request.method,
            # Every service but S3 encodes the path once more.
            quote(request.path, safe="/~"),
            _query(request.query),
            "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signature.signed),
            ";".join(signature.signed),
            _EMPTY if signature.presigned else sha256(request.body).hexdigest(),
        ]
    )
    text = (
        f"{ALGORITHM}\n{signature.moment:%Y%m%dT%H%M%SZ}\n{signature.scope}\n{sha256(canonical.encode()).hexdigest()}"
    )
    key = f"AWS4{secret}".encode()
    for part in signature.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _query(query: str) -> str:
    again = [(quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, value in pairs(query)]
    return "&".join(f"{name}={value}" for name, value in sorted(again) if name != "X-Amz-Signature")


def _moment(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        raise _incomplete("X-Amz-Date")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("X-Amz-Date") from None


def _incomplete(what: str) -> AwsError:
    return AwsError("IncompleteSignature", f"{what} does not conform to AWS standards", 400)


def _mismatch(why: str) -> AwsError:
    return AwsError("SignatureDoesNotMatch", why, 403)
