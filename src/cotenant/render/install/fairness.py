"""Fairness, which is optional: requests in namespaces wait in the line of their namespace, in one level for all of them.

A FlowSchema chooses by who asks and what for, by names in full: neither by a label of a namespace nor by the beginning of a
group. So this level takes what no earlier FlowSchema takes of service accounts and people, in namespaces of tenants and in
others; and naming each tenant would be one object a tenant, or one that grows with them.
"""

from __future__ import annotations

from cotenant.render.install.values import InstallValues, Manifest, manifest

FAIRNESS = "cotenant-tenants"
"""Name of the level of priority."""
API = "flowcontrol.apiserver.k8s.io/v1"
OPERATOR, ACCOUNTS, PEOPLE = 1000, 8900, 9800
"""Precedence: the least wins. Kubernetes' own end at 900 with the accounts of kube-system; service-accounts is 9000,
global-default 9900."""
SHARES = 100
"""As many as workload-low has, in which service accounts are without this."""


def fairness(values: InstallValues) -> list[Manifest]:
    """The level and what leads into it; nothing where it is not wanted."""
    if not values.fairness:
        return []
    platform = values.platform
    account = {"name": platform.service_account, "namespace": platform.namespace}
    everywhere = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    operator = {
        "subjects": [{"kind": "ServiceAccount", "serviceAccount": account}],
        "resourceRules": [everywhere | {"clusterScope": True}],
    }
    return [
        manifest(API, "PriorityLevelConfiguration", FAIRNESS, spec={"type": "Limited", "limited": _limited()}),
        # Before the others, or the operator would stand in line with those whom it serves.
        _schema("cotenant-operator", OPERATOR, "workload-high", "ByUser", operator),
        _schema("cotenant-accounts", ACCOUNTS, FAIRNESS, "ByNamespace", _of("system:serviceaccounts", everywhere)),
        _schema("cotenant-people", PEOPLE, FAIRNESS, "ByNamespace", _of("system:authenticated", everywhere)),
    ]


def _limited() -> Manifest:
    """Each namespace has 6 of 128 queues, of which the shortest takes the request: one that floods fills no more."""
    queuing = {"queues": 128, "handSize": 6, "queueLengthLimit": 50}
    response = {"type": "Queue", "queuing": queuing}
    return {"nominalConcurrencyShares": SHARES, "lendablePercent": 50, "limitResponse": response}


def _of(group: str, what: Manifest) -> Manifest:
    return {"subjects": [{"kind": "Group", "group": {"name": group}}], "resourceRules": [what]}


def _schema(name: str, precedence: int, level: str, distinguisher: str, rule: Manifest) -> Manifest:
    spec = {
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
        "distinguisherMethod": {"type": distinguisher},
        "rules": [rule],
    }
    return manifest(API, "FlowSchema", name, spec=spec)
