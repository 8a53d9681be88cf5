"""EKS: the operations of its API on the one cluster. Each is a method named as botocore names it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from cotenant.local.eks import accesspolicies, asked
from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.cluster import CONFIG_MAP, MODES, Cluster
from cotenant.local.eks.entries import Entries, Entry
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.principal import Caller
from cotenant.local.eks.rights import Rights
from cotenant.local.eks.workloads import Associations

Input = Mapping[str, Any]
_PAGE = 100


@dataclass
class Place:
    """Where the cluster's API server is; unknown until it has started."""

    url: str = ""
    ca: bytes = b""
    version: str = "1.36"


class Service:
    """One method an operation: the input as botocore gives it, the output as botocore wants it, AwsError otherwise."""

    def __init__(
        self,
        cluster: Cluster,
        accounts: Accounts,
        rights: Rights,
        place: Callable[[], Place],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster, self._accounts, self._rights, self._place, self._now = cluster, accounts, rights, place, now
        self._created = now()
        self._updates: dict[str, dict[str, Any]] = {}
        self.mode = cluster.mode
        self.entries = Entries(cluster, accounts, now)
        self.associations = Associations(cluster, accounts, now)
        if self.mode != CONFIG_MAP:
            self._admit_creator()

    def run(self, operation: str, name: str, given: Input, caller: Caller, region: str) -> dict[str, Any]:
        """`operation` is the method's name, `name` that of the API. AwsError for every refusal."""
        method = getattr(self, operation, None) if not operation.startswith("_") else None
        entry = self.entries.peek(given.get("principalArn", ""))
        resource = asked.resource(self._cluster, name, given, entry)
        self._rights.check(caller, f"eks:{name}", resource, asked.context(given, entry))
        if method is None or operation in ("run", "creator"):
            raise AwsError("InvalidRequestException", f"{name} is not part of the local EKS of cotenant")
        cluster = given.get("clusterName") or (given.get("name") if name != "CreateCluster" else None)
        if cluster is not None and (cluster != self._cluster.name or region != self._cluster.region):
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {cluster}.", 404)
        answer: dict[str, Any] = method(given)
        return answer

    def creator(self, caller: Caller) -> bool:
        """In CONFIG_MAP mode whoever made the cluster is its administrator, and stands nowhere."""
        return caller.principal == self._accounts.administrators[self._cluster.account].owner

    # clusters

    def list_clusters(self, given: Input) -> dict[str, Any]:
        return _page("clusters", [self._cluster.name], given)

    def describe_cluster(self, _: Input) -> dict[str, Any]:
        cluster, place = self._cluster, self._place()
        return {
            "cluster": {
                "name": cluster.name,
                "arn": cluster.arn,
                "createdAt": self._created,
                "version": place.version,
                "endpoint": place.url,
                "roleArn": f"arn:aws:iam::{cluster.account}:role/{cluster.name}-cluster",
                "status": "ACTIVE" if place.url else "CREATING",
                "certificateAuthority": {"data": base64.b64encode(place.ca).decode()},
                "platformVersion": "eks.1",
                "tags": {},
                "identity": {"oidc": {"issuer": f"https://{cluster.provider}"}},
                "resourcesVpcConfig": {"subnetIds": [], "securityGroupIds": [], "endpointPublicAccess": True},
                "accessConfig": {"authenticationMode": self.mode},
            }
        }

    def describe_cluster_versions(self, given: Input) -> dict[str, Any]:
        version = self._place().version
        return _page(
            "clusterVersions", [{"clusterVersion": version, "defaultVersion": True, "clusterType": "eks"}], given
        )

    def list_nodegroups(self, given: Input) -> dict[str, Any]:
        return _page("nodegroups", [], given)

    def list_fargate_profiles(self, given: Input) -> dict[str, Any]:
        return _page("fargateProfileNames", [], given)

    def update_cluster_config(self, given: Input) -> dict[str, Any]:
        """Only the authentication mode, and only forwards by one step."""
        wanted = given.get("accessConfig", {}).get("authenticationMode")
        if wanted is None or given.keys() - {"name", "accessConfig", "clientRequestToken"}:
            raise AwsError("InvalidRequestException", "the local EKS of cotenant updates accessConfig only")
        if MODES.index(wanted) != MODES.index(self.mode) + 1:
            text = f"Unsupported authentication mode update from {self.mode} to {wanted}"
            raise AwsError("InvalidParameterException", text)
        if self.mode == CONFIG_MAP:
            self._admit_creator()
        self.mode = wanted
        update: dict[str, Any] = {
            "id": str(uuid4()),
            "status": "Successful",
            "type": "AccessConfigUpdate",
            "params": [{"type": "AuthenticationMode", "value": f'"{wanted}"'}],
            "createdAt": self._now(),
            "errors": [],
        }
        self._updates[update["id"]] = update
        return {"update": {**update, "status": "InProgress"}}

    def describe_update(self, given: Input) -> dict[str, Any]:
        if given["updateId"] not in self._updates:
            raise AwsError("ResourceNotFoundException", f"No update found for ID: {given['updateId']}", 404)
        return {"update": self._updates[given["updateId"]]}

    # access entries

    def create_access_entry(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        return {"accessEntry": self.entries.create(given).as_answered()}

    def describe_access_entry(self, given: Input) -> dict[str, Any]:
        return {"accessEntry": self._entry(given).as_answered()}

    def update_access_entry(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        return {"accessEntry": self.entries.update(given).as_answered()}

    def delete_access_entry(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        self.entries.delete(given["principalArn"])
        return {}

    def list_access_entries(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        wanted = given.get("associatedPolicyArn")
        arns = [each.principal.arn for each in self.entries.visible() if wanted is None or wanted in each.policies]
        return _page("accessEntries", sorted(arns), given)

    def list_access_policies(self, given: Input) -> dict[str, Any]:
        policies = [{"name": name, "arn": arn} for arn, name in sorted(accesspolicies.ALL.items())]
        return _page("accessPolicies", policies, given)

    def associate_access_policy(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        association = self.entries.associate(given["principalArn"], given["policyArn"], given["accessScope"])
        return {**_of(given), "associatedAccessPolicy": association}

    def disassociate_access_policy(self, given: Input) -> dict[str, Any]:
        self._with_entries()
        self.entries.disassociate(given["principalArn"], given["policyArn"])
        return {}

    def list_associated_access_policies(self, given: Input) -> dict[str, Any]:
        policies = self._entry(given).policies
        return {**_of(given), **_page("associatedAccessPolicies", [policies[arn] for arn in sorted(policies)], given)}

    # pod identity

    def create_pod_identity_association(self, given: Input) -> dict[str, Any]:
        return {"association": self.associations.create(given)}

    def describe_pod_identity_association(self, given: Input) -> dict[str, Any]:
        return {"association": self.associations.find(given["associationId"])}

    def update_pod_identity_association(self, given: Input) -> dict[str, Any]:
        return {"association": self.associations.update(given)}

    def delete_pod_identity_association(self, given: Input) -> dict[str, Any]:
        return {"association": self.associations.delete(given["associationId"])}

    def list_pod_identity_associations(self, given: Input) -> dict[str, Any]:
        return _page("associations", self.associations.summaries(given), given)

    # tags

    def list_tags_for_resource(self, given: Input) -> dict[str, Any]:
        return {"tags": dict(self._tagged(given["resourceArn"])[0])}

    def tag_resource(self, given: Input) -> dict[str, Any]:
        tags, keep = self._tagged(given["resourceArn"])
        keep({**tags, **given["tags"]})
        return {}

    def untag_resource(self, given: Input) -> dict[str, Any]:
        tags, keep = self._tagged(given["resourceArn"])
        keep({key: value for key, value in tags.items() if key not in given["tagKeys"]})
        return {}

    def _tagged(self, arn: str) -> tuple[Mapping[str, str], Callable[[Mapping[str, str]], None]]:
        for entry in self.entries.visible():
            if entry.arn == arn:
                return entry.tags, partial(self.entries.tag, entry)
        if ":podidentityassociation/" in arn:
            found = self.associations.find(arn.rpartition("/")[2])
            return found["tags"], lambda tags: found.update(tags=dict(tags))
        raise AwsError("NotFoundException", f"No resource found for ARN: {arn}", 404)

    def _admit_creator(self) -> None:
        creator = self._accounts.administrators[self._cluster.account].owner.arn
        if self.entries.peek(creator) is None:
            self.entries.create({"principalArn": creator})
            self.entries.associate(creator, accesspolicies.CLUSTER_ADMIN, {"type": "cluster"})

    def _with_entries(self) -> None:
        if self.mode == CONFIG_MAP:
            # terraform-aws-eks#3048
            raise AwsError(
                "InvalidRequestException",
                "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
            )

    def _entry(self, given: Input) -> Entry:
        self._with_entries()
        return self.entries.find(given["principalArn"])


def _of(given: Input) -> dict[str, Any]:
    return {"clusterName": given["clusterName"], "principalArn": given["principalArn"]}


def _page(name: str, everything: Sequence[Any], given: Input) -> dict[str, Any]:
    """One page; the token of the next says where it begins, and nobody else may read it."""
    size = given.get("maxResults", _PAGE)
    if size > _PAGE:
        raise AwsError("InvalidParameterException", f"maxResults is at most {_PAGE}")
    try:
        start = int(base64.urlsafe_b64decode(given["nextToken"].encode())) if given.get("nextToken") else 0
    except ValueError:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid") from None
    answer: dict[str, Any] = {name: list(everything[start : start + size])}
    if start + size < len(everything):
        answer["nextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer
