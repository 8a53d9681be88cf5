from __future__ import annotations

import pytest

from cotenant.apply.refunds import COUNTED
from cotenant.model.platform import Platform
from cotenant.model.usage.objects import DEVICES, kind_of, native
from cotenant.render.install import InstallValues, optional, render, rights
from cotenant.render.install.strict import HELD, UNREAD, strict, strict_rights

CHOSEN = Platform()
NATIVE = Platform(strict_accounting=False)


def named(manifests: list[dict]) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"]) for one in manifests}


def test_strict_quotas_alone_and_the_quota_controller_alone_are_bound() -> None:
    policy, binding = strict(Platform(namespace="here"))
    spec = policy["spec"]
    chosen = spec["matchConstraints"]["objectSelector"]
    assert chosen["matchLabels"] == {"cotenant.dev/accounting": "strict"}
    assert chosen["matchExpressions"] == [{"key": "cotenant.dev/tenant", "operator": "Exists"}]
    assert spec["failurePolicy"] == "Fail"
    who = spec["matchConditions"][0]["expression"]
    assert "resourcequota-controller" in who
    # Ourselves in rehearsals alone: a refund may always lower.
    assert "'system:serviceaccount:here:cotenant' && request.?dryRun" in who
    reference = binding["spec"]["paramRef"]
    assert reference == {"name": "cotenant-heartbeat", "namespace": "here", "parameterNotFoundAction": "Allow"}
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]


def test_a_refusal_says_who_gives_room_back() -> None:
    validation, _ = strict(Platform())[0]["spec"]["validations"]
    assert validation["message"].startswith("COTENANT-STRICT-1: ")
    assert "cotenant gives back what is deleted" in validation["message"]


def test_nobody_reads_pods_where_strict_accounting_is_refused() -> None:
    plain = named(render(InstallValues(platform=NATIVE)))
    chosen = named(render(InstallValues(platform=CHOSEN)))
    assert chosen - plain == named(optional(CHOSEN))
    assert plain < chosen


def test_it_reads_what_is_counted_and_writes_its_sign_of_life_alone() -> None:
    cluster, own, *bindings = strict_rights(CHOSEN)
    assert cluster["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["pods", "services", "persistentvolumeclaims"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    assert [rule["resourceNames"] for rule in own["rules"]] == [["cotenant-heartbeat"]]
    assert own["metadata"]["namespace"] == "cotenant-system"
    assert {one["subjects"][0]["name"] for one in bindings} == {"cotenant"}


def test_an_uninstall_takes_these_rights_too_whatever_was_chosen() -> None:
    assert named(strict_rights(NATIVE)) <= named(rights(InstallValues(platform=NATIVE)))


def held(key: str) -> bool:
    """As the expression decides: of keys by kind those in its list, of others all but those in its other list."""
    claimed = key.endswith(DEVICES[0]) or key.startswith(DEVICES[1])
    return key in HELD if key.startswith("count/") else not (key in UNREAD or claimed)


def test_the_expression_asks_the_two_lists_and_nothing_else() -> None:
    (lowers,) = [one for one in strict(Platform())[0]["spec"]["variables"] if one["name"] == "lowers"]
    expression = lowers["expression"]
    claimed = f"k.endsWith('{DEVICES[0]}') || k.startsWith('{DEVICES[1]}')"
    assert f"(k.startsWith('count/') ? k in {HELD} : !(k in {UNREAD} || {claimed}))" in expression


@pytest.mark.parametrize(
    "key",
    [
        "secrets",
        "count/secrets",
        "configmaps",
        "count/configmaps",
        "replicationcontrollers",
        "count/replicationcontrollers",
        "count/daemonsets.apps",
        "count/poddisruptionbudgets.policy",
        "count/crontabs.stable.example.com",
        "count/resourceclaims.resource.k8s.io",
        "count/pods.metrics.k8s.io",
        "gpu.deviceclass.resource.k8s.io/devices",
        "requests.deviceclass.resource.kubernetes.io/gpu",
    ],
)
def test_what_nobody_gives_back_does_not_wait_for_quiet(key: str) -> None:
    assert not held(key)
    assert native(key)
    assert kind_of(key) not in COUNTED


@pytest.mark.parametrize(
    "key",
    [
        "pods",
        "requests.cpu",
        "limits.memory",
        "services.nodeports",
        "gold.storageclass.storage.k8s.io/requests.storage",
        "resourcequotas",
        "requests.nvidia.com/gpu",
        *(f"count/{kind}" for kind in COUNTED),
    ],
)
def test_what_the_operator_gives_back_waits_for_quiet(key: str) -> None:
    assert held(key)
    assert not native(key)
    assert kind_of(key) in COUNTED
