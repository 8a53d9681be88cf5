from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from cotenant.runtime import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_one_json_object_a_line() -> None:
    out = io.StringIO()
    log.configure(stream=out)
    structlog.get_logger().info("cache synced", resource="spaces", objects=3)
    logging.getLogger("asyncio").warning("from the %s library", "standard")

    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["level"], first["objects"]) == ("cache synced", "info", 3)
    assert first["timestamp"].endswith("Z")
    assert second["event"] == "from the standard library"


def test_a_terminal_gets_text() -> None:
    out = Terminal()
    log.configure(stream=out)
    structlog.get_logger().info("cache synced", resource="spaces")

    assert "cache synced" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_the_level_holds() -> None:
    out = io.StringIO()
    log.configure(level="warning", stream=out)
    structlog.get_logger().info("quiet")

    assert out.getvalue() == ""


SECRETS = [
    {"token": "abcdef"},
    {"authorization": "abcdef"},
    {"text": "Authorization: Bearer abcdef"},
    {"text": "eyJhbGciOi.eyJzdWIiOiJh.abcdef"},
    {"text": "token k8s-aws-v1.abcdef was refused"},
    {"nested": {"client_secret": "abcdef", "list": ["Bearer abcdef"]}},
    {"error": ValueError("Bearer abcdef")},
    {"text": "-----BEGIN EC PRIVATE KEY-----\nabcdef\n-----END EC PRIVATE KEY-----"},
]


@pytest.mark.parametrize("fields", SECRETS)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_secrets_are_masked(fields: dict[str, object], stream: type[io.StringIO]) -> None:
    out = stream()
    log.configure(stream=out)
    structlog.get_logger().info("something", **fields)

    assert "abcdef" not in out.getvalue()
    assert log.MASK in out.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_traceback_shows_no_local_variables(stream: type[io.StringIO]) -> None:
    out = stream()
    log.configure(stream=out)
    manifest = {"data": "abc" + "def"}
    try:
        raise KeyError(len(manifest))
    except KeyError:
        structlog.get_logger().exception("failed")

    assert "KeyError" in out.getvalue()
    assert "abcdef" not in out.getvalue()
