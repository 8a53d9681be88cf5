from __future__ import annotations

from cotenant.api.builtin import Namespace
from cotenant.api.keys import CANARY, TENANT
from cotenant.api.meta import ObjectMeta
from cotenant.model.strays import bygone


def labelled(name: str, **labels: str) -> Namespace:
    return Namespace(metadata=ObjectMeta(name=name, labels=labels))


def test_namespaces_of_a_tenant_that_is_gone_are_named_and_those_of_a_proof_are_not():
    found = [
        labelled("home-acme", **{TENANT: "acme"}),
        labelled("acme-dev", **{TENANT: "acme"}),
        labelled("blue-dev", **{TENANT: "blue"}),
        labelled("cotenant-canary-1", **{TENANT: "cotenant-canary", CANARY: "true"}),
        labelled("kube-system"),
    ]
    assert bygone(found, {"blue"}) == {"acme": ["acme-dev", "home-acme"]}
