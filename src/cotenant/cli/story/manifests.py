"""What the two teams bring along: the files of the demo, as a person would write them."""

from __future__ import annotations

DEVELOPER = "developer"
"""The role that the platform defines besides owner, editor and viewer."""

BACKEND = """\
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: backend-team}
spec:
  members:
  - {role: owner, group: backend-leads}
  - {role: developer, group: backend-developers}
  - {role: developer, user: carol}
  spaces: {limit: 2, declared: [dev]}
  quota: {hard: {requests.cpu: "2", pods: 10}}
  limits:
  - type: Container
    default: {cpu: 500m, memory: 256Mi}
    defaultRequest: {cpu: 100m, memory: 64Mi}
  pods: {security: baseline}
"""
FRONTEND = """\
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: frontend-team}
spec:
  members:
  - {role: owner, group: frontend-leads}
  - {role: developer, group: frontend-developers}
  spaces: {limit: 2, declared: [dev]}
  quota: {hard: {requests.cpu: "2", pods: 10}}
  limits:
  - type: Container
    default: {cpu: 500m, memory: 256Mi}
    defaultRequest: {cpu: 100m, memory: 64Mi}
  pods: {security: baseline}
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "cotenant:developer"}
rules:
- apiGroups: ["", apps]
  resources: [pods, deployments, deployments/scale, services, configmaps]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [secrets, resourcequotas]
  verbs: [get, list, watch]
"""
HOG = """\
apiVersion: v1
kind: Pod
metadata: {name: hog}
spec:
  containers:
  - {name: hog, image: nginx, resources: {requests: {cpu: "8"}, limits: {cpu: "8"}}}
"""
BATCH = "---\n".join(
    f"""\
apiVersion: v1
kind: Pod
metadata: {{name: batch-{number}, labels: {{app: batch}}}}
spec: {{containers: [{{name: batch, image: busybox}}]}}
"""
    for number in range(1, 9)
)
"""Bare pods, as CI systems make them."""
SPACE = """\
apiVersion: cotenant.dev/v1alpha1
kind: Space
metadata: {name: %s, namespace: home-backend-team}
"""

FILES = {
    "developer-role.yaml": ROLE,
    "backend-team.yaml": BACKEND,
    "frontend-team.yaml": FRONTEND,
    "hog.yaml": HOG,
    "batch.yaml": BATCH,
    "staging.yaml": SPACE % "staging",
    "one-more.yaml": SPACE % "one-more",
}
