"""docs/reference/conditions.md, written from the closed list of reasons: `python -m cotenant.judge.reference --write`."""

from __future__ import annotations

import sys
from pathlib import Path

from cotenant.judge.chain import MOVING
from cotenant.judge.reasons import REASONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "conditions.md"
CONDITIONS = {
    "Ready": "Tenant and Space. Everything that was asked for is there and usable.",
    "Reconciling": "Only while true: not ready, and cotenant is at it. Carries the reason of Ready.",
    "Stalled": "Only while true: not ready, and somebody has to act. Carries the reason of Ready.",
    "AccessSynced": "Tenant. Its members have the rights that their roles give, no more and no less.",
    "IAMSynced": "Tenant. Members named by an IAM principal are mapped to this cluster.",
    "QuotaSynced": "Tenant and Space. Every space has its quota, the API server knows it, and plain pods can live under it.",
    "StrictAccounting": "Tenant with `quota.accounting: strict`. What exists, not only what is counted, stays within the limit.",
    "NetworkIsolated": "Tenant. Other tenants cannot reach its pods. True only where that was shown.",
    "PolicyEnforced": "Tenant. Every rule in the spec is enforced, and the policies that do it are in the cluster as installed.",
    "Verified": "Tenant. Never in this version: nothing records the verdict of `cotenant verify` yet. The command itself tells it.",
}


def page() -> str:
    """The whole page."""
    lines = [
        "# Conditions and their reasons",
        "",
        "<!-- Generated from src/cotenant/judge/reasons.py: change it there and run make docs. -->",
        "",
        "`kubectl wait --for=condition=Ready` works on Tenants and Spaces, and so does every tool that reads kstatus.",
        "",
        "| Condition | True when |",
        "| --- | --- |",
        *(f"| `{name}` | {text} |" for name, text in CONDITIONS.items()),
        "",
        "The reasons are a closed list. *Passes* says whether cotenant goes on by itself; else somebody has to act.",
        "",
        "| Reason | Passes | What to do |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {'yes' if name in MOVING else ''} | {safe(text)} |" for name, text in REASONS.items()),
    ]
    return "\n".join(lines) + "\n"


def safe(text: str) -> str:
    """Text for a cell of a table: placeholders are no tags, and a space that must not break is seen."""
    return text.replace("<", "\\<").replace("|", "\\|").replace("\u00a0", "&nbsp;")


def main(arguments: list[str], path: Path = PAGE) -> int:
    """Keeps the page of conditions."""
    return kept(arguments, page(), path, "cotenant.judge.reference")


def kept(arguments: list[str], text: str, path: Path, module: str) -> int:
    """`--write` or `--check` of a generated page; 1 where the file differs from the text, 2 for a wrong call."""
    match arguments:
        case ["--write"]:
            path.write_text(text, encoding="utf-8")
            return 0
        case ["--check"]:
            stale = not path.is_file() or path.read_text("utf-8") != text
            if stale:
                sys.stderr.write(f"{path} is not what the code says: python -m {module} --write\n")
            return int(stale)
        case _:
            sys.stderr.write(f"python -m {module} --write | --check\n")
            return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
