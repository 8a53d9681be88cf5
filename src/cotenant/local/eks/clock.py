"""The one clock of the endpoint; tests put another in its place."""

from __future__ import annotations

from datetime import UTC, datetime


def utc() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)
