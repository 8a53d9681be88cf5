from __future__ import annotations

import pytest

from cotenant.model.iam.awsauth import read
from cotenant.model.iam.entries import Principal
from cotenant.model.iam.migration import migration
from cotenant.model.iam.mode import NoStore, shadowed, store
from cotenant.model.iam.policy import policy
from unit.model.iam.test_edit import ACCOUNT, ADMIN, NODES, OURS


@pytest.mark.parametrize(
    ("mode", "asked", "where"),
    [
        ("CONFIG_MAP", "", "aws-auth"),
        ("API_AND_CONFIG_MAP", "", "entries"),
        ("API", "", "entries"),
        ("API_AND_CONFIG_MAP", "aws-auth", "aws-auth"),
        ("", "aws-auth", "aws-auth"),
    ],
)
def test_identities_are_written_where_the_cluster_reads_them(mode: str, asked: str, where: str) -> None:
    assert store(mode, asked) == where


@pytest.mark.parametrize(
    ("mode", "asked", "text"),
    [("API", "aws-auth", "no effect"), ("CONFIG_MAP", "entries", "cannot be taken back"), ("", "", "--eks-cluster")],
)
def test_where_nothing_would_come_of_it_nothing_is_written(mode: str, asked: str, text: str) -> None:
    with pytest.raises(NoStore, match=text):
        store(mode, asked)


def test_items_that_an_entry_makes_ineffective_are_told_in_the_mixed_mode_only() -> None:
    auth, entry = read({"mapRoles": OURS}), f"{ACCOUNT}:role/teams/Team"
    assert shadowed(auth, [entry], "API_AND_CONFIG_MAP") == {f"{ACCOUNT}:role/Team": entry}
    assert shadowed(auth, [entry], "CONFIG_MAP") == {}


def test_each_item_becomes_an_entry_or_is_named() -> None:
    windows = NODES.replace("node-role", "win").replace(
        "  - system:nodes\n", "  - system:nodes\n  - eks:kube-proxy-windows\n"
    )
    fargate = NODES.replace("node-role", "fargate").replace("system:nodes", "system:node-proxier")
    plain = f"- rolearn: {ACCOUNT}:role/Dev\n  username: dev:{{{{SessionName}}}}\n  groups: [dev, it's]\n"
    bad = [
        f"- rolearn: {ACCOUNT}:role/A\n  username: eks:x\n",
        f"- rolearn: {ACCOUNT}:role/B\n  groups: ['{{{{SessionName}}}}']\n  username: b\n",
        f"- rolearn: {ACCOUNT}:role/gone\n  username: g\n",
        "- sso: {permissionSetName: x}\n",
    ]
    auth = read({"mapRoles": NODES + windows + fargate + ADMIN + plain + OURS + "".join(bad), "mapAccounts": '- "1"\n'})
    known = {f"{ACCOUNT}:role/dev": Principal(f"{ACCOUNT}:role/x/Dev", "AROA"), f"{ACCOUNT}:role/gone": Principal()}
    found = migration(auth, known)
    assert [(one.type, one.policy) for one in found.proposals] == [
        ("EC2_LINUX", ""), ("EC2_WINDOWS", ""), ("FARGATE_LINUX", ""),
        ("STANDARD", "AmazonEKSClusterAdminPolicy"), ("STANDARD", ""),
    ]  # fmt: skip
    assert found.proposals[-1].principal == f"{ACCOUNT}:role/x/Dev"
    assert "'it'\\''s'" in found.proposals[-1].commands("c")[0]
    assert len(found.proposals[3].commands("c")) == 2
    assert len(found.left) == 6


def test_the_policy_names_one_cluster_and_can_give_nobody_more() -> None:
    found = policy("dev", "eu-west-1", "111122223333")
    allowed = {action for one in found["Statement"] if one["Effect"] == "Allow" for action in one["Action"]}
    denied = {action for one in found["Statement"] if one["Effect"] == "Deny" for action in one["Action"]}
    assert denied == {"eks:AssociateAccessPolicy", "eks:UpdateClusterConfig"}
    assert not {one for one in allowed if "*" in one or "iam:Create" in one or "Policy" in one} - {
        "eks:ListAssociatedAccessPolicies"
    }
    resources = {one["Resource"] for one in found["Statement"] if one["Effect"] == "Allow"} - {"*"}
    assert all("eu-west-1:111122223333" in one and "dev" in one for one in resources)
