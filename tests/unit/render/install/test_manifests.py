from __future__ import annotations

import hashlib
import json

import kubernetes_validate
import pytest

from cotenant.cli.settings_source import merged
from cotenant.controllers.world import WATCHED, WORKLOADS
from cotenant.kube.resource import DAEMON_SETS, REPLICATION_CONTROLLERS, Resource, resource_of
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues, definitions, deny, force, grant, ground, render, rights, run
from cotenant.render.install.assist import LOOKED_AHEAD
from cotenant.render.install.policies import LEASH

MANIFESTS = render(InstallValues())
POLICY = "ValidatingAdmissionPolicy"
ROLES = [m for m in MANIFESTS if m["kind"] in ("ClusterRole", "Role")]
RULES = [(m["metadata"]["name"], rule) for m in ROLES for rule in m["rules"]]


def one(kind: str, name: str) -> dict:
    (found,) = (m for m in MANIFESTS if (m["kind"], m["metadata"]["name"]) == (kind, name))
    return found


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_a_manifest_is_valid_and_marked_as_ours(manifest):
    if manifest["kind"] != "CustomResourceDefinition":
        kubernetes_validate.validate(json.loads(json.dumps(manifest)), "1.36", strict=True)
    assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "cotenant"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_a_manifest_has_a_path_on_an_api_server(manifest):
    assert resource_of(manifest).kind == manifest["kind"]


def test_what_denies_comes_before_what_grants_and_the_operator_comes_last():
    values = InstallValues()

    before = [*ground(values), *definitions(), *deny(values.platform), *force(values.platform)]
    assert [*before, *grant(values), *run(values)] == MANIFESTS
    assert MANIFESTS[-1]["kind"] == "Deployment"
    assert run(values)[-1] not in render(values, with_operator=False)


def test_no_role_has_a_wildcard():
    for name, rule in RULES:
        assert not any("*" in entry for key in ("apiGroups", "resources", "verbs") for entry in rule[key]), name


def test_nobody_escalates_or_impersonates():
    for name, rule in RULES:
        assert not {"escalate", "impersonate"} & set(rule["verbs"]), name


def test_bind_is_limited_to_the_roles_of_the_installation():
    platform = Platform(roles=("owner", "viewer", "developer"))
    manifests = render(InstallValues(platform=platform))
    bound = [r for m in manifests for r in m.get("rules", ()) if "bind" in r["verbs"]]

    expected = [
        "cotenant:owner",
        "cotenant:viewer",
        "cotenant:developer",
        "cotenant:home-owner",
        "cotenant:home-viewer",
    ]
    assert [(rule["verbs"], rule["resources"], rule["resourceNames"]) for rule in bound] == [
        (["bind"], ["clusterroles"], expected)
    ]
    leash = next(m for m in manifests if m["metadata"]["name"] == "cotenant-leash")
    assert json.dumps(expected) in leash["spec"]["validations"][3]["expression"]


def test_the_operator_has_nothing_to_do_with_pods_secrets_and_nodes():
    resources = {r for name, rule in RULES if name == "cotenant-operator" for r in rule["resources"]}

    assert not {r for r in resources if r.split("/")[0] in ("pods", "secrets", "nodes", "serviceaccounts")}


def test_the_leash_leaves_out_nothing_but_what_is_busy_in_namespaces_of_tenants():
    bindings = [m for m in MANIFESTS if m["kind"] == f"{POLICY}Binding" and m["spec"]["policyName"] == LEASH]
    leash = {m["metadata"]["name"]: m["spec"] for m in bindings}
    (policy,) = (m["spec"] for m in MANIFESTS if (m["kind"], m["metadata"]["name"]) == (POLICY, LEASH))

    assert policy["matchConstraints"].keys() == {"resourceRules"}
    assert leash.keys() == {LEASH, f"{LEASH}-busy"}
    (left,), (looked,) = (
        leash[LEASH]["matchResources"]["excludeResourceRules"],
        leash[f"{LEASH}-busy"]["matchResources"]["resourceRules"],
    )
    assert left == looked
    assert leash[LEASH]["matchResources"].keys() == {"excludeResourceRules"}
    (chosen,) = leash[f"{LEASH}-busy"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert chosen == {"key": "cotenant.dev/tenant", "operator": "DoesNotExist"}
    # What the leash has a rule about in tenants' namespaces, too, is not among it.
    assert not {"rolebindings", "namespaces", "secrets", "*"} & set(left["resources"])


def test_only_member_roles_carry_the_label_of_a_role():
    labelled = {m["metadata"]["name"]: m["metadata"]["labels"].get("cotenant.dev/role") for m in ROLES}

    assert {name: role for name, role in labelled.items() if role} == {
        "cotenant:owner": "owner",
        "cotenant:editor": "editor",
        "cotenant:viewer": "viewer",
        "cotenant:home-owner": "home-owner",
        "cotenant:home-viewer": "home-viewer",
    }
    assert not any("aggregationRule" in m for m in ROLES)


def test_no_member_is_bound_to_anything_in_the_whole_cluster():
    bindings = [m for m in MANIFESTS if m["kind"] == "ClusterRoleBinding"]

    assert [(b["roleRef"]["name"], b["subjects"][0]["kind"]) for b in bindings] == [
        ("cotenant-operator", "ServiceAccount"),
        ("cotenant-operator-strict", "ServiceAccount"),
    ]


def test_the_pod_meets_the_restricted_standard():
    pod = one("Deployment", "cotenant")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["resources"]["requests"] == {"cpu": "50m", "memory": "128Mi"}
    assert "cpu" not in container["resources"]["limits"]
    assert {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")} == {
        "/healthz",
        "/readyz",
    }


def test_two_replicas_survive_a_drained_node():
    deployment, budget = one("Deployment", "cotenant"), one("PodDisruptionBudget", "cotenant")

    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    assert "minAvailable" not in budget["spec"]  # with one replica it would stop every drain
    selector = deployment["spec"]["selector"]["matchLabels"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= labels.items()
    assert one("NetworkPolicy", "cotenant")["spec"]["podSelector"]["matchLabels"] == selector


def checksum(values: InstallValues) -> str:
    template = run(values)[-1]["spec"]["template"]
    return template["metadata"]["annotations"]["cotenant.dev/settings-sha256"]


def test_other_settings_are_another_pod_template_and_the_same_ones_are_not():
    plain = InstallValues()

    assert checksum(plain) == checksum(InstallValues(image="other", replicas=3))
    assert checksum(plain) != checksum(InstallValues(platform=Platform(roles=("owner", "developer"))))
    assert checksum(plain) != checksum(InstallValues(tuning={"workers": 2}))
    (settings,) = (m for m in MANIFESTS if m["kind"] == "ConfigMap")
    text = settings["data"]["settings.json"].removesuffix("\n")
    assert checksum(plain) == hashlib.sha256(text.encode()).hexdigest()


def test_what_somebody_tuned_by_hand_is_among_the_settings():
    tuned = grant(InstallValues(tuning={"workers": 2, "leaseDuration": 30.0}))[-1]

    read = merged({}, {}, tuned["data"]["settings.json"])
    assert (read.workers, read.lease_duration, read.platform) == (2, 30.0, Platform())


def test_nobody_but_the_chosen_namespace_reaches_the_operator():
    (policy,) = (m for m in run(InstallValues(metrics_from="prometheus")) if m["kind"] == "NetworkPolicy")

    (rule,) = policy["spec"]["ingress"]
    assert rule == {
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prometheus"}}}],
        "ports": [{"port": 8080, "protocol": "TCP"}],
    }


def test_helm_keeps_the_definitions():
    assert all(m["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for m in definitions())


def test_policies_fail_closed_with_403_and_deny():
    for manifest in deny(Platform()):
        spec = manifest["spec"]
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            assert spec["failurePolicy"] == "Fail"
            assert {validation["reason"] for validation in spec["validations"]} == {"Forbidden"}
        else:
            soft = {"-warn": ["Warn", "Audit"], "-observe": ["Audit"]}
            actions = next((one for end, one in soft.items() if manifest["metadata"]["name"].endswith(end)), ["Deny"])
            assert spec["validationActions"] == actions


def test_the_operator_may_list_and_watch_what_it_watches_and_of_what_it_looks_ahead_for_no_more_than_read():
    def verbs(kind: Resource) -> set[str]:
        rules = one("ClusterRole", "cotenant-operator")["rules"]
        found = [rule for rule in rules if kind.group in rule["apiGroups"] and kind.plural in rule["resources"]]
        return {verb for rule in found for verb in rule["verbs"]}

    assert [kind for kind, what in WATCHED.items() if not {"list", "watch"} <= verbs(what)] == []
    assert [kind for kind in WORKLOADS if verbs(WATCHED[kind]) - {"get", "list", "watch"}] == []
    assert verbs(DAEMON_SETS) == verbs(REPLICATION_CONTROLLERS) == {"list", "watch"}


def test_the_assist_is_asked_about_no_pod_whose_workload_is_watched():
    # The pods of a Deployment are its ReplicaSet's.
    assert set(LOOKED_AHEAD) == set(WORKLOADS) - {"Deployment"}
    (found,) = [m for m in render(InstallValues(assist=True)) if m["kind"] == "MutatingWebhookConfiguration"]
    asked = found["webhooks"][0]["matchConditions"][1]["expression"]
    assert all(f"'{kind}'" in asked for kind in LOOKED_AHEAD)


def test_another_namespace_and_account_reach_every_place():
    platform = Platform(namespace="tenancy", service_account="robot")

    text = json.dumps(render(InstallValues(platform=platform)))

    assert "system:serviceaccount:tenancy:robot" in text
    assert "cotenant-system" not in text


def test_what_an_uninstall_takes_away_are_the_operators_rights_not_the_members():
    taken = [(m["kind"], m["metadata"]["name"]) for m in rights(InstallValues())]

    assert ("ClusterRoleBinding", "cotenant-operator") in taken
    assert not [name for _, name in taken if name.startswith("cotenant:")]
    assert "ConfigMap" not in [kind for kind, _ in taken]  # or a return would forget the roles of the platform
    # The binding goes before the role, so that no moment has a binding to a role that somebody else could make.
    assert taken.index(("ClusterRoleBinding", "cotenant-operator")) < taken.index(("ClusterRole", "cotenant-operator"))


def test_the_settings_can_be_read_back():
    import msgspec

    platform = Platform(roles=("owner", "developer"), cluster_cidrs=("10.0.0.0/8",))
    settings = next(m for m in render(InstallValues(platform=platform)) if m["kind"] == "ConfigMap")

    decoded = msgspec.json.decode(settings["data"]["settings.json"])
    assert msgspec.convert(decoded["platform"], Platform) == platform
