"""Which layer of the API server refused a request, told from the answer's own words."""

from __future__ import annotations

from typing import Literal

Layer = Literal[
    "RBAC", "policy", "pod security", "quota", "limits", "webhook", "validation", "authentication", "conflict", "other"
]

MARKS: tuple[tuple[str, Layer], ...] = (
    ("ValidatingAdmissionPolicy", "policy"),
    ("MutatingAdmissionPolicy", "policy"),
    ("violates PodSecurity", "pod security"),
    ("exceeded quota", "quota"),
    ("failed quota", "quota"),
    ("status unknown for quota", "quota"),
    ("usage per ", "limits"),  # LimitRanger: "maximum cpu usage per Container is 800m, but limit is 1"
    ("admission webhook", "webhook"),
    ("cannot impersonate", "RBAC"),
    (" cannot ", "RBAC"),  # `User "x" cannot list resource "pods" in API group "" …`
    ("attempting to grant RBAC permissions not currently held", "RBAC"),
)
"""Texts of kube-apiserver 1.33 to 1.36 in the order in which they are looked for."""
CODES: dict[int, Layer] = {401: "authentication", 409: "conflict", 422: "validation", 400: "validation"}


def layer(status: int, message: str) -> Layer:
    """The layer that refused; "other" if the answer does not say."""
    if status in (403, 422):
        for mark, found in MARKS:
            # Validation says "cannot" too; only 403 comes from RBAC.
            if mark in message and (found != "RBAC" or status == 403):
                return found
    return CODES.get(status, "other")
