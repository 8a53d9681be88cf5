"""The operator in the cluster: Deployment, PodDisruptionBudget, NetworkPolicy and settings."""

from __future__ import annotations

import msgspec

from cotenant.render.install.values import NAME, SETTINGS, InstallValues, Manifest, labels, manifest

PORT = 8080
_SELECTOR = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "operator"}


def settings(values: InstallValues) -> Manifest:
    """The ConfigMap that the operator and the command line read: key `settings.json`, field `platform`."""
    content = {"platform": msgspec.to_builtins(values.platform)}
    text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
    return manifest("v1", "ConfigMap", SETTINGS, values.platform.namespace, data={"settings.json": text})


def operator(values: InstallValues) -> list[Manifest]:
    """What runs: it comes last, so that everything it needs and everything that holds it back is there."""
    namespace = values.platform.namespace
    return [_network(namespace), _budget(namespace), _deployment(values)]


def _deployment(values: InstallValues) -> Manifest:
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _SELECTOR},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    pod = {
        "serviceAccountName": values.platform.service_account,
        "automountServiceAccountToken": True,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": _SECCOMP},
        "topologySpreadConstraints": spread,
        "terminationGracePeriodSeconds": 30,
        "containers": [_container(values)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
    }
    spec = {
        "replicas": values.replicas,
        "selector": {"matchLabels": _SELECTOR},
        # One replica more before one less: the standby is a leader's life insurance.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": labels() | _SELECTOR}, "spec": pod},
    }
    return manifest("apps/v1", "Deployment", NAME, values.platform.namespace, labels=_SELECTOR, spec=spec)


_SECCOMP = {"type": "RuntimeDefault"}


def _container(values: InstallValues) -> Manifest:
    return {
        "name": "operator",
        "image": values.image,
        "args": ["operator", "--http", f"0.0.0.0:{PORT}"],
        "env": [
            {"name": "COTENANT_LOG_LEVEL", "value": values.log_level},
            {"name": "COTENANT_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5, "timeoutSeconds": 5},
        # No CPU limit: a throttled reconciler is late for everybody.
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": values.memory_limit}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": _SECCOMP,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in the container
    }


def _budget(namespace: str) -> Manifest:
    spec = {"minAvailable": 1, "selector": {"matchLabels": _SELECTOR}}
    return manifest("policy/v1", "PodDisruptionBudget", NAME, namespace, spec=spec)


def _network(namespace: str) -> Manifest:
    """In: metrics. Out: the API server, whose address a NetworkPolicy cannot name on EKS, and DNS."""
    tcp = [{"port": port, "protocol": "TCP"} for port in (443, 6443)]
    dns = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    spec = {
        "podSelector": {"matchLabels": _SELECTOR},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": PORT, "protocol": "TCP"}]}],
        "egress": [{"ports": tcp}, {"ports": dns}],
    }
    return manifest("networking.k8s.io/v1", "NetworkPolicy", NAME, namespace, spec=spec)
