"""Access entries through the EKS API, and what IAM knows about principals. Each method says what it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cotenant.aws.calls import Calls
from cotenant.aws.faults import Fault
from cotenant.model.arn import Arn, arn
from cotenant.model.iam.entries import NO_MODE, STANDARD, Association, Entry, Mode, Principal, Step
from cotenant.model.iam.trust import Place
from cotenant.model.iam.workloads import Bond

PAGE = 100
"""Most entries a page."""
MARKER = ("Marker", "Marker")
"""What leads from page to page in IAM."""


class Eks:
    """One EKS cluster. Every method may raise Fault."""

    def __init__(self, calls: Calls, cluster: str) -> None:
        self.calls, self.cluster = calls, cluster

    async def describe(self) -> dict[str, Any]:
        """DescribeCluster."""
        answer = await self.calls.call("eks", "DescribeCluster", name=self.cluster)
        found: dict[str, Any] = answer["cluster"]
        return found

    async def mode(self) -> Mode:
        """DescribeCluster: where the cluster reads identities."""
        found = await self.describe()
        mode: Mode = (found.get("accessConfig") or {}).get("authenticationMode") or NO_MODE
        return mode

    async def place(self) -> Place:
        """DescribeCluster: how trust policies name the cluster."""
        found = await self.describe()
        issuer = ((found.get("identity") or {}).get("oidc") or {}).get("issuer") or ""
        return Place(found["arn"], issuer.removeprefix("https://"))

    async def listed(self) -> list[str]:
        """ListAccessEntries, 100 a page: the ARNs."""
        pages = self.calls.pages("eks", "ListAccessEntries", clusterName=self.cluster, maxResults=PAGE)
        return [one async for page in pages for one in page["accessEntries"]]

    async def entry(self, principal: str) -> Entry | None:
        """DescribeAccessEntry; None if there is none."""
        try:
            answer = await self.calls.call(
                "eks", "DescribeAccessEntry", clusterName=self.cluster, principalArn=principal
            )
        except Fault as error:
            if error.kind == "not found":
                return None
            raise
        return told(answer["accessEntry"])

    async def holders(self) -> set[str]:
        """ListAccessPolicies, and ListAccessEntries of each: the principals that have any, two dozen calls for all entries."""
        pages = self.calls.pages("eks", "ListAccessPolicies", maxResults=PAGE)
        arns = [one["arn"] async for page in pages for one in page["accessPolicies"]]
        found: set[str] = set()
        for policy in arns:
            where: dict[str, Any] = {"clusterName": self.cluster, "associatedPolicyArn": policy, "maxResults": PAGE}
            async for page in self.calls.pages("eks", "ListAccessEntries", **where):
                found.update(page["accessEntries"])
        return found

    async def policies(self, principal: str) -> list[Association]:
        """ListAssociatedAccessPolicies; none for an entry that is gone."""
        where: dict[str, Any] = {"clusterName": self.cluster, "principalArn": principal, "maxResults": PAGE}
        found = []
        try:
            async for page in self.calls.pages("eks", "ListAssociatedAccessPolicies", **where):
                found += [associated(one) for one in page["associatedAccessPolicies"]]
        except Fault as error:
            if error.kind != "not found":
                raise
        return found

    async def association_ids(self) -> list[str]:
        """ListPodIdentityAssociations, 100 a page."""
        pages = self.calls.pages("eks", "ListPodIdentityAssociations", clusterName=self.cluster, maxResults=PAGE)
        return [one["associationId"] async for page in pages for one in page["associations"]]

    async def association(self, identifier: str) -> Bond | None:
        """DescribePodIdentityAssociation; None if there is none."""
        try:
            answer = await self.calls.call(
                "eks", "DescribePodIdentityAssociation", clusterName=self.cluster, associationId=identifier
            )
        except Fault as error:
            if error.kind == "not found":
                return None
            raise
        one = answer["association"]
        return Bond(one["namespace"], one["serviceAccount"], one["roleArn"], "Pod Identity", identifier)

    async def associations(self) -> list[Bond]:
        """All of them, each described: lists tell no role."""
        found = [await self.association(one) for one in await self.association_ids()]
        return [one for one in found if one]

    async def carry_out(self, step: Step) -> Entry | None:
        """CreateAccessEntry, UpdateAccessEntry or DeleteAccessEntry; what there is afterwards.

        An update names user and all groups: whether EKS keeps what is left out is not documented.
        """
        where = {"clusterName": self.cluster, "principalArn": step.principal}
        if step.action == "delete":
            try:
                await self.calls.call("eks", "DeleteAccessEntry", **where)
            except Fault as error:
                if error.kind != "not found":
                    raise
            return None
        content: dict[str, Any] = {"username": step.username, "kubernetesGroups": list(step.groups)}
        if step.action == "create":
            content |= {"type": STANDARD, "tags": dict(step.tags)}
        operation = "CreateAccessEntry" if step.action == "create" else "UpdateAccessEntry"
        answer = await self.calls.call("eks", operation, **where, **content)
        return told(answer["accessEntry"])


class Iam:
    """Principals. Every method may raise Fault."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    async def me(self) -> Arn | None:
        """GetCallerIdentity, which nobody can be forbidden: the session or user that calls."""
        return arn((await self.calls.call("sts", "GetCallerIdentity"))["Arn"])

    async def role(self, name: str) -> str:
        """GetRole: the ARN of a role of the caller's account, with its path."""
        found: str = (await self.calls.call("iam", "GetRole", RoleName=name))["Role"]["Arn"]
        return found

    async def roles(self) -> list[Principal]:
        """ListRoles, 1,000 a page: every role of the account, which has 1,000 unless its quota was raised."""
        pages = self.calls.pages("iam", "ListRoles", MARKER, MaxItems=1000)
        return [Principal(one["Arn"], one["RoleId"]) async for page in pages for one in page["Roles"]]

    async def trusts(self) -> dict[str, Mapping[str, Any]]:
        """ListRoles, 1,000 a page: the trust policy of every role of the account, by ARN."""
        pages = self.calls.pages("iam", "ListRoles", MARKER, MaxItems=1000)
        return {one["Arn"]: one["AssumeRolePolicyDocument"] async for page in pages for one in page["Roles"]}

    async def users(self) -> list[Principal]:
        """ListUsers, 1,000 a page."""
        pages = self.calls.pages("iam", "ListUsers", MARKER, MaxItems=1000)
        return [Principal(one["Arn"], one["UserId"]) async for page in pages for one in page["Users"]]


def told(found: dict[str, Any]) -> Entry:
    """An entry of the API."""
    return Entry(
        principal=found["principalArn"],
        username=found.get("username") or "",
        groups=tuple(found.get("kubernetesGroups") or ()),
        type=found.get("type") or STANDARD,
        tags=found.get("tags") or {},
    )


def associated(found: dict[str, Any]) -> Association:
    """An access policy of the API."""
    scope = found.get("accessScope") or {}
    return Association(found["policyArn"], scope.get("type") or "cluster", tuple(scope.get("namespaces") or ()))
