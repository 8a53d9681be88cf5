"""What the API server says of a pod that it refuses, in the words of Kubernetes 1.36."""

from __future__ import annotations

import pytest

from cotenant.model.refusal import cause

QUOTA = [
    'pods "web-7d4f-x" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=5, limited: pods=5',
    'Error creating: pods "j-x2k" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=1, limited: pods=1',
    '(combined from similar events): Error creating: pods "j-x" is forbidden: exceeded quota: cotenant, requested: pods=1',
    'pods "web-x" is forbidden: status unknown for quota: cotenant, resources: pods',
    "Internal error occurred: resource quota evaluation timed out",
    (
        'Operation cannot be fulfilled on resourcequotas "cotenant": the object has been modified; please apply your changes '
        "to the latest version and try again"
    ),
    (
        "resourcequotas \"cotenant\" is forbidden: ValidatingAdmissionPolicy 'cotenant-quota-law' with binding "
        "'cotenant-quota-law' denied request: COTENANT-QUOTA-1: tenant red: pods 3 > 2 in namespace red-dev"
    ),
    (
        "pods \"web-x\" is forbidden: ValidatingAdmissionPolicy 'cotenant-quota-first' with binding 'cotenant-quota-first' "
        "denied request: COTENANT-QUOTA-2: namespace red-dev is being prepared"
    ),
]
CLAIMS = [
    (
        'Create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims "data-db-0" is forbidden: '
        "exceeded quota: cotenant, requested: requests.storage=10Gi, used: requests.storage=0, limited: requests.storage=0"
    ),
    (
        'Create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: persistentvolumeclaims "data-db-0" is '
        "forbidden: exceeded quota: cotenant, requested: requests.storage=10Gi, used: requests.storage=0, "
        "limited: requests.storage=0"
    ),
]
OTHERS = [
    (
        'pods "stuck-7b-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container '
        '"c" must set securityContext.allowPrivilegeEscalation=false)'
    ),
    'Error creating: pods "j-x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    (
        "pods \"web-x\" is forbidden: ValidatingAdmissionPolicy 'cotenant-pods' with binding 'cotenant-pods-enforce' denied "
        "request: POD-14: volume of type hostPath"
    ),
    "Create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims \"data-db-0\" is forbidden: ValidatingAdmissionPolicy 'cotenant-volumes' with binding 'cotenant-volumes' denied request: COTENANT-VOLUME-3: the claim has no StorageClass",
    'admission webhook "validate.kyverno.svc" denied the request: no tag',
    'pods "web-x" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]',
    'pods "web-x" is forbidden: failed quota: cotenant: must specify limits.cpu for: c; limits.memory for: c',
    'pods "web-" is forbidden: error looking up service account red-dev/robot: serviceaccount "robot" not found',
    'pods "exceeded-quota-x" is forbidden: violates PodSecurity "baseline:latest": privileged',
]


@pytest.mark.parametrize("text", QUOTA)
def test_a_quota_that_has_too_little_says_so(text: str) -> None:
    assert cause(text) == "quota"


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_that_meets_a_quota_is_told_from_a_pod(text: str) -> None:
    assert cause(text) == "claims"


@pytest.mark.parametrize("text", OTHERS)
def test_what_more_quota_does_not_cure_is_no_refusal_by_quota(text: str) -> None:
    assert cause(text) == "other"


def test_of_who_was_not_refused_nothing_is_known() -> None:
    assert cause("") == ""
