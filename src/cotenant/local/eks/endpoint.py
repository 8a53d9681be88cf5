"""The endpoint in this process, for tests of what speaks to AWS; no Kubernetes is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from cotenant.local.eks.clock import utc
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.front import Front
from cotenant.local.eks.hold import environment
from cotenant.local.eks.journal import Call, Journal
from cotenant.local.eks.listener import Listener
from cotenant.local.eks.service import Place


class Endpoint:
    """One a process at a time: moto keeps IAM's state in its modules. `now` is the clock of everything but sockets."""

    def __init__(
        self,
        cluster: Cluster | None = None,
        *,
        now: Callable[[], datetime] = utc,
        journal: Journal | None = None,
        place: Callable[[], Place] = lambda: Place("https://127.0.0.1:1"),
        port: int = 0,
        key: bytes = b"",
    ) -> None:
        """key: the public key of the API server's ServiceAccount tokens, PEM. Without it no Pod gets credentials."""
        self.cluster = cluster or Cluster()
        self._journal = journal or Journal()
        self.front = Front(self.cluster, self._journal, place, now, key)
        self._listener = Listener(self.front, port)
        self._clients: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in order. `clear()` it to count from there."""
        return self._journal.calls

    def env(self, key: Mapping[str, str] | None = None) -> dict[str, str]:
        """What sends `aws` and boto3 here: as the administrator, or with a key as IAM and STS answer it."""
        return environment(self.url, self.cluster.region, key or self.administrator())

    def administrator(self, account: str | None = None) -> dict[str, str]:
        return self.front.accounts.administrators[account or self.cluster.account].as_answered()

    def client(self, service: str, key: Mapping[str, str] | None = None, **choices: Any) -> Any:
        """A boto3 client of the administrator, or of a key's owner."""
        import boto3

        given = key or self.administrator()
        made = boto3.client(
            service,
            **{
                "endpoint_url": self.url,
                "region_name": self.cluster.region,
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given.get("SessionToken"),
                **choices,
            },
        )
        self._clients.append(made)
        return made

    def fail(self, operation: str, code: str, message: str = "", *, status: int = 0, times: int = 1) -> None:
        """The next answers to an operation: ThrottlingException, ServerException, AccessDeniedException …"""
        error = AwsError(code, message or code, status or _STATUS.get(code, 400))
        self.front.fail(operation, error, times)

    def delay(self, seconds: float) -> None:
        """Access entries made from now on show themselves only so much later."""
        self.front.service.entries.delay = timedelta(seconds=seconds)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        self._listener.stop()


_STATUS = {
    "ServerException": 500,
    "ThrottlingException": 429,
    "AccessDeniedException": 403,
    "ResourceInUseException": 409,
}
