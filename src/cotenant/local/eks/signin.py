"""From a proven identity to a Kubernetes user: the access entry first, then aws-auth, as the mode of the cluster says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cotenant.local.eks import accesspolicies
from cotenant.local.eks.awsauth import AwsAuth, Mapped
from cotenant.local.eks.cluster import API, CONFIG_MAP, CREATOR
from cotenant.local.eks.principal import Caller, Principal
from cotenant.local.eks.service import Service
from cotenant.local.eks.token import Identity, TokenRefused

PRINCIPAL = "sigs.k8s.io/aws-iam-authenticator/principalId"
"""The extra that carries IAM's unique id, to the authorizer and into the audit log."""


class SignIn:
    """`aws_auth` gives the ConfigMap as it is at this moment."""

    def __init__(self, service: Service, aws_auth: Callable[[], AwsAuth]) -> None:
        self._service, self._aws_auth = service, aws_auth

    def user(self, identity: Identity) -> dict[str, Any]:
        """`user` of a TokenReview. TokenRefused for somebody whom nothing maps."""
        found = self._mapped(identity)
        if found is None:
            raise TokenRefused(f"{identity.canonical} is mapped nowhere")
        extra = {
            "arn": identity.arn,
            "canonicalArn": identity.canonical,
            "sessionName": identity.session,
            "accessKeyId": identity.key,
            "principalId": identity.id,
            PRINCIPAL: identity.id,
        }
        return {
            "username": rendered(found.username, identity),
            "uid": f"aws-iam-authenticator:{identity.account}:{identity.id}",
            "groups": [rendered(group, identity) for group in found.groups],
            "extra": {name: [value] for name, value in extra.items()},
        }

    def allows(self, spec: Mapping[str, Any]) -> str:
        """The access policy that allows what a SubjectAccessReview asks for, or "" for no opinion."""
        ids = (spec.get("extra") or {}).get(PRINCIPAL) or []
        if self._service.mode == CONFIG_MAP or len(ids) != 1:
            return ""
        entry = self._service.entries.of(ids[0])
        for arn, association in (entry.policies if entry else {}).items():
            if accesspolicies.allows(association, spec):
                return accesspolicies.ALL[arn]
        return ""

    def _mapped(self, identity: Identity) -> Mapped | None:
        mode = self._service.mode
        if mode != CONFIG_MAP and (entry := self._service.entries.of(identity.id)) is not None:
            return Mapped(entry.username, entry.groups)
        if mode == API:
            return None
        itself = Caller(Principal(identity.arn, identity.id, identity.account), identity.key)
        if mode == CONFIG_MAP and self._service.creator(itself):
            return Mapped(f"kubernetes-{CREATOR}", ("system:masters",))
        return self._aws_auth().find(identity.canonical, identity.account)


def rendered(text: str, identity: Identity) -> str:
    """Templates of username and groups; unknown ones stay. TokenRefused where EC2 would have to be asked."""
    if "{{EC2PrivateDNSName}}" in text:
        raise TokenRefused("nodes are fake here: nobody can ask EC2 for the name of one")
    values = {
        "{{AccountID}}": identity.account,
        "{{SessionName}}": identity.session.replace("@", "-"),
        "{{SessionNameRaw}}": identity.session,
        "{{AccessKeyID}}": identity.key,
    }
    for template, value in values.items():
        text = text.replace(template, value)
    return text
