"""A member of a tenant: a role, and exactly one subject."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from cotenant.api.rule import Rule
from cotenant.api.scalars import (
    AccountId,
    MemberRole,
    MemberUser,
    PermissionSetName,
    RoleName,
    SubjectName,
    Username,
)

DEFAULT = (
    "self.iamRole.substring(0, self.iamRole.indexOf(':role/')).replace(':iam::', ':sts::') + ':assumed-role/' + "
    "self.iamRole.substring(self.iamRole.lastIndexOf('/') + 1) + '/{{SessionName}}'"
)
"""The user name that EKS gives a session of the member's role, in CEL."""


class ServiceAccountRef(Struct, rename="camel", frozen=True, kw_only=True):
    """A ServiceAccount by namespace and name; a name alone would match every namespace's."""

    namespace: Annotated[str, Meta(max_length=63, min_length=1)]
    """Namespace of the ServiceAccount."""
    name: Annotated[str, Meta(max_length=253, min_length=1)]
    """Name of the ServiceAccount."""


class PermissionSet(Struct, rename="camel", frozen=True, kw_only=True):
    """A permission set of IAM Identity Center in one account. Its role's name changes with every new assignment."""

    name: PermissionSetName
    """Name of the permission set. Everybody who holds it in the account is meant."""
    account: AccountId
    """Account that it is assigned in, 12 digits."""


class Member(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who belongs to the tenant: a role, and exactly one subject."""

    role: RoleName
    """owner, editor, viewer, or the x of a ClusterRole cotenant:x that the platform made."""
    group: SubjectName | None = None
    """A group, as the API server's authentication reports it."""
    user: SubjectName | None = None
    """A user name, as the API server's authentication reports it."""
    service_account: ServiceAccountRef | None = None
    """A ServiceAccount."""
    iam_role: MemberRole | None = None
    """ARN of an IAM role, with its path and without session name: whoever assumes it is a member."""
    iam_user: MemberUser | None = None
    """ARN of an IAM user."""
    permission_set: PermissionSet | None = None
    """A permission set of IAM Identity Center, found by its name."""
    username: Username | None = None
    """User name of an IAM principal in the cluster, such as team-a:{{SessionName}}. Absent: the ARN that EKS gives, with the session's name."""
    expires: Annotated[str, Meta(max_length=64, extra_json_schema={"format": "date-time"})] | None = None
    """RFC 3339 time from which this member has no rights any more."""

    RULES: ClassVar = (
        Rule(
            "[has(self.group), has(self.user), has(self.serviceAccount), has(self.iamRole), has(self.iamUser), "
            "has(self.permissionSet)].filter(x, x).size() == 1",
            "a member has exactly one of group, user, serviceAccount, iamRole, iamUser, permissionSet",
        ),
        Rule(
            "!(has(self.group) && self.group.startsWith('system:')) && !(has(self.user) && self.user.startsWith('system:'))",
            "system: users and groups cannot be members; name a ServiceAccount as serviceAccount: {namespace, name}",
        ),
        Rule(
            "!(has(self.group) && self.group.startsWith('cotenant:')) && !(has(self.user) && self.user.startsWith('cotenant:'))",
            "cotenant: is for the groups that IAM principals are mapped to; name the principal as iamRole, iamUser or permissionSet",
        ),
        Rule(
            "!has(self.username) || has(self.iamRole) || has(self.iamUser) || has(self.permissionSet)",
            "username is what an IAM principal is called in the cluster; it goes with iamRole, iamUser or permissionSet",
            field=".username",
        ),
        Rule(
            "!has(self.username) || !self.username.startsWith('arn:') || (has(self.iamUser) && self.username == self.iamUser) "
            f"|| (has(self.iamRole) && self.iamRole.contains(':role/') && self.username == {DEFAULT})",
            "a user name that begins with arn: is taken for that principal, which nobody else may be; leave username out",
            field=".username",
        ),
        Rule(
            "!has(self.user) || !self.user.matches('^arn:aws[-a-z]*:(iam|sts)::')",
            "an IAM principal has other names in the cluster from session to session; name it as iamRole or iamUser",
        ),
    )

    @property
    def by_iam(self) -> bool:
        """Whether an IAM principal is meant."""
        return bool(self.iam_role or self.iam_user or self.permission_set)

    @property
    def subject(self) -> str:
        """The subject in words, for messages: `group iam-devteam`."""
        account = self.service_account and f"{self.service_account.namespace}/{self.service_account.name}"
        named = {
            "group": self.group,
            "user": self.user,
            "serviceAccount": account,
            "iamRole": self.iam_role,
            "iamUser": self.iam_user,
            "permissionSet": self.permission_set and f"{self.permission_set.account}/{self.permission_set.name}",
        }
        return ", ".join(f"{kind} {name}" for kind, name in named.items() if name) or "nobody"
