"""ValidatingAdmissionPolicies, their bindings and what they refuse, as objects."""

from __future__ import annotations

from typing import Any

from cotenant.render.install.values import Manifest, manifest

API = "admissionregistration.k8s.io/v1"


def policy(name: str, spec: Manifest) -> Manifest:
    """A policy that refuses also what it cannot judge."""
    return manifest(API, "ValidatingAdmissionPolicy", name, spec={"failurePolicy": "Fail", **spec})


def binding(name: str, of: str, **spec: Any) -> Manifest:
    """A binding of the policy `of`, which refuses unless `spec` says something else."""
    said = {"policyName": of, "validationActions": ["Deny"], **spec}
    return manifest(API, "ValidatingAdmissionPolicyBinding", name, spec=said)


def denial(expression: str, text: str) -> Manifest:
    """A validation that answers 403; `text` is CEL that yields the message."""
    return {"expression": expression, "reason": "Forbidden", "messageExpression": text}
