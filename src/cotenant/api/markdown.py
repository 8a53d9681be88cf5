"""Text as it may stand in a generated page."""

from __future__ import annotations

import re

_TAG = re.compile("<(?=[A-Za-z/!])")


def cell(text: str) -> str:
    """Text for a cell of a table: in one line, placeholders are no tags, and a space that must not break is seen."""
    shown = _TAG.sub(r"\<", text).replace("|", "\\|").replace("\u00a0", "&nbsp;")
    return " ".join(shown.split())
