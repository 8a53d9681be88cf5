"""IAM principals as manifests name them: items of aws-auth, of eksctl's iamIdentityMappings and of its accessEntries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cotenant.judge.lint.bundle import Bundle, get, items, name, namespace, words
from cotenant.model.arn import Arn, arn
from cotenant.model.document import Document, Path

SECTIONS = ("mapRoles", "mapUsers", "mapAccounts")
NODE_GROUPS = {"system:nodes", "system:bootstrappers", "system:node-proxier", "eks:kube-proxy-windows"}
TEMPLATE = re.compile(r"\{\{\s*(SessionName|SessionNameRaw|AccessKeyID)\s*\}\}")


class Mapped(NamedTuple):
    """One principal and what it becomes. `path` is the item's; the fields below it are named by `arn_key` and so on."""

    document: Document
    path: Path
    item: Mapping[str, Any]
    store: str
    """aws-auth, eksctl (written to aws-auth), or entry."""
    arn_key: str
    user_key: str
    group_key: str

    @property
    def arn(self) -> Arn | None:
        """The principal, if it is one."""
        return arn(self.item.get(self.arn_key))

    @property
    def text(self) -> str:
        """The principal as it stands there."""
        return str(self.item.get(self.arn_key) or "")

    @property
    def user(self) -> str:
        """The user name, or ""."""
        return str(self.item.get(self.user_key) or "")

    @property
    def groups(self) -> list[str]:
        """The groups."""
        return words(self.item.get(self.group_key))

    @property
    def is_node(self) -> bool:
        """Whether nodes join by this item."""
        return self.user.startswith("system:node:") or bool(NODE_GROUPS & set(self.groups))

    @property
    def at_arn(self) -> Path:
        """Where the principal stands."""
        return (*self.path, self.arn_key)

    @property
    def at_user(self) -> Path:
        """Where the user name stands."""
        return (*self.path, self.user_key)

    @property
    def at_groups(self) -> Path:
        """Where the groups stand."""
        return (*self.path, self.group_key)


def key(item: Mapping[str, Any], wanted: str) -> str:
    """The key of an item in its own spelling: the authenticator does not look at the case of these."""
    return next((one for one in item if one.lower() == wanted.lower()), wanted)


def aws_auth(bundle: Bundle) -> Iterator[Document]:
    """Every ConfigMap aws-auth."""
    for document in bundle.of("ConfigMap"):
        if name(document) == "aws-auth" and namespace(document) in ("kube-system", ""):
            yield document


def mapped(bundle: Bundle) -> Iterator[Mapped]:
    """Every item of aws-auth, and what eksctl would write there."""
    for document in aws_auth(bundle):
        for section, field in (("mapRoles", "rolearn"), ("mapUsers", "userarn")):
            for path, item in items(document, "data", section):
                if isinstance(item, dict):
                    keys = (key(item, one) for one in (field, "username", "groups"))
                    yield Mapped(document, path, item, "aws-auth", *keys)
    for document in bundle.of("ClusterConfig"):
        for path, item in items(document, "iamIdentityMappings"):
            if isinstance(item, dict) and "arn" in item:
                yield Mapped(document, path, item, "eksctl", "arn", "username", "groups")


def entries(bundle: Bundle) -> Iterator[Mapped]:
    """Every access entry of an eksctl ClusterConfig."""
    for document in bundle.of("ClusterConfig"):
        for path, item in items(document, "accessConfig", "accessEntries"):
            if isinstance(item, dict):
                yield Mapped(document, path, item, "entry", "principalARN", "kubernetesUsername", "kubernetesGroups")


def mode(bundle: Bundle) -> str:
    """The authentication mode that an eksctl ClusterConfig asks for, or ""."""
    found = (get(one.value, "accessConfig", "authenticationMode") for one in bundle.of("ClusterConfig"))
    return next((str(one) for one in found if one), "")


def kebab(text: str) -> str:
    """`BackendTeamDeveloper` -> `backend-team-developer`."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()).strip("-")


def group_for(bundle: Bundle, principal: Arn) -> str:
    """The group that a role is mapped to in these files; else one made of its name."""
    for one in (*entries(bundle), *mapped(bundle)):
        if one.arn and one.arn.role == principal.role and one.groups:
            return one.groups[0]
    name = principal.path.partition("/")[0] if principal.is_session else principal.name
    return kebab(name)
