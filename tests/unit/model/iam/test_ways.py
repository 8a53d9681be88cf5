"""Everything that allows something is named with its origin, and what is not known is not left out."""

from __future__ import annotations

from cotenant.local.eks.accesspolicies import ARN
from cotenant.model.iam.entries import Association
from cotenant.model.iam.ways import Way, ways
from cotenant.model.rights import Ask, Grant

SECRETS = Ask("get", "", "secrets", namespace="red-dev")
RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}
BOUND = Grant((("Group", "reds"),), "RoleBinding cotenant-editor", "red-dev", "ClusterRole cotenant:editor", (RULE,), "tenant spec")  # fmt: skip


def found(asked, groups=("reds",), *policies):
    return list(ways(asked, "ann", groups, policies, [BOUND], "Terraform"))


def test_a_binding_of_a_group_is_a_way_in_its_namespace_and_in_no_other():
    by = "RoleBinding cotenant-editor -> ClusterRole cotenant:editor in red-dev"
    assert found(SECRETS) == [Way("RBAC", by, "tenant spec")]
    assert found(SECRETS._replace(namespace="blue-dev")) == []
    assert found(SECRETS, ("blues",)) == []


def test_an_access_policy_is_a_way_beside_rbac_and_names_who_made_its_entry():
    view = Association(f"{ARN}AmazonEKSAdminViewPolicy", "cluster")
    said = found(SECRETS._replace(namespace="blue-dev"), (), view)
    assert said == [
        Way("access policy", "EKS access policy AmazonEKSAdminViewPolicy on the whole cluster", "Terraform")
    ]


def test_a_policy_that_is_not_known_here_is_told_where_its_scope_reaches():
    new = Association(f"{ARN}AmazonEKSNewPolicy", "namespace", ("red-*",))
    assert [one.kind for one in found(SECRETS, (), new)] == ["unknown policy"]
    assert found(SECRETS._replace(namespace="blue-dev"), (), new) == []
