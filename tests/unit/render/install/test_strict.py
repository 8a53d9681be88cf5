from __future__ import annotations

from cotenant.model.platform import Platform
from cotenant.render.install.strict import strict


def test_strict_quotas_alone_and_the_quota_controller_alone_are_bound() -> None:
    policy, binding = strict(Platform(namespace="here"))
    spec = policy["spec"]
    assert spec["matchConstraints"]["objectSelector"] == {"matchLabels": {"cotenant.dev/accounting": "strict"}}
    assert spec["failurePolicy"] == "Fail"
    assert "resourcequota-controller" in spec["matchConditions"][0]["expression"]
    reference = binding["spec"]["paramRef"]
    assert reference == {"name": "cotenant", "namespace": "here", "parameterNotFoundAction": "Allow"}
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]


def test_a_refusal_says_who_gives_room_back() -> None:
    (validation,) = strict(Platform())[0]["spec"]["validations"]
    assert validation["message"].startswith("COTENANT-STRICT-1: ")
    assert "cotenant gives back what is deleted" in validation["message"]
