"""Every name that cotenant writes into a cluster: group, labels, annotations, finalizers, field managers."""

GROUP = "cotenant.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

TENANT = "cotenant.dev/tenant"
"""Label: the tenant that a namespace or an object belongs to."""
SPACE = "cotenant.dev/space"
"""Label: the space that a namespace is; the home namespace of a tenant has none."""
ROLE = "cotenant.dev/role"
"""Label: the role that a ClusterRole gives to members."""
DECLARED = "cotenant.dev/declared"
"""Label on a Space that exists because `spec.spaces.declared` of its tenant says so."""
MANAGED_BY = "app.kubernetes.io/managed-by"
COTENANT = "cotenant"
"""Value of MANAGED_BY, field manager of everything but status, and name of the one ResourceQuota and LimitRange."""
STATUS_MANAGER = "cotenant-status"
QUOTA_MANAGER = "cotenant-quota"

ADOPT = "cotenant.dev/adopt"
"""Annotation on a namespace: `<tenant>/<space>`. Whoever may update the namespace offers it; ours carry it from birth."""
DELETED = "cotenant.dev/space-deleted"
"""Annotation on a namespace whose Space somebody deleted on purpose: labels alone never rebuild that Space."""
EPOCH = "cotenant.dev/epoch"
"""Annotation on a ResourceQuota: changes with writes that must change the object although its limits stay."""
SCARCE = "cotenant.dev/scarce"
"""Label `true` on the namespace of a space whose tenant has little left: creates of bare pods in it meet the assist."""
SETTINGS_CHECKSUM = "cotenant.dev/settings-sha256"
"""Annotation on the operator's pods: the settings that they were started with."""
CONFIRM_DELETE = "cotenant.dev/confirm-delete"
"""Annotation on a Tenant or Space with deletionPolicy Delete: its own name, typed by hand."""

TENANT_FINALIZER = "cotenant.dev/tenant"
SPACE_FINALIZER = "cotenant.dev/space"

POOL = "node-restriction.kubernetes.io/cotenant-pool"
"""Label of the nodes of a pool, and taint of one that several share. A kubelet cannot give itself a label of this prefix."""
DEDICATED = "node-restriction.kubernetes.io/cotenant-tenant"
"""Taint of the nodes of a pool that is dedicated: its value is the tenant, so that no second one can come in by the pool's name."""
POOL_RUNTIME = "cotenant-pool-"
"""What the name of a pool's RuntimeClass begins with: the way onto a pool where no MutatingAdmissionPolicy is served."""
ACCOUNTING = "cotenant.dev/accounting"
"""Label on a ResourceQuota: `strict` where the operator gives refunds and the quota controller waits."""
STRICT = "strict"
REFUNDED = "cotenant.dev/refunded"
"""Annotation on a strict ResourceQuota: `pods=123`, up to which revision deletions have been decided upon."""

FROZEN = "cotenant.dev/frozen"
"""Annotation on a strict ResourceQuota: since when spec.hard is held at what is used, for a recount of two seconds."""
REHEARSAL = "cotenant.dev/rehearsal"
"""Annotation in a dry run of the operator's, by which it sees that the policy of strict accounting acts."""
HEARTBEAT = "cotenant-heartbeat"
"""Name of the Lease that every replica renews, the parameter of that policy."""

HELM_KEEPS = {"helm.sh/resource-policy": "keep"}
"""Annotation on what stays when a release is uninstalled, or does not render it any more."""
POD_SECURITY = "pod-security.kubernetes.io"
HOME_PREFIX = "home-"
POLICY = "policy"
"""Name of the SpacePolicy in every space and home."""
CANARY = f"{GROUP}/canary"
"""On the namespace in which an installation tries its policies, and which goes with that."""
ENFORCEMENT = f"{GROUP}/enforcement"
"""On a SpacePolicy beside it: what the API server does by it, warn or observe."""


def home_of(tenant: str) -> str:
    """Name of the home namespace of a tenant."""
    return HOME_PREFIX + tenant


IAM_GROUPS = f"{COTENANT}:"
"""What the names of groups begin with that IAM principals are mapped to: `cotenant:<tenant>:<role>`. Nobody else's may."""
