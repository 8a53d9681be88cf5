"""IAM's state, kept by moto: users, roles, groups, policies, keys. moto answers IAM's API and asks nobody for rights.

moto keeps everything in its modules, so there is one state a process. It neither verifies signatures nor evaluates
policies as IAM does: both are done before it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cotenant.local.eks.cluster import CREATOR, Cluster
from cotenant.local.eks.errors import MotoMissing
from cotenant.local.eks.message import Answer, Request
from cotenant.local.eks.policy import Document
from cotenant.local.eks.principal import Principal

_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_PARTITION = "aws"


@dataclass(frozen=True)
class Key:
    """The access key of a user."""

    id: str
    secret: str
    owner: Principal
    active: bool = True

    def as_answered(self) -> dict[str, str]:
        return {"AccessKeyId": self.id, "SecretAccessKey": self.secret}


class Accounts:
    """Starts with the administrator of each account and nothing else. MotoMissing where it is not installed."""

    def __init__(self, cluster: Cluster) -> None:
        try:
            from moto.core.request import normalize_request
            from moto.iam.models import iam_backends
            from moto.iam.responses import IamResponse
            from werkzeug.exceptions import HTTPException
        except ImportError as error:
            raise MotoMissing from error
        self._states: Any = iam_backends
        self._normal, self._respond, self._refusal = normalize_request, IamResponse.dispatch, HTTPException
        self._known = (cluster.account, *cluster.accounts)
        self.administrators = {account: self._administrator(account) for account in self._known}

    def key(self, key: str) -> Key | None:
        for account in self._known:
            state = self._state(account)
            if (found := state.access_keys.get(key)) is not None and found.user_name in state.users:
                owner = _principal(state.users[found.user_name])
                return Key(key, found.secret_access_key, owner, found.status == "Active")
        return None

    def principal(self, arn: str) -> Principal | None:
        """The user or role of exactly this ARN, path and all."""
        found = self._find(arn)
        return _principal(found) if found is not None else None

    def named(self, kind: str, name: str, account: str) -> str:
        """The ARN of a `user` or `role` of this name, path and all; "" when there is none."""
        state = self._state(account)
        known = {"user": state.users, "role": state.roles}.get(kind, {})
        return next((each.arn for each in known.values() if each.name == name), "")

    def there(self, principal: Principal) -> bool:
        """Whether it still is the same one: neither deleted nor made again."""
        now = self.principal(principal.arn)
        return now is not None and now.id == principal.id

    def clients(self, account: str, provider: str) -> list[str] | None:
        """The audiences that an OIDC provider of an account stands for; None without such a provider."""
        known = self._state(account).open_id_providers if account in self._known else {}
        return next((list(each.client_id_list) for each in known.values() if each.url == provider), None)

    def trust(self, role: Principal) -> Document:
        return _document(self._find(role.arn).assume_role_policy_document)

    def policies(self, principal: Principal) -> list[Document]:
        """Identity policies, those of a user's groups included."""
        found = self._find(principal.arn)
        if found is None:
            return []
        state = self._state(principal.account)
        holders = [found] if principal.is_role else [found, *state.get_groups_for_user(found.name)]
        return [_document(each) for holder in holders for each in _held(holder)]

    def boundary(self, principal: Principal) -> Document | None:
        arn = getattr(self._find(principal.arn), "permissions_boundary_arn", None)
        policy = self._state(principal.account).managed_policies.get(arn) if arn else None
        return _document(_valid(policy)) if policy is not None else None

    def answer(self, request: Request, account: str) -> Answer:
        """IAM's own API."""
        from botocore.awsrequest import AWSPreparedRequest
        from botocore.compat import HTTPHeaders

        headers = HTTPHeaders()
        for name, value in request.headers.items():
            if name not in ("host", "content-length"):
                headers[name] = value
        headers["x-moto-account-id"] = account
        prepared = self._normal(
            AWSPreparedRequest(request.method, "https://iam.amazonaws.com/", headers, request.body, False)
        )
        try:
            status, given, body = self._respond(prepared, prepared.raw_url, prepared.headers)
        except self._refusal as refusal:
            status, given, body = refusal.code, dict(refusal.get_headers()), refusal.get_body()
        body = body.encode() if isinstance(body, str) else body
        for user in self._state(account).users.values():
            body = _named_as_iam_does(user, body)
        type_ = next((value for name, value in dict(given).items() if name.lower() == "content-type"), "text/xml")
        return Answer(int(status), body, type_)

    def _administrator(self, account: str) -> Key:
        state = self._state(account)
        state.reset()
        user = state.create_user(_PARTITION, CREATOR)
        state.put_user_policy(CREATOR, "everything", json.dumps(_EVERYTHING))
        _named_as_iam_does(user, b"")
        made = state.create_access_key(user_name=CREATOR)
        return Key(made.access_key_id, made.secret_access_key, _principal(user))

    def _state(self, account: str) -> Any:
        return self._states[account][_PARTITION]

    def _find(self, arn: str) -> Any:
        account = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if account not in self._known:
            return None
        state = self._state(account)
        return next((each for each in (*state.roles.values(), *state.users.values()) if each.arn == arn), None)


def _principal(found: Any) -> Principal:
    return Principal(found.arn, found.id, found.account_id)


def _named_as_iam_does(user: Any, body: bytes) -> bytes:
    """Ids of users in moto lack the prefix by which people tell a user from a role. The answer in which it stands, too."""
    if user.id.startswith("AIDA"):
        return body
    old, user.id = user.id, f"AIDA{user.id[4:].upper()}"
    return body.replace(old.encode(), user.id.encode())


def _held(holder: Any) -> Iterable[Any]:
    yield from holder.policies.values()
    for managed in holder.managed_policies.values():
        yield _valid(managed)


def _valid(managed: Any) -> Any:
    """The version of a managed policy that counts."""
    return next(each.document for each in managed.versions if each.version_id == managed.default_version_id)


def _document(text: Any) -> Document:
    """Moto keeps some of them as text, some percent-encoded."""
    if isinstance(text, str):
        found: Document = json.loads(unquote(text) if text.startswith("%7B") else text)
        return found
    whole: Document = text
    return whole
