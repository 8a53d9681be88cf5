"""The nouns: wire types of cotenant's own kinds, and the few fields it reads of Kubernetes'."""

from cotenant.api.builtin import Child, ClusterRole, Manifest, Namespace, ResourceQuota
from cotenant.api.member import Member
from cotenant.api.meta import Condition, ObjectMeta
from cotenant.api.policy import SpacePolicy, SpacePolicySpec, TenantMirror
from cotenant.api.profile import ProfileSpec, TenantProfile
from cotenant.api.space import Space, SpaceSpec, SpaceStatus
from cotenant.api.tenant import Rules, Tenant, TenantSpec, TenantStatus

__all__ = [
    "Child",
    "ClusterRole",
    "Condition",
    "Manifest",
    "Member",
    "Namespace",
    "ObjectMeta",
    "ProfileSpec",
    "ResourceQuota",
    "Rules",
    "Space",
    "SpacePolicy",
    "SpacePolicySpec",
    "SpaceSpec",
    "SpaceStatus",
    "Tenant",
    "TenantMirror",
    "TenantProfile",
    "TenantSpec",
    "TenantStatus",
]
