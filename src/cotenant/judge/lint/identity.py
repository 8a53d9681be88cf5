"""Rules of aws-auth: what the authenticator drops, what it never matches, and what gives away more than it says."""

from __future__ import annotations

from collections.abc import Iterator

from cotenant.judge.lint.bundle import Bundle, get, items, leaves, name
from cotenant.judge.lint.edit import Edit, Edits, quote, rename, swap
from cotenant.judge.lint.mappings import SECTIONS, TEMPLATE, Mapped, aws_auth, entries, mapped, mode
from cotenant.judge.lint.rule import Hit, hit, rule
from cotenant.model.arn import SSO_PATH
from cotenant.model.document import Document, Path, Span, spelled

GENERAL_SETS = {
    "PowerUserAccess", "ReadOnlyAccess", "ViewOnlyAccess", "DatabaseAdministrator", "DataScientist", "SystemAdministrator",
    "NetworkAdministrator", "SecurityAudit", "SupportUser", "Billing", "AWSPowerUserAccess", "AWSReadOnlyAccess",
}  # fmt: skip
"""Permission sets that Identity Center and Control Tower come with: nobody's team. Those for administrators are left out."""


@rule("L301", "error", fix="`mapRoles: |` and the list indented below it.")
def aws_auth_list(bundle: Bundle) -> Iterator[Hit]:
    """A ConfigMap holds texts: without `|` the API server refuses it, `cannot unmarshal array into … of type string`."""
    for document in aws_auth(bundle):
        for section in SECTIONS:
            path: Path = ("data", section)
            if isinstance(get(document.value, *path), list) and path not in document.embedded:
                message = f"data.{section} is a list, no text"
                yield hit(document, path, message, barred(document, path), f"{section}: |\n  …", key=True)


def barred(document: Document, path: Path) -> Edits:
    """`|` behind the key, and the list one step to the right where it begins in the key's column."""
    at, whole = document.keys.get(path), document.spans.get(path)
    if at is None or whole is None or whole.line == at.line:
        return ()
    lines = {span.line for one, span in document.spans.items() if one[:2] == path and len(one) > 2}
    bar = Edit(Span(at.line, at.end_column + 1, at.line, at.end_column + 1), " |")
    if whole.column > at.column:
        return (bar,)
    inside = range(min(lines), max(lines) + 1)
    return (bar, *(Edit(Span(line, 0, line, 0), "  ") for line in inside if document.text[line - 1].strip()))


@rule("L302", "error", fix="The section with its YAML mended.")
def aws_auth_unreadable(bundle: Bundle) -> Iterator[Hit]:
    """One YAML error in a section drops all of it: in mapRoles every role of the cluster, those of the nodes too."""
    for one in bundle.broken:
        if one.where in SECTIONS and not one.letters:
            yield Hit(one.source, one.line, 0, f"data.{one.where}: {one.message}", write=(one.mended or "").strip())


@rule("L303", "error", fix="mapRoles, mapUsers, mapAccounts.")
def aws_auth_key(bundle: Bundle) -> Iterator[Hit]:
    """The authenticator reads mapRoles, mapUsers and mapAccounts, letter by letter, and ignores every other key."""
    for document in aws_auth(bundle):
        data = get(document.value, "data")
        for one in data if isinstance(data, dict) else ():
            for meant in SECTIONS:
                if one != meant and one.lower().rstrip("s") == meant.lower().rstrip("s"):
                    edits = rename(document, ("data", one), meant)
                    yield hit(document, ("data", one), f"data.{one} is never read", edits, meant, key=True)


@rule("L304", "error", fix="The ARN without its path: arn:aws:iam::ACCOUNT:role/NAME.")
def role_path(bundle: Bundle) -> Iterator[Hit]:
    """STS answers with the role's name and without its path, so aws-auth must have none: with it the user is
    Unauthorized; an access entry has the whole ARN.
    """
    for one in mapped(bundle):
        if one.arn and one.arn.is_role and one.arn.path and one.store == "aws-auth":
            message = f"{spelled(one.at_arn)}: {one.text} has the path {one.arn.path}"
            yield hit(one.document, one.at_arn, message, swap(one.document, one.at_arn, one.arn.role), one.arn.role)


@rule("L305", "error", fix="The ARN of the role: arn:aws:iam::ACCOUNT:role/NAME.")
def session_arn(bundle: Bundle) -> Iterator[Hit]:
    """`assumed-role` is what STS calls a session; principals are mapped by the role's own ARN, and no session matches."""
    for one in (*mapped(bundle), *entries(bundle)):
        if one.arn and one.arn.is_session:
            message = f"{spelled(one.at_arn)}: {one.text} is a session, no role"
            yield hit(one.document, one.at_arn, message, swap(one.document, one.at_arn, one.arn.role), one.arn.role)


@rule("L306", "error", fix="The ARN of one role or one user.")
def no_principal(bundle: Bundle) -> Iterator[Hit]:
    """Only single IAM roles and users can be mapped: no groups, no wildcards, no root, no service-linked roles."""
    for one in (*mapped(bundle), *entries(bundle)):
        if not one.text or (one.arn and one.arn.is_session):
            continue
        reason = unmappable(one)
        if reason:
            message = f"{spelled(one.at_arn)}: {one.text} {reason}"
            yield hit(one.document, one.at_arn, message, write=f"{one.arn_key}: arn:aws:iam::<12 digits>:role/<name>")


def unmappable(one: Mapped) -> str:
    """Why a principal cannot be mapped; "" if it can."""
    found = one.arn
    if found is None:
        return "is no ARN of an IAM principal"
    if "*" in one.text or "?" in one.text:
        return "has a wildcard, which is taken for a letter"
    if found.kind == "group":
        return "is an IAM group; let its members assume a role"
    if found.kind == "root":
        return "is a whole account" if one.store == "entry" else ""
    if found.path.startswith("aws-service-role/"):
        return "is a service-linked role"
    if found.kind == "role" and one.arn_key.lower() == "userarn":
        return "is a role; it belongs to mapRoles"
    if found.kind == "user" and one.arn_key.lower() == "rolearn":
        return "is a user; it belongs to mapUsers"
    return ""


@rule("L307", "error", fix="One item with all groups.")
def mapped_twice(bundle: Bundle) -> Iterator[Hit]:
    """Of two items for one principal the last one holds; their groups are not put together."""
    for found in (mapped(bundle), entries(bundle)):
        first: dict[tuple[int, str], Mapped] = {}
        for one in found:
            same = first.setdefault(
                (id(one.document), (one.arn.role if one.arn and one.arn.is_role else one.text).lower()), one
            )
            if same is not one and one.text:
                line = same.document.at(same.at_arn)
                groups = "\n".join(f"- {each}" for each in dict.fromkeys([*same.groups, *one.groups]))
                message = f"{spelled(one.at_arn)}: {one.text} is mapped already in line {line}"
                yield hit(one.document, one.at_arn, message, write=f"groups:\n{groups}" if groups else "")


@rule("L308", "error", fix="A user name; for a role `prefix:{{SessionName}}`.")
def no_user_name(bundle: Bundle) -> Iterator[Hit]:
    """The authenticator takes an item without user name, and its users have an empty name that no audit tells apart."""
    for one in mapped(bundle):
        if not one.user and one.store == "aws-auth":
            new = (
                f"username: {plain(one)}:{{{{SessionName}}}}"
                if one.arn_key.lower() == "rolearn"
                else f"username: {plain(one)}"
            )
            yield hit(one.document, one.path, f"{spelled(one.path)}: {one.text} gets no user name", write=new)


def plain(one: Mapped) -> str:
    """A name for a principal."""
    return one.arn.name if one.arn and one.arn.name else "name"


@rule("L309", "error", fix="A fixed prefix with a colon: `team:{{SessionName}}`.")
def chosen_user_name(bundle: Bundle) -> Iterator[Hit]:
    """Whoever assumes a role chooses the session's name: without a prefix he may call himself like anybody else."""
    for one in (*mapped(bundle), *entries(bundle)):
        found = TEMPLATE.search(one.user)
        if found is None or one.is_node:
            continue
        before = one.user[: found.start()]
        if not before or (one.store == "entry" and ":" not in before):
            new = f"{before.rstrip(':-') or plain(one)}:{one.user[found.start() :]}"
            message = f"{spelled(one.at_user)}: {one.user} has no prefix that ends with a colon"
            yield hit(one.document, one.at_user, message, swap(one.document, one.at_user, new), new)


@rule("L310", "error", fix="A fixed group.")
def chosen_group(bundle: Bundle) -> Iterator[Hit]:
    """Groups are templates too: here whoever assumes the role chooses his group, one with all rights for example."""
    for one in mapped(bundle):
        for at, group in enumerate(one.groups):
            if TEMPLATE.search(group):
                path = (*one.at_groups, at)
                yield hit(
                    one.document, path, f"{spelled(path)}: {group} is chosen by the caller", write="- <a fixed group>"
                )


@rule("L311", "warning", by_hand=True, fix="`name:{{SessionName}}`, and a group to bind.")
def one_name_for_all(bundle: Bundle) -> Iterator[Hit]:
    """Everybody who assumes the role gets the same user name: no audit and no event tells them apart."""
    for one in (*mapped(bundle), *entries(bundle)):
        is_role = one.arn is not None and (one.arn.is_role or one.arn.is_session)
        if not one.user or not is_role or "{{" in one.user or one.is_node or one.user.startswith("system:"):
            continue
        new = f"{one.user}:{{{{SessionName}}}}"
        edits = swap(one.document, one.at_user, new) if one.groups else ()
        write = f"{one.user_key}: {new}\n{one.group_key}:\n- {one.user}"
        message = f"{spelled(one.at_user)}: every session of {one.text} is user {one.user}"
        yield hit(one.document, one.at_user, message, edits, write)


@rule("L312", "error", fix="A list: one `- group` a line.")
def groups_are_a_list(bundle: Bundle) -> Iterator[Hit]:
    """A single word is of the wrong type; the authenticator drops the field and keeps the rest of the item."""
    for one in mapped(bundle):
        found = one.item.get(one.group_key)
        if isinstance(found, str):
            edits = swap(one.document, one.at_groups, f"[{found}]")
            raw = one.document.spans.get(one.at_groups)
            if raw and one.document.raw(raw)[:1] in "\"'":
                edits = ()
            yield hit(one.document, one.at_groups, f"{spelled(one.at_groups)} is a text", edits, f"groups: [{found}]")


@rule(
    "L313",
    "warning",
    fix="The cluster's own node mapping beside it, as `kubectl get cm aws-auth -n kube-system -o yaml` shows it.",
)
def nodes_left_out(bundle: Bundle) -> Iterator[Hit]:
    """Whoever applies this replaces mapRoles as a whole: nodes that joined by it lose the cluster."""
    if mode(bundle).startswith("API"):
        return
    for document in aws_auth(bundle):
        found = [one for one in mapped(bundle) if one.document is document]
        if isinstance(get(document.value, "data", "mapRoles"), list) and not any(one.is_node for one in found):
            write = (
                "- rolearn: arn:aws:iam::<12 digits>:role/<node role>\n  username: system:node:{{EC2PrivateDNSName}}\n"
                "  groups:\n  - system:bootstrappers\n  - system:nodes"
            )
            yield hit(document, ("data", "mapRoles"), "mapRoles maps no node", write=write, key=True)


@rule("L314", "error", fix="The account's id in quotes.")
def account_is_a_number(bundle: Bundle) -> Iterator[Hit]:
    """Without quotes an account id is a number to YAML and loses its leading zeros."""
    for document in aws_auth(bundle):
        for path, one in items(document, "data", "mapAccounts"):
            if isinstance(one, int | float) or (isinstance(one, str) and not (one.isdigit() and len(one) == 12)):
                edits = () if isinstance(one, str) else quote(document, path)
                yield hit(document, path, f"{spelled(path)}: {one} is no text of 12 digits", edits, '- "<12 digits>"')


@rule("L315", "warning", fix="A binding for it: kind: Group, name: the group.")
def bound_nowhere(bundle: Bundle) -> Iterator[Hit]:
    """Who is mapped may sign in and do nothing, not even read: rights come from bindings, and no file here has one."""
    if not any(True for _ in bundle.of("RoleBinding", "ClusterRoleBinding", "Tenant", "Account")):
        return
    said: dict[str, set[int]] = {}
    for document in bundle.documents:
        if name(document) != "aws-auth" and document.value.get("kind") != "ClusterConfig":
            for _, text in leaves(document.value):
                said.setdefault(text, set()).add(id(document))
    for one in (*mapped(bundle), *entries(bundle)):
        rights = [each for each in one.groups if not each.startswith("system:")]
        if one.is_node or one.item.get("accessPolicies") or len(rights) < len(one.groups):
            continue
        principal = [one.text] if one.arn and one.arn.kind == "user" else []
        if any(each in said for each in [*rights, one.user, *principal]):
            continue
        kind, who = ("Group", rights[0]) if rights else ("User", one.user or one.text)
        message = f"{spelled(one.path)}: {kind.lower()} {who} is bound nowhere"
        write = f"subjects:\n- kind: {kind}\n  name: {who}\n  apiGroup: rbac.authorization.k8s.io"
        yield hit(one.document, one.at_groups if rights else one.path, message, write=write)


@rule("L316", "warning", fix="A permission set of the team's own.")
def everybodys_permission_set(bundle: Bundle) -> Iterator[Hit]:
    """One permission set of Identity Center is one role: everybody who holds it in the account becomes a member."""
    for one in (*mapped(bundle), *entries(bundle)):
        if one.arn and one.arn.permission_set in GENERAL_SETS and (one.groups or one.user):
            who = f"group {one.groups[0]}" if one.groups else f"user {one.user}"
            message = f"{spelled(one.at_arn)}: everybody with permission set {one.arn.permission_set} becomes {who}"
            write = one.arn.role.replace(one.arn.permission_set, "<the team's permission set>")
            yield hit(one.document, one.at_arn, message, write=write)


@rule("L317", "error", fix=f"The whole ARN: …:role/{SSO_PATH}REGION/AWSReservedSSO_….")
def sso_role_without_path(bundle: Bundle) -> Iterator[Hit]:
    """An access entry names a role with its path; EKS refuses an Identity Center role without: `invalid principal`."""
    for one in entries(bundle):
        if one.arn and one.arn.permission_set and not one.arn.path:
            region = get(one.document.value, "metadata", "region") or "<region>"
            new = one.text.replace(":role/", f":role/{SSO_PATH}{region}/")
            message = f"{spelled(one.at_arn)}: {one.text} lacks the path of Identity Center"
            yield hit(one.document, one.at_arn, message, write=new)


@rule("L318", "error", fix="A name of the team's own, such as team:developer.")
def reserved_name(bundle: Bundle) -> Iterator[Hit]:
    """EKS refuses access entries whose user name or groups begin with system:, eks:, aws:, amazon: or iam:."""
    for one in entries(bundle):
        if one.item.get("type") not in (None, "", "STANDARD"):
            continue
        named = [(one.at_user, one.user), *(((*one.at_groups, at), each) for at, each in enumerate(one.groups))]
        for path, text in named:
            if text.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")):
                write = text.partition(":")[2]
                if text == "system:masters":
                    write = "accessPolicies:\n- policyARN: arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy\n  accessScope: {type: cluster}"
                yield hit(one.document, path, f"{spelled(path)}: {text} is reserved", write=write)


@rule("L319", "warning", fix="kubernetesGroups that a binding names.")
def entry_gives_nothing(bundle: Bundle) -> Iterator[Hit]:
    """An access entry without groups, policies and user name lets somebody sign in who may then do nothing."""
    for one in entries(bundle):
        standard = one.item.get("type") in (None, "", "STANDARD")
        if standard and one.arn and one.arn.is_role and not (one.groups or one.user or one.item.get("accessPolicies")):
            from_name = f"kubernetesGroups:\n- {one.arn.name.lower()}"
            yield hit(one.document, one.path, f"{spelled(one.path)}: {one.text} gets no group", write=from_name)


@rule("L320", "error", fix="scope cluster without namespaces, scope namespace with some.")
def scope_of_a_policy(bundle: Bundle) -> Iterator[Hit]:
    """A policy holds in the whole cluster or in the namespaces that it names; eksctl refuses half of both."""
    for one in entries(bundle):
        policies = one.item.get("accessPolicies")
        for at, policy in enumerate(policies if isinstance(policies, list) else ()):
            scope = get(policy, "accessScope", "type")
            spaces = get(policy, "accessScope", "namespaces")
            if (scope == "cluster" and spaces) or (scope == "namespace" and not spaces):
                path = (*one.path, "accessPolicies", at, "accessScope")
                write = "accessScope: {type: namespace, namespaces: [" + ", ".join(spaces or ["…"]) + "]}"
                yield hit(one.document, path, f"{spelled(path)}: scope {scope} and namespaces do not fit", write=write)


@rule("L321", "error", by_hand=True, fix="authenticationMode: API_AND_CONFIG_MAP.")
def mode_reads_the_other_store(bundle: Bundle) -> Iterator[Hit]:
    """In mode CONFIG_MAP the cluster reads aws-auth only, in mode API access entries only."""
    for document in bundle.of("ClusterConfig"):
        path = ("accessConfig", "authenticationMode")
        found = get(document.value, *path)
        unread = {"CONFIG_MAP": ("accessConfig", "accessEntries"), "API": ("iamIdentityMappings",)}.get(str(found))
        if unread and get(document.value, *unread):
            message = f"{unread[-1]} is never read in mode {found}"
            edits = swap(document, path, "API_AND_CONFIG_MAP")
            yield hit(document, path, message, edits, "authenticationMode: API_AND_CONFIG_MAP")
