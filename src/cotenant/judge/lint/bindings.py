"""Rules of RoleBindings and ClusterRoleBindings: subjects that nobody is, roles that are not there, rights too wide."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from cotenant.judge.lint.bundle import Bundle, get, items, labels, name, namespace
from cotenant.judge.lint.edit import swap
from cotenant.judge.lint.mappings import group_for
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.arn import arn
from cotenant.model.document import Document, Path, spelled

BUILT_IN = ("default", "kube-system", "kube-public", "kube-node-lease")


def subjects(bundle: Bundle) -> Iterator[tuple[Document, Path, dict[str, Any]]]:
    """Every subject of every binding, with its path."""
    for document in bundle.of("RoleBinding", "ClusterRoleBinding"):
        for path, one in items(document, "subjects"):
            if isinstance(one, dict):
                yield document, path, one


@rule("L211", "error", fix="A Group, which the access entry or aws-auth gives to the role.")
def role_arn_as_user(bundle: Bundle) -> Iterator[Hit]:
    """EKS names the users of an IAM role `arn:aws:sts::ACCOUNT:assumed-role/ROLE/{{SessionName}}`: a binding to the
    role's own ARN matches nobody; bind a group.
    """
    for document, path, one in subjects(bundle):
        principal = arn(one.get("name"))
        if principal is None or not principal.is_role or one.get("kind") not in ("User", "Group"):
            continue
        group = group_for(bundle, principal)
        edits = swap(document, (*path, "kind"), "Group") + swap(document, (*path, "name"), group)
        message = (
            f"{spelled(path)}: {one['kind']} {one['name']} is the ARN of an IAM role; bind a group and give it to the "
            f"role: aws eks create-access-entry --principal-arn {one['name']} --kubernetes-groups {group} …"
        )
        write = f"- kind: Group\n  name: {group}\n  apiGroup: rbac.authorization.k8s.io"
        yield hit(document, (*path, "name"), message, edits, write)


@rule("L212", "warning", by_hand=True, fix="A Group, which the access entry or aws-auth gives to the role.")
def session_as_user(bundle: Bundle) -> Iterator[Hit]:
    """Whoever may assume the role chooses the session's name, so this binding is for anybody who types that name."""
    for document, path, one in subjects(bundle):
        principal = arn(one.get("name"))
        if principal is None or not principal.is_session:
            continue
        group = group_for(bundle, principal)
        edits = swap(document, (*path, "kind"), "Group") + swap(document, (*path, "name"), group)
        message = f"{spelled(path)}: {one['name']} is one session of role {principal.path.partition('/')[0]}"
        write = f"- kind: Group\n  name: {group}\n  apiGroup: rbac.authorization.k8s.io"
        yield hit(document, (*path, "name"), message, edits, write)


@rule("L213", "error", fix="A RoleBinding in the namespace of the Role; or a ClusterRole.")
def cluster_binding_of_a_role(bundle: Bundle) -> Iterator[Hit]:
    """A ClusterRoleBinding binds ClusterRoles only, the API server refuses it; a Role holds in its own namespace."""
    for document in bundle.of("ClusterRoleBinding"):
        if get(document.value, "roleRef", "kind") != "Role":
            continue
        role = str(get(document.value, "roleRef", "name"))
        homes = [namespace(one) for one in bundle.of("Role") if name(one) == role]
        write = f"kind: RoleBinding\nmetadata:\n  name: {name(document)}\n  namespace: {homes[0] if homes else '…'}"
        message = f"ClusterRoleBinding {name(document)} names Role {role}"
        yield hit(document, ("roleRef", "kind"), message, write=write)


@rule("L214", "error", fix="The name and the namespace of the Role that is meant.")
def binding_without_its_role(bundle: Bundle) -> Iterator[Hit]:
    """A RoleBinding finds a Role in its own namespace only; without one it is accepted and grants nothing."""
    roles = [(namespace(one), name(one)) for one in bundle.of("Role")]
    for document in bundle.of("RoleBinding"):
        here, role = namespace(document), str(get(document.value, "roleRef", "name") or "")
        if get(document.value, "roleRef", "kind") != "Role" or (here, role) in roles or "" in (here, role):
            continue
        elsewhere = [one for one, named in roles if named == role]
        beside = difflib.get_close_matches(role, [named for one, named in roles if one == here], 1, 0.8)
        if beside:
            message = f"Role {role} is in no file, namespace {here} has {beside[0]}"
            yield hit(document, ("roleRef", "name"), message, swap(document, ("roleRef", "name"), beside[0]), beside[0])
        elif elsewhere and elsewhere[0]:
            message = f"Role {role} is in namespace {elsewhere[0]}, this RoleBinding in {here}"
            edits = swap(document, ("metadata", "namespace"), elsewhere[0])
            write = f"namespace: {elsewhere[0]}"
            yield hit(document, ("metadata", "namespace"), message, edits, write)


@rule("L215", "error", fix="The namespace as its own manifest spells it.")
def no_such_namespace(bundle: Bundle) -> Iterator[Hit]:
    """A manifest for a namespace that nobody makes is refused: `namespaces "…" not found`."""
    made = {name(one) for one in bundle.of("Namespace")}
    for document in bundle.native():
        here = namespace(document)
        if not made or not here or here in made or here in BUILT_IN:
            continue
        if near := difflib.get_close_matches(here, made, 1, 0.85):
            message = f"namespace {here} is in no file, {near[0]} is"
            path = ("metadata", "namespace")
            yield hit(document, path, message, swap(document, path, near[0]), near[0])


@rule("L216", "error", fix="namespace: the namespace of the ServiceAccount.")
def account_without_namespace(bundle: Bundle) -> Iterator[Hit]:
    """A ServiceAccount is a name in a namespace; the API server refuses the binding without it."""
    for document, path, one in subjects(bundle):
        if one.get("kind") == "ServiceAccount" and not one.get("namespace"):
            here = namespace(document) or "…"
            message = f"{spelled(path)}: ServiceAccount {one.get('name')} has no namespace"
            write = f"- kind: ServiceAccount\n  name: {one.get('name')}\n  namespace: {here}"
            yield hit(document, path, message, write=write)


@rule("L217", "warning", fix="A RoleBinding to the same ClusterRole in each of the tenant's namespaces.")
def tenant_bound_everywhere(bundle: Bundle) -> Iterator[Hit]:
    """A ClusterRoleBinding holds in the namespaces of every other tenant too; tenants get RoleBindings."""
    inside: dict[tuple[str, str], str] = {}
    for document, _, one in subjects(bundle):
        if document.value["kind"] == "RoleBinding" and one.get("kind") in ("User", "Group"):
            inside.setdefault((str(one["kind"]), str(one.get("name"))), namespace(document) or "…")
    for document in bundle.of("Tenant"):
        for _, one in items(document, "spec", "members"):
            for kind in ("User", "Group"):
                if isinstance(one, dict) and one.get(kind.lower()):
                    inside.setdefault((kind, str(one[kind.lower()])), "…")
    for document, path, one in subjects(bundle):
        if document.value["kind"] != "ClusterRoleBinding" or labels(document).get("app.kubernetes.io/managed-by"):
            continue
        if str(one.get("name")).startswith("system:"):
            continue
        if home := inside.get((str(one.get("kind")), str(one.get("name")))):
            role = get(document.value, "roleRef", "name")
            message = f"{spelled(path)}: {one['kind']} {one['name']} of one tenant gets {role} on the whole cluster"
            write = f"kind: RoleBinding\nmetadata:\n  name: {name(document)}\n  namespace: {home}"
            yield hit(document, (*path, "name"), message, write=write)
