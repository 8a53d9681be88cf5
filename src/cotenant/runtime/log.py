"""Structured logs: JSON lines in a pipe, columns on a terminal; what looks like a secret is masked."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_KEY = re.compile(r"token|password|passwd|secret|authorization|credential|private_?key|kubeconfig", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"(?i:bearer\s+)[\w.~+/=-]+"  # what follows Bearer in a header
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON web token
    r"|k8s-aws-v1\.[\w-]+"  # a token of EKS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?"
)
MASK = "***"


def configure(*, level: str = "info", json: bool | None = None, stream: TextIO | None = None) -> None:
    """Sets logging up for the whole process, the standard library's included.

    json: None decides by whether the stream is a terminal. Tracebacks never show local variables: they hold manifests.
    """
    out = stream or sys.stderr
    as_json = not out.isatty() if json is None else json
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    after: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        after += [structlog.processors.format_exc_info, mask, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        after += [mask, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=after, foreign_pre_chain=before))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def mask(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hides values under telling names, and what looks like a token anywhere."""
    return {key: MASK if SECRET_KEY.search(key) else _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_TEXT.sub(MASK, value)
    if isinstance(value, dict):
        return {key: MASK if SECRET_KEY.search(str(key)) else _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    if isinstance(value, BaseException):
        return SECRET_TEXT.sub(MASK, f"{type(value).__name__}: {value}")
    return value
