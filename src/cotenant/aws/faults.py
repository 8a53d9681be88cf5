"""What AWS refuses, as values: one word to act on, the missing action by its exact name, and a sentence.

Texts and codes: EKS API reference, and the threads named in eks error reports (terraform-aws-eks #2969, #3024, #3293).
"""

from __future__ import annotations

import re
from typing import Any, Literal

Kind = Literal[
    "denied", "credentials", "throttled", "unavailable", "not found", "exists", "no principal", "mode", "no cluster",
    "limit", "region", "invalid", "library",
]  # fmt: skip
CREDENTIALS = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure",
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "TokenRefreshRequired",
    "IncompleteSignature", "MissingAuthenticationToken", "OptInRequired",
}  # fmt: skip
NO_CREDENTIALS = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError",
    "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "ProfileNotFound", "RefreshWithMFAUnsupportedError",
    "LoginRefreshRequired", "MetadataRetrievalError",
}  # fmt: skip
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
THROTTLED = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequestsException",
    "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete",
}  # fmt: skip
ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


class Fault(Exception):
    """A call that was refused or got no answer."""

    def __init__(self, kind: Kind, message: str, action: str = "") -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.action = action
        """`eks:CreateAccessEntry`: what was called, and what is missing where kind is denied."""


def fault(error: Exception, service: str, operation: str) -> Fault:
    """What an error of botocore means. Anything that is none of botocore's is raised again."""
    action = f"{service}:{operation}"
    name = type(error).__name__
    answer: dict[str, Any] = getattr(error, "response", {}) or {}
    if answer:
        return answered(answer, action)
    text = " ".join(str(error).split())
    if name in NO_CREDENTIALS:
        return Fault("credentials", f"no AWS credentials: {text}", action)
    if name in ("NoRegionError", "InvalidRegionError", "UnknownRegionError"):
        return Fault("region", f"no such AWS region: {text}", action)
    if name == "ParamValidationError":
        return Fault("invalid", text, action)
    if type(error).__module__.startswith("botocore"):
        return Fault("unavailable", f"{action} got no answer: {text}", action)
    raise error


def answered(answer: dict[str, Any], action: str) -> Fault:
    """What an error in an answer means."""
    found = answer.get("Error", {})
    code, message = str(found.get("Code", "")), " ".join(str(found.get("Message", "")).split())
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    if code in CREDENTIALS:
        return Fault("credentials", f"AWS does not take the credentials: {code}: {message}", action)
    if code in DENIED:
        named = ACTION.search(message)
        missing = named[1] if named else action
        return Fault("denied", f"the AWS identity lacks {missing}; see: cotenant iam policy", missing)
    if code in THROTTLED or status == 429:
        return Fault("throttled", f"{action} is throttled by AWS", action)
    if status >= 500 or code in ("ServerException", "ServiceUnavailableException", "ServiceFailure"):
        return Fault("unavailable", f"{action}: AWS answers {code}: {message}", action)
    return Fault(refused(code, message), f"{action}: {message or code}", action)


def refused(code: str, message: str) -> Kind:
    """What kind of refusal an answer is."""
    if code == "ResourceNotFoundException" and "cluster" in message.lower() and "principal" not in message.lower():
        return "no cluster"
    if code in ("ResourceNotFoundException", "NoSuchEntity"):
        return "not found"
    if code == "ResourceInUseException":
        return "exists"
    if code == "ResourceLimitExceededException":
        return "limit"
    if "authentication mode must be set" in message:
        return "mode"
    if "invalid principal" in message or "principalArn is invalid" in message:
        return "no principal"
    return "invalid"
