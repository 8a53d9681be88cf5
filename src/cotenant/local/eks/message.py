"""One HTTP request and its answer, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """`path` and `query` as they came, nothing decoded: signatures are made over them. Header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """`type` is the Content-Type."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(status: int, content: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), "application/json", headers)
