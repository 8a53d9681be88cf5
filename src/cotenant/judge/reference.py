"""docs/reference/conditions.md, written from the closed list of reasons."""

from __future__ import annotations

from cotenant.api.markdown import cell
from cotenant.judge.chain import MOVING
from cotenant.judge.reasons import REASONS

CONDITIONS = {
    "Ready": "Tenant and Space. Everything that was asked for is there and usable.",
    "Reconciling": "Only while true: not ready, and cotenant is at it. Carries the reason of Ready.",
    "Stalled": "Only while true: not ready, and somebody has to act. Carries the reason of Ready.",
    "AccessSynced": "Tenant. Its members have the rights that their roles give, no more and no less.",
    "IAMSynced": "Tenant. Members named by an IAM principal are mapped to this cluster.",
    "QuotaSynced": "Tenant and Space. Every space has its quota, the API server knows it, and plain pods can live under it.",
    "StrictAccounting": "Tenant, unless it is counted natively. What exists, not only what is counted, stays within the limit.",
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
        *(f"| `{name}` | {'yes' if name in MOVING else ''} | {cell(text)} |" for name, text in REASONS.items()),
    ]
    return "\n".join(lines) + "\n"
