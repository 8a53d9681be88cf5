"""Where the commands find the document and its faults; the rules of `cotenant lint` share them."""

from __future__ import annotations

from cotenant.model.document import Document, Path, Problem, parsed, spelled

__all__ = ["Document", "Path", "Problem", "parsed", "spelled"]
