"""Why a workload was refused a pod or a claim: whether more quota would help it, told from the API server's words."""

from __future__ import annotations

from cotenant.api.workload import Cause

QUOTAS: tuple[Cause, ...] = ("quota", "claims")
MARKS = (
    "exceeded quota",
    "status unknown for quota",
    "resource quota evaluation timed out",
    'on resourcequotas "',  # two charges at once: `Operation cannot be fulfilled on resourcequotas "cotenant"`
    'resourcequotas "cotenant" is forbidden',
    "COTENANT-QUOTA-",
    "COTENANT-STRICT-",
)
"""Of quotas, and only while there is too little. Not `failed quota: … must specify`, which no quota cures."""
CLAIM = 'persistentvolumeclaims "'


def cause(text: str) -> Cause:
    """Of what the API server said when a pod or a claim was to be created."""
    if not text:
        return ""
    if not any(mark in text for mark in MARKS):
        return "other"
    return "claims" if CLAIM in text else "quota"
