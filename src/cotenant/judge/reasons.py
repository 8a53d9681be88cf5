"""Every reason that a condition of ours may carry, and what to do about it. docs/reference/conditions.md is made of it."""

from __future__ import annotations

REASONS: dict[str, str] = {
    # Ready of a Tenant
    "Ready": "Nothing to do.",
    "ProfileNotFound": "Make the TenantProfile, or correct spec.profile. Until then nothing of the tenant is changed.",
    "HomeNamespaceTaken": "A namespace with the name of the home exists and is not ours. Rename the tenant, or remove that namespace.",
    "HomeNotReady": "The home namespace is being made. If it stays: the message names what is missing.",
    "RoleNotAllowed": "Add the role to the installation (`cotenant install --roles`), or give the member another one. The other members have their rights.",
    "RoleNotFound": "Make the ClusterRole cotenant:<role>, or give the member another role.",
    "MemberExpired": "Nothing, or take the member off the list. Its rights are gone.",
    "SpacesNotReady": "Look at the Spaces that are not ready: kubectl get cosp -n home-<tenant>.",
    "SpacesFailed": "Look at the Space that the message names: it needs somebody to act.",
    "SpacesOverLimit": "Delete Spaces or raise spec.spaces.limit. No new Space is admitted until then.",
    "ApplyFailed": "The message names the object and who refused it. cotenant tries again by itself.",
    "Terminating": "Wait. With deletionPolicy Delete, namespaces take a few seconds each.",
    "DeletionNotConfirmed": "deletionPolicy is Delete, but the annotation cotenant.dev/confirm-delete with the name is missing: nothing is deleted, namespaces stay.",
    # AccessSynced, IAMSynced
    "Synced": "Nothing to do.",
    "NamespaceAstray": "Release the namespace (remove both labels), or delete it. Members of the tenant have no rights there.",
    "NoMembers": "Add members; nobody but the platform can use the tenant.",
    "NoIAMMembers": "Nothing to do: no member is named by an IAM principal.",
    "IAMNotManaged": "This version does not map IAM principals. Map them by an access entry with a group, and name that group as member.",
    # QuotaSynced
    "NoQuota": "Nothing to do; set spec.quota.hard to limit the tenant.",
    "QuotaNotStrict": "Run cotenant install. Members keep what they have; no new space is opened until the policies act.",
    "FloorsExceedLimit": "Lower quota.space.min, or raise quota.hard: not every space can be given what it is promised.",
    "LedgerFull": "A tenant has at most 500 namespaces with quota. Delete spaces, or make a second tenant.",
    "Converging": "The limit was lowered below what is in use. Nothing is evicted and nothing more admitted; the owners delete what they do not need.",
    "KeyNotCounted": "Correct the key in spec.quota.hard, or wait up to five minutes after its kind was installed.",
    "QuotaPending": "The quota of a space is being written. If it stays: look at the ResourceQuota cotenant there, and at kubectl get cotl -n home-<tenant>.",
    "QuotaExceeded": "A space uses more than it may since its quota was lowered. Nothing is evicted, nothing more is admitted.",
    "QuotaWithoutDefaults": "Pods that name no requests or limits for these keys will be refused: add spec.limits with defaults to the Tenant, or drop the keys from the Tenant, or from the Space whose own they are.",
    "AccountingNotAvailable": "Run cotenant install --strict-accounting, or take spec.quota.accounting: strict back. Until then Kubernetes counts as ever.",
    # StrictAccounting
    "Strict": "Nothing to do.",
    "AccountingPending": "Wait; a quota is marked within a second, and the policy tried as soon as one is.",
    "AccountingNotProven": "Run cotenant install. Until the policy acts, Kubernetes counts as ever. An API server that has seen the policy's binding deleted reads its Lease again only after a restart.",
    # NetworkIsolated
    "EnforcementNotProven": "The NetworkPolicies are in place. Whether the cluster's network enforces them has not been shown.",
    "NotIsolated": "spec.network.isolation is none.",
    # PolicyEnforced, Verified
    "NotEnforced": "The message names the fields that this version does not enforce. Do not rely on them.",
    "NotVerified": "Nothing to do here. `cotenant verify` tells the verdict; this version does not write it into the status.",
    # Ready of a Space
    "TenantNotFound": "The Space is in a namespace that is no tenant's home, or its Tenant is gone. It is ignored; nothing is deleted.",
    "NameReserved": "Choose another name for the space.",
    "NameTooLong": "Choose a shorter name, or a shorter spec.spaces.naming for new spaces.",
    "NamingNotAllowed": "Put {tenant} into spec.spaces.naming, or allow it with the setting namingWithoutTenant.",
    "NamespaceTaken": "A namespace of that name exists already. Choose another name, or have it offered with the annotation cotenant.dev/adopt.",
    "NamespaceNotOffered": "Whoever runs the namespace offers it with the annotation cotenant.dev/adopt: <tenant>/<space>.",
    "NamespaceTerminating": "The namespace is being deleted. It is made again when it is gone.",
    "Creating": "Wait; a space is usable within about a second. If it stays: the message names what is missing.",
    "WaitsForRelease": "The Space was deleted and its namespace is kept. An administrator removes the namespace, or releases it: kubectl label namespace NAME cotenant.dev/tenant- cotenant.dev/space-.",
    "DeletingNamespace": "Wait until the namespace is gone.",
}
