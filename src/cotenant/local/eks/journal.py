"""What was asked of the endpoint, call by call: the CloudTrail of a plane, for counting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT = 50 * 1024 * 1024
"""Bytes of the file; then it begins anew, and marks set before are worth nothing."""
AUTHENTICATE, AUTHORIZE = "TokenReview", "SubjectAccessReview"
"""Operations of the service `kubernetes`: calls of the API server's webhooks."""


@dataclass(frozen=True)
class Call:
    """`error` is the code of a refusal, "" for success. `caller` is an ARN, "" where nobody was proven. `at`: Unix time."""

    service: str
    operation: str
    status: int
    error: str
    caller: str
    at: float


class Journal:
    """In memory, and one JSON line a call in a file where there is one."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._path = path
        self.calls: list[Call] = []

    def add(self, call: Call) -> None:
        with self._lock:
            if self._path is None:
                self.calls.append(call)
                return
            with self._path.open("a") as file:
                if file.tell() > LIMIT:
                    file.truncate(0)
                file.write(json.dumps(asdict(call)) + "\n")


def read(path: Path, start: int = 0) -> Iterator[Call]:
    """The calls from byte `start` on."""
    if path.exists():
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                yield Call(**json.loads(line))
