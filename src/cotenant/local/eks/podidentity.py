"""Credentials for Pods: IRSA, where STS takes the token of a ServiceAccount, and Pod Identity, where EKS takes it.

AssumeRoleWithWebIdentity: STS API reference; AssumeRoleForPodIdentity: botocore's model of `eks-auth`. Session tags: EKS
user guide, "Grant Pods access to AWS resources based on tags".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from cotenant.local.eks import policy
from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.accounttoken import EXPIRED, Account, Tokens
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.principal import Caller
from cotenant.local.eks.rights import Rights
from cotenant.local.eks.sts import Sts
from cotenant.local.eks.workloads import Associations

WEB, AUDIENCE = "AssumeRoleWithWebIdentity", "pods.eks.amazonaws.com"
_HOUR = 3600


class PodIdentity:
    """Gives sessions to whoever holds a token of a ServiceAccount, as far as the trust of the role goes."""

    def __init__(
        self, cluster: Cluster, accounts: Accounts, rights: Rights, sts: Sts, tokens: Tokens, associations: Associations
    ) -> None:
        self._cluster, self._accounts, self._rights, self._sts = cluster, accounts, rights, sts
        self._tokens, self._associations = tokens, associations

    def web(self, given: Mapping[str, str]) -> dict[str, Any]:
        """AssumeRoleWithWebIdentity; nobody signs it, the token is the proof. AwsError in STS' words."""
        arn, name = given.get("RoleArn", ""), given.get("RoleSessionName", "")
        account = self._tokens.read(given.get("WebIdentityToken", ""))
        role, provider = self._accounts.principal(arn), self._cluster.provider
        owner = arn.split(":")[4] if arn.count(":") >= 5 else ""
        clients = self._accounts.clients(owner, provider)
        if clients is None:
            raise AwsError(
                "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for https://{provider}"
            )
        if not set(clients) & set(account.audiences):
            raise AwsError("InvalidIdentityToken", "Incorrect token audience")
        context = {f"{provider}:sub": account.subject, f"{provider}:aud": account.audiences}
        federated = f"arn:aws:iam::{owner}:oidc-provider/{provider}"
        if role is None or not self._trusts(arn, f"sts:{WEB}", context, federated):
            raise AwsError("AccessDenied", f"Not authorized to perform sts:{WEB}", 403)
        found = self._sts.begin(role, name, given.get("DurationSeconds", str(_HOUR)))
        return {
            **found.answer(),
            "SubjectFromWebIdentityToken": account.subject,
            "Provider": federated,
            "Audience": account.audiences[0],
        }

    def agent(self, given: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """AssumeRoleForPodIdentity, as the agent on a node asks it. AwsError in the words of eks-auth."""
        self._rights.check(caller, "eks-auth:AssumeRoleForPodIdentity", self._cluster.arn)
        if given["clusterName"] != self._cluster.name:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {given['clusterName']}.", 404)
        try:
            account = self._tokens.read(given["token"])
        except AwsError as error:
            raise AwsError(EXPIRED if error.code == EXPIRED else "InvalidTokenException", error.message) from error
        if AUDIENCE not in account.audiences:
            raise AwsError("InvalidTokenException", "The audience of the token is not pods.eks.amazonaws.com")
        found = self._associations.of(account.namespace, account.name)
        if found is None:
            said = f"{account.namespace}/{account.name} in cluster {self._cluster.name}"
            raise AwsError("ResourceNotFoundException", f"Service account not associated with an IAM role: {said}", 404)
        if "targetRoleArn" in found or "policy" in found:
            raise AwsError("InvalidRequestException", "target roles and session policies are not part of the local EKS")
        tags = {} if found.get("disableSessionTags") else self._tags(account)
        role = self._accounts.principal(found["roleArn"])
        if role is None or not all(
            self._trusts(role.arn, action, self._sources(tags), AUDIENCE)
            for action in ("sts:AssumeRole", *(["sts:TagSession"] if tags else []))
        ):
            raise AwsError("AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role.")  # fmt: skip
        name = f"eks-{self._cluster.name}-{account.pod}"[:27] + f"-{uuid4()}"
        session = self._sts.begin(role, name, str(6 * _HOUR), tags)
        caller_of = session.caller
        return {
            "subject": {"namespace": account.namespace, "serviceAccount": account.name},
            "audience": AUDIENCE,
            "podIdentityAssociation": {key: found[key] for key in ("associationArn", "associationId")},
            "assumedRoleUser": {"arn": caller_of.arn, "assumeRoleId": caller_of.user_id},
            "credentials": {
                "accessKeyId": session.key,
                "secretAccessKey": session.secret,
                "sessionToken": session.token,
                "expiration": session.expires,
            },
        }

    def _trusts(self, role: str, action: str, context: Mapping[str, Any], principal: str) -> bool:
        """Whether the trust policy of a role lets a provider or service in."""
        found = self._accounts.principal(role)
        if found is None or not found.is_role:
            return False
        known = {key.lower(): value for key, value in context.items()}
        trust = [self._accounts.trust(found)]
        return policy.evaluate(trust, action, role, known, principals=(principal,)) == policy.ALLOWED

    def _tags(self, account: Account) -> dict[str, str]:
        return {
            "eks-cluster-arn": self._cluster.arn,
            "eks-cluster-name": self._cluster.name,
            "kubernetes-namespace": account.namespace,
            "kubernetes-service-account": account.name,
            "kubernetes-pod-name": account.pod,
            "kubernetes-pod-uid": account.pod_uid,
        }

    def _sources(self, tags: Mapping[str, str]) -> dict[str, Any]:
        wanted = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        return {"aws:SourceAccount": self._cluster.account, "aws:SourceArn": self._cluster.arn, **wanted}
