"""What an API server answers when it does not do what was asked: metav1.Status as exceptions."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

MESSAGE_LIMIT = 2_000


class ApiError(Exception):
    """A request that failed.

    status: HTTP code, 0 when no answer came; reason: metav1 reason in CamelCase; message: the server's own sentence;
    retry_after: seconds the server asked us to wait, if it did; details: metav1.StatusDetails as it came.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message or reason or f"HTTP {status}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = details or {}

    @property
    def causes(self) -> list[dict[str, Any]]:
        """`field`, `reason` and `message` of each single fault in an invalid object."""
        causes = self.details.get("causes")
        return causes if isinstance(causes, list) else []


class BadRequest(ApiError):
    """400: the server could not read it."""


class Unauthorized(ApiError):
    """401: the server does not know who we are."""


class Forbidden(ApiError):
    """403: RBAC, an admission plugin or a policy said no."""


class NotFound(ApiError):
    """404: no such object, or no such kind."""


class AlreadyExists(ApiError):
    """409 on create."""


class Conflict(ApiError):
    """409: another resourceVersion, another uid, or another field manager."""


class Gone(ApiError):
    """410: the resourceVersion or the continue token is too old."""


class Invalid(ApiError):
    """422: the object is refused; see causes."""


class Unavailable(ApiError):
    """5xx, unreachable, or past the deadline: nothing is known about what was done."""


class TooManyRequests(Unavailable):
    """429, after the retries: the server did nothing."""


class ConfigurationError(ApiError):
    """There is no usable kubeconfig or service account; nothing was sent."""


CLASSES: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


class _Status(Struct, rename="camel", gc=False):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: dict[str, Any] = field(default_factory=dict)


_STATUS = msgspec.json.Decoder(_Status)


def from_response(code: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The exception for an answer of 400 and above; `body` may be anything, proxies answer in HTML."""
    try:
        status = _STATUS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        status = _Status(message=body[:200].decode("utf-8", "replace").strip())
    return _error(code, status, _seconds(retry_after))


def from_event(status: bytes | msgspec.Raw) -> ApiError:
    """The exception for the object of a watch event of type ERROR."""
    try:
        decoded = _STATUS.decode(status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        decoded = _Status(message="watch ended with an error that is no Status", code=500)
    return _error(decoded.code, decoded, None)


def _error(code: int, status: _Status, retry_after: float | None) -> ApiError:
    kind = CLASSES.get(code, Unavailable if code >= 500 or code == 0 else ApiError)
    if kind is Conflict and status.reason == "AlreadyExists":
        kind = AlreadyExists
    if status.reason in ("Expired", "Gone"):
        kind = Gone
    if retry_after is None:
        asked = status.details.get("retryAfterSeconds")
        retry_after = float(asked) if isinstance(asked, int | float) and asked > 0 else None
    message = status.message[:MESSAGE_LIMIT]
    return kind(code, status.reason, message, retry_after=retry_after, details=status.details)


def _seconds(header: str | None) -> float | None:
    """API servers send whole seconds; the date form of the header is left alone."""
    return float(header) if header and header.isdigit() else None
