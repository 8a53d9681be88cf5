from __future__ import annotations

import pytest

from cotenant.model.denial import layer

# Sentences of a real kube-apiserver 1.36.
ANSWERS = [
    (403, 'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "x"', "RBAC"),
    (403, 'users "eve" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope', "RBAC"),
    (403, 'roles "x" is forbidden: user "bob" is attempting to grant RBAC permissions not currently held', "RBAC"),
    (403, "spaces \"x\" is forbidden: ValidatingAdmissionPolicy 'cotenant-guard' with binding 'cotenant-guard' denied request: cannot", "policy"),
    (403, 'pods "x" is forbidden: violates PodSecurity "restricted:v1.36": privileged', "pod security"),
    (403, 'pods "x" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=2, limited: pods=2', "quota"),
    (403, 'pods "x" is forbidden: failed quota: cotenant: must specify limits.cpu', "quota"),
    (403, 'spaces "x" is forbidden: status unknown for quota: cotenant, resources: count/spaces.cotenant.dev', "quota"),
    (403, 'pods "x" is forbidden: maximum cpu usage per Container is 800m, but limit is 1', "limits"),
    (403, 'admission webhook "kyverno" denied the request', "webhook"),
    (422, 'NetworkPolicy "x" is invalid: spec: you cannot do that', "validation"),
    (409, "Operation cannot be fulfilled", "conflict"),
    (401, "Unauthorized", "authentication"),
    (400, "bad", "validation"),
    (403, "no", "other"),
    (404, 'namespaces "x" not found', "other"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message", "expected"), ANSWERS)
def test_an_answer_tells_which_layer_refused(status: int, message: str, expected: str) -> None:
    assert layer(status, message) == expected
