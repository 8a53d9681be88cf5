"""From identity to Kubernetes user: which store decides in which mode, and what templates become."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from cotenant.local.eks import accesspolicies, awsauth
from cotenant.local.eks.awsauth import Mapped
from cotenant.local.eks.signin import PRINCIPAL, SignIn, rendered
from cotenant.local.eks.token import Identity, TokenRefused
from unit.local.eks.iam import ACCOUNT, CLUSTER, given_entry, given_role, given_user


def identity_of(aws, arn, session="ann@example.com"):
    principal = aws.front.accounts.principal(arn)
    if not principal.is_role:
        return Identity(arn, arn, ACCOUNT, principal.id, "", "AKIA")
    bare = f"arn:aws:iam::{ACCOUNT}:role/{principal.name}"
    return Identity(
        f"arn:aws:sts::{ACCOUNT}:assumed-role/{principal.name}/{session}", bare, ACCOUNT, principal.id, session, "ASIA"
    )


def mapped(arn, **fields):
    return {
        "mapRoles" if ":role/" in arn else "mapUsers": str(
            [{("rolearn" if ":role/" in arn else "userarn"): arn, **fields}]
        )
    }


def sign_in(aws, data=None, mode="API_AND_CONFIG_MAP"):
    made = SignIn(aws.front.service, lambda: awsauth.parse(data or {}))
    aws.front.service.mode = mode
    return made


@pytest.fixture(autouse=True)
def mode_put_back(aws):
    before = aws.front.service.mode
    yield
    aws.front.service.mode = before


def test_the_entry_wins_over_aws_auth(aws):
    role = given_role(aws)
    who, data = identity_of(aws, role), mapped(role, username="old", groups=["old"])
    assert sign_in(aws, data).user(who)["username"] == "old"
    given_entry(aws, role, username="team:{{SessionName}}", kubernetesGroups=["team"])
    user = sign_in(aws, data).user(who)
    assert (user["username"], user["groups"]) == ("team:ann-example.com", ["team"])


@pytest.mark.parametrize(
    ("mode", "username"), [("CONFIG_MAP", "from-map"), ("API_AND_CONFIG_MAP", "from-entry"), ("API", "from-entry")]
)
def test_the_mode_says_which_store_counts(aws, mode, username):
    role = given_role(aws)
    given_entry(aws, role, username="from-entry")
    assert sign_in(aws, mapped(role, username="from-map"), mode).user(identity_of(aws, role))["username"] == username


def test_in_api_mode_aws_auth_maps_nobody_and_in_config_map_mode_the_creator_stands_nowhere_and_is_administrator(aws):
    role, creator = given_role(aws), aws.front.accounts.administrators[ACCOUNT].owner.arn
    with pytest.raises(TokenRefused, match="mapped nowhere"):
        sign_in(aws, mapped(role, username="x"), "API").user(identity_of(aws, role))
    hidden = sign_in(aws, {}, "CONFIG_MAP").user(identity_of(aws, creator))
    assert hidden["groups"] == ["system:masters"]
    assert sign_in(aws).user(identity_of(aws, creator))["groups"] == []


def test_a_role_made_again_under_its_name_leaves_a_dead_entry(aws):
    role, iam = given_role(aws, path="/p/"), aws.client("iam")
    given_entry(aws, role, kubernetesGroups=["team"])
    assert sign_in(aws).user(identity_of(aws, role))["groups"] == ["team"]
    name = role.rpartition("/")[2]
    iam.delete_role(RoleName=name)
    assert given_role(aws, name, path="/p/") == role
    with pytest.raises(TokenRefused, match="mapped nowhere"):
        sign_in(aws).user(identity_of(aws, role))
    entry = aws.client("eks").describe_access_entry(clusterName=CLUSTER, principalArn=role)["accessEntry"]
    assert entry["kubernetesGroups"] == ["team"]  # and looks as if nothing had happened
    # aws-auth knows names only.
    bare = role.replace("/p/", "/")
    assert sign_in(aws, mapped(bare, username="still")).user(identity_of(aws, role))["username"] == "still"


def test_aws_auth_matches_a_role_without_its_path_only(aws):
    role = given_role(aws, path="/team/")
    with pytest.raises(TokenRefused):
        sign_in(aws, mapped(role, username="x")).user(identity_of(aws, role))
    assert sign_in(aws, mapped(role.replace("/team/", "/"), username="x")).user(identity_of(aws, role))


def test_the_user_carries_what_the_authenticator_gives(aws):
    role = given_role(aws)
    given_entry(aws, role)
    who = identity_of(aws, role, "ann")
    user = sign_in(aws).user(who)
    assert user["username"] == who.arn
    assert user["uid"] == f"aws-iam-authenticator:{ACCOUNT}:{who.id}"
    assert user["extra"] == {
        "arn": [who.arn], "canonicalArn": [role], "sessionName": ["ann"], "accessKeyId": ["ASIA"],
        "principalId": [who.id], PRINCIPAL: [who.id],
    }  # fmt: skip


def test_templates_are_filled_and_unknown_ones_stay():
    who = Identity("a", "c", ACCOUNT, "AROA", "a@b", "ASIAKEY")
    text = "{{AccountID}} {{SessionName}} {{SessionNameRaw}} {{AccessKeyID}} {{Other}}"
    assert rendered(text, who) == f"{ACCOUNT} a-b a@b ASIAKEY {{{{Other}}}}"
    with pytest.raises(TokenRefused, match="EC2"):
        rendered("system:node:{{EC2PrivateDNSName}}", who)


ROLE = f"arn:aws:iam::{ACCOUNT}:role/dev"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"- rolearn: {ROLE}\n  username: x\n  groups: [a, b]", Mapped("x", ("a", "b"))),
        (f"- roleARN: {ROLE.upper().replace('ARN:AWS', 'arn:aws')}\n  UserName: x", Mapped("x")),
        (f"- rolearn: {ROLE}\n  username: x\n  groups: a", Mapped("x")),  # a type error loses the field alone
        (f"- rolearn: {ROLE}\n  username: x\n- rolearn: {ROLE}\n  username: y", Mapped("y")),  # the last one counts
        (f"- username: nobody\n- rolearn: {ROLE}\n  username: x", Mapped("x")),
        (f"- rolearn: {ROLE}\n  username: x\n -  broken", None),  # one error drops everybody
        (f"rolearn: {ROLE}", None),
        ("", None),
        ('""', None),
        ("``", None),
    ],
)
def test_aws_auth_is_read_as_forgivingly_as_the_authenticator_does(text, found):
    assert awsauth.parse({"mapRoles": text}).find(ROLE, ACCOUNT) == found
    assert awsauth.parse({"maproles": text}).find(ROLE, ACCOUNT) is None


def test_a_broken_section_takes_no_other_with_it_and_an_unquoted_account_is_lost():
    user = f"arn:aws:iam::{ACCOUNT}:user/ann"
    data = {
        "mapRoles": "- a\n b: [",
        "mapUsers": f"- userarn: {user}\n  username: ann",
        "mapAccounts": "- '012345678901'\n- 111122223333",
    }
    read = awsauth.parse(data)
    assert read.find(user, ACCOUNT) == Mapped("ann")
    assert read.accounts == {"012345678901"}
    assert read.find("arn:aws:iam::012345678901:user/x", "012345678901") == Mapped("arn:aws:iam::012345678901:user/x")
    assert any("mapRoles is no YAML" in problem for problem in read.problems)


def asks(who, verb="get", resource="pods", namespace="dev", group="", subresource=""):
    attributes = {
        "verb": verb,
        "resource": resource,
        "namespace": namespace,
        "group": group,
        "subresource": subresource,
    }
    return {"user": "x", "extra": {PRINCIPAL: [who.id]}, "resourceAttributes": attributes}


@pytest.mark.parametrize(
    ("policy", "scope", "asked", "allowed"),
    [
        ("ClusterAdmin", "*", {"verb": "delete", "resource": "nodes", "namespace": ""}, True),
        ("ClusterAdmin", "dev", {}, True),
        ("ClusterAdmin", "dev", {"namespace": "prod"}, False),
        ("ClusterAdmin", "dev", {"resource": "nodes", "namespace": ""}, False),
        ("View", "*", {"verb": "list", "namespace": ""}, True),
        ("View", "*", {"resource": "secrets"}, False),
        ("View", "*", {"verb": "create"}, False),
        ("View", "dev-*", {"namespace": "dev-a"}, True),
        ("View", "dev-*", {"namespace": "dev"}, False),
        ("View", "dev", {"resource": "namespaces"}, True),
        ("View", "dev", {"resource": "namespaces", "verb": "list", "namespace": ""}, False),
        ("AdminView", "*", {"resource": "secrets"}, True),
        ("Edit", "*", {"resource": "secrets", "verb": "create"}, True),
        ("Edit", "*", {"verb": "create", "subresource": "exec"}, True),
        ("Edit", "*", {"verb": "list"}, True),
        ("Edit", "*", {"verb": "create", "resource": "rolebindings", "group": "rbac.authorization.k8s.io"}, False),
        ("Admin", "*", {"verb": "create", "resource": "rolebindings", "group": "rbac.authorization.k8s.io"}, True),
        ("Admin", "*", {"verb": "update", "resource": "resourcequotas"}, False),
        ("Admin", "*", {"verb": "get", "resource": "tenants", "group": "cotenant.dev"}, False),
        ("AutoNode", "*", {}, False),
    ],
)
def test_an_access_policy_allows_within_its_scope_and_nothing_else(aws, policy, scope, asked, allowed):
    user, _ = given_user(aws)
    given_entry(aws, user)
    arn = f"{accesspolicies.ARN}AmazonEKS{policy}Policy"
    where = {"type": "cluster"} if scope == "*" else {"type": "namespace", "namespaces": [scope]}
    aws.client("eks").associate_access_policy(clusterName=CLUSTER, principalArn=user, policyArn=arn, accessScope=where)
    signed, who = sign_in(aws), identity_of(aws, user)
    assert bool(signed.allows(asks(who, **asked))) == allowed
    assert signed.allows({**asks(who, **asked), "extra": {}}) == ""
    assert sign_in(aws, mode="CONFIG_MAP").allows(asks(who, **asked)) == ""


def test_paths_of_the_api_are_for_the_cluster_administrator_only(aws):
    user, _ = given_user(aws)
    given_entry(aws, user)
    spec = {
        "extra": {PRINCIPAL: [identity_of(aws, user).id]},
        "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }
    for name, allowed in (("AdminView", False), ("ClusterAdmin", True)):
        aws.client("eks").associate_access_policy(
            clusterName=CLUSTER, principalArn=user, policyArn=f"{accesspolicies.ARN}AmazonEKS{name}Policy",
            accessScope={"type": "cluster"},
        )  # fmt: skip
        assert bool(sign_in(aws).allows(spec)) == allowed


def test_the_mode_goes_forward_one_step_and_never_back(aws):
    eks = aws.client("eks")

    def change(mode):
        return eks.update_cluster_config(name=CLUSTER, accessConfig={"authenticationMode": mode})["update"]

    aws.front.service.mode = "CONFIG_MAP"
    with pytest.raises(ClientError, match="must be set to one of \\[API, API_AND_CONFIG_MAP\\]"):
        eks.list_access_entries(clusterName=CLUSTER)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        change("API")
    update = change("API_AND_CONFIG_MAP")
    assert (update["status"], update["type"]) == ("InProgress", "AccessConfigUpdate")
    assert eks.describe_update(name=CLUSTER, updateId=update["id"])["update"]["status"] == "Successful"
    assert eks.describe_cluster(name=CLUSTER)["cluster"]["accessConfig"]["authenticationMode"] == "API_AND_CONFIG_MAP"
    change("API")
    with pytest.raises(ClientError, match="InvalidParameterException"):
        change("API_AND_CONFIG_MAP")
