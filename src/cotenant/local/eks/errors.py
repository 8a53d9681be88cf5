"""What AWS answers when it does not do what was asked."""

from __future__ import annotations

from cotenant.local.errors import ControlPlaneError


class AwsError(Exception):
    """`code` as in the service model, `status` of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")


class MotoMissing(ControlPlaneError):
    """Sign-in needs packages that cotenant itself does not."""

    def __init__(self) -> None:
        super().__init__("EKS-like sign-in needs moto and botocore; install them: pip install 'cotenant[eks]'")


def denied(arn: str, action: str, resource: str, why: str = "") -> AwsError:
    """The words of AWS, which tools and people search for."""
    text = f"User: {arn} is not authorized to perform: {action} on resource: {resource}{why}"
    return AwsError("AccessDenied", text, 403)
