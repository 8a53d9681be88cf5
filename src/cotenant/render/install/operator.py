"""The operator in the cluster: Deployment, PodDisruptionBudget, NetworkPolicy and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from cotenant.api import keys
from cotenant.render.install.assist import PORT as ASSIST_PORT
from cotenant.render.install.values import NAME, OPERATOR_PODS, SETTINGS, InstallValues, Manifest, labels, manifest

PORT = 8080
KEY = "settings.json"
"""Key of the ConfigMap."""


def settings(values: InstallValues) -> Manifest:
    """The ConfigMap that the operator and the command line read: key `settings.json`, field `platform`."""
    return manifest("v1", "ConfigMap", SETTINGS, values.platform.namespace, data={KEY: settings_text(values) + "\n"})


def settings_text(values: InstallValues) -> str:
    """settings.json without its last newline, one setting a line. Written by hand, for helm must come to the same bytes: they are hashed."""
    lines = ['  "platform": {\n' + _lines(msgspec.to_builtins(values.platform), "    ") + "\n  }"]
    lines.append(_lines({"eksCluster": values.eks_cluster, "awsRegion": values.aws_region}, "  "))
    if values.tuning:
        lines.append(_lines(values.tuning, "  "))
    return "{\n" + ",\n".join(lines) + "\n}"


def _lines(settings: Mapping[str, Any], indent: str) -> str:
    return ",\n".join(f"{indent}{json.dumps(key)}: {_compact(value)}" for key, value in settings.items())


def _compact(value: Any) -> str:
    """As helm's toJson writes it."""
    return json.dumps(value, separators=(",", ":"))


def operator(values: InstallValues) -> list[Manifest]:
    """What runs: it comes last, so that everything it needs and everything that holds it back is there."""
    namespace = values.platform.namespace
    return [_network(values), _budget(namespace), _deployment(values)]


def _deployment(values: InstallValues) -> Manifest:
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": OPERATOR_PODS},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    pod = {
        "serviceAccountName": values.platform.service_account,
        "automountServiceAccountToken": True,
        # Else each Service of this namespace is a dozen COTENANT_… variables, which look like settings.
        "enableServiceLinks": False,
        # Small, and of use to every tenant: the last to go when a node is full.
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": _SECCOMP},
        "topologySpreadConstraints": spread,
        "terminationGracePeriodSeconds": 30,
        "containers": [_container(values)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
    }
    spec = {
        "replicas": values.replicas,
        "selector": {"matchLabels": OPERATOR_PODS},
        # One replica more before one less: the standby is a leader's life insurance.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            # The operator reads its settings once, at its start: other settings are another template, so it rolls.
            "metadata": {"labels": labels() | OPERATOR_PODS, "annotations": {keys.SETTINGS_CHECKSUM: checksum(values)}},
            "spec": pod,
        },
    }
    return manifest("apps/v1", "Deployment", NAME, values.platform.namespace, labels=OPERATOR_PODS, spec=spec)


_SECCOMP = {"type": "RuntimeDefault"}


def checksum(values: InstallValues) -> str:
    """sha256 of the settings, in hex."""
    return hashlib.sha256(settings_text(values).encode()).hexdigest()


def assist_address(values: InstallValues) -> str:
    """Where the assist is served; "" for nowhere."""
    return f"0.0.0.0:{ASSIST_PORT}" if values.assist and not values.assist_url else ""


def _container(values: InstallValues) -> Manifest:
    return {
        "name": "operator",
        "image": values.image,
        "args": ["operator", "--http", f"0.0.0.0:{PORT}", f"--assist={assist_address(values)}"],
        "env": [
            {"name": "COTENANT_LOG_LEVEL", "value": values.log_level},
            {"name": "COTENANT_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
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
        # Why it ended is its last line on stderr: kubectl describe pod shows it then.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in the container
    }


def _budget(namespace: str) -> Manifest:
    # Not minAvailable: with one replica that would stop every drain of its node. A replica that is not ready is no
    # reason to wait either.
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": OPERATOR_PODS},
    }
    return manifest("policy/v1", "PodDisruptionBudget", NAME, namespace, spec=spec)


def _network(values: InstallValues) -> Manifest:
    """In: metrics, from one namespace; what comes from the pod's own node, such as probes, is always let in.

    Out: the API server, whose address a NetworkPolicy cannot name on EKS; AWS, on the same port; and DNS.
    """
    tcp = [{"port": port, "protocol": "TCP"} for port in (443, 6443)]
    dns = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    # Credentials of AWS come from the Pod Identity agent on the node.
    agent = [{"ipBlock": {"cidr": cidr}} for cidr in values.platform.pod_identity_addresses]
    readers = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": values.metrics_from}}}
    spec = {
        "podSelector": {"matchLabels": OPERATOR_PODS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [readers], "ports": [{"port": PORT, "protocol": "TCP"}]}],
        "egress": [
            {"ports": tcp},
            {"ports": dns},
            *([{"to": agent, "ports": [{"port": 80, "protocol": "TCP"}]}] if agent else []),
        ],
    }
    return manifest("networking.k8s.io/v1", "NetworkPolicy", NAME, values.platform.namespace, spec=spec)
