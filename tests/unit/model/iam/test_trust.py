"""Whom a trust policy lets in is told as IAM decides it; what is written lets in the tenant's Pods and nobody else's."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cotenant.local.eks import policy
from cotenant.model.iam import trust
from cotenant.model.iam.trust import AGENT, Admission, Place, admissions

PLACE = Place("arn:aws:eks:eu-north-1:111122223333:cluster/shop", "oidc.eks.eu-north-1.amazonaws.com/id/ABC")
SUB, AUD = f"{PLACE.issuer}:sub", f"{PLACE.issuer}:aud"
SPACES = ["red-dev", "red", "red-dev-x", "blue-dev"]
NAMES = ["app", "apps", "default"]


def irsa_lets_in(document, namespace, account):
    """IAM's word."""
    context = {SUB.lower(): f"system:serviceaccount:{namespace}:{account}", AUD.lower(): "sts.amazonaws.com"}
    said = policy.evaluate([document], "sts:AssumeRoleWithWebIdentity", "arn:x", context, principals=(PLACE.provider,))
    return said == policy.ALLOWED


def agent_lets_in(document, namespace, account):
    tags = {"aws:requesttag/kubernetes-namespace": namespace, "aws:requesttag/kubernetes-service-account": account}
    context = {**tags, "aws:sourcearn": PLACE.arn, "aws:sourceaccount": PLACE.account}
    return all(
        policy.evaluate([document], action, "arn:x", context, principals=(AGENT,)) == policy.ALLOWED
        for action in ("sts:AssumeRole", "sts:TagSession")
    )


@pytest.mark.parametrize("accounts", [(), ("app",)])
def test_what_is_written_lets_in_the_tenants_pods_and_no_others(accounts):
    documents = [
        (trust.irsa(PLACE, ["red-dev", "red"], accounts), irsa_lets_in, "IRSA"),
        (trust.pods(PLACE, ["red-dev", "red"], accounts), agent_lets_in, "Pod Identity"),
    ]
    for document, asked, by in documents:
        told = admissions(document, PLACE)
        for namespace in SPACES:
            for name in NAMES:
                wanted = namespace in ("red-dev", "red") and name in (accounts or NAMES)
                assert asked(document, namespace, name) is wanted, (by, namespace, name)
                assert any(one.admits(namespace, name) for one in told if one.by == by) is wanted
        assert not any(one.wide for one in told)


PARTS = some.sampled_from(["red", "red-dev", "blue-dev", "*", "red-*", "*-dev", "r?d", "app", "a*", "*p", "RED", "App"])
SUBJECTS = some.one_of(
    some.builds("system:serviceaccount:{}:{}".format, PARTS, PARTS),
    some.sampled_from(
        [
            "*",
            "system:*",
            "system:serviceaccount:*",
            "system:serviceaccount:red*",
            "system:serviceaccount:red*p",
            "system:node:a",
        ]
    ),
)
LISTS = some.lists(SUBJECTS, min_size=1, max_size=3)
OPERATORS = ["StringEquals", "StringLike"]
ALL = [*OPERATORS, "ForAnyValue:StringLike", "StringEqualsIgnoreCase"]
CONDITIONS = some.dictionaries(some.sampled_from(ALL), some.dictionaries(some.just(SUB), LISTS, max_size=1))


@given(CONDITIONS, some.sampled_from(["sts:AssumeRoleWithWebIdentity", "sts:*", "*", "sts:AssumeRole"]))
def test_nobody_is_let_in_by_irsa_who_is_not_told(condition, action):
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PLACE.provider},
        "Action": action,
        "Condition": condition,
    }
    document = {"Statement": statement}
    told = admissions(document, PLACE)
    for namespace in SPACES:
        for name in NAMES:
            if irsa_lets_in(document, namespace, name):
                assert any(one.admits(namespace, name) for one in told), (namespace, name)


@given(LISTS.filter(lambda listed: all(one.count(":") == 3 for one in listed)), some.sampled_from(OPERATORS))
def test_with_one_condition_nobody_is_told_who_is_not_let_in(subjects, operator):
    condition = {operator: {SUB: subjects}}
    document = trust.document({"Federated": PLACE.provider}, "sts:AssumeRoleWithWebIdentity", condition)
    told = admissions(document, PLACE)
    for namespace in SPACES:
        for name in NAMES:
            assert irsa_lets_in(document, namespace, name) == any(one.admits(namespace, name) for one in told)


@pytest.mark.parametrize(
    ("principal", "condition", "told"),
    [
        ({"Federated": PLACE.provider}, {}, [Admission("IRSA", "*", "*")]),
        ("*", {}, [Admission("IRSA", "*", "*")]),
        ({"Federated": PLACE.provider.replace("ABC", "OTHER")}, {}, []),
        ({"Federated": PLACE.provider}, {"StringNotEquals": {SUB: "x"}}, [Admission("IRSA", "*", "*")]),
        ({"Federated": PLACE.provider}, {"ForAllValues:StringLike": {SUB: "x"}}, [Admission("IRSA", "*", "*")]),
        ({"Federated": PLACE.provider}, {"StringLike": {SUB.upper(): "system:serviceaccount:a:b"}}, [Admission("IRSA", "a", "b")]),
    ],
)  # fmt: skip
def test_what_limits_nothing_is_told_as_everybody(principal, condition, told):
    assert admissions(trust.document(principal, "sts:AssumeRoleWithWebIdentity", condition), PLACE) == told


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({}, [Admission("Pod Identity", "*", "*")]),
        ({"StringEquals": {"aws:SourceArn": "arn:aws:eks:eu-north-1:111122223333:cluster/other"}}, []),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:eks:*:111122223333:cluster/*"}}, [Admission("Pod Identity", "*", "*")]),
        ({"StringLike": {"aws:RequestTag/kubernetes-namespace": "red-*"}}, [Admission("Pod Identity", "red-*", "*")]),
    ],
)
def test_what_the_tags_of_pod_identity_narrow(condition, told):
    assert (
        admissions(trust.document({"Service": AGENT}, ["sts:AssumeRole", "sts:TagSession"], condition), PLACE) == told
    )


@pytest.mark.parametrize(
    ("condition", "lets_in"),
    [
        ({"StringEqualsIgnoreCase": {SUB: "system:serviceaccount:RED-dev:App"}}, True),
        ({"StringEquals": {SUB: "system:serviceaccount:RED-dev:App"}}, False),
        ({"StringLike": {SUB: "system:serviceaccount:*dev:app"}, "ForAnyValue:StringLike": {SUB: "system:serviceaccount:red*:app"}}, True),
        ({"StringLike": {SUB: "system:serviceaccount:*dev:app"}, "ForAnyValue:StringLike": {SUB: "system:serviceaccount:red*:web"}}, False),
        ({"StringLike": {SUB: "system:serviceaccount:red*p"}}, True),
    ],
)  # fmt: skip
def test_a_limit_in_other_letters_or_of_two_patterns_is_read_as_iam_reads_it(condition, lets_in):
    document = trust.document({"Federated": PLACE.provider}, "sts:AssumeRoleWithWebIdentity", condition)
    assert irsa_lets_in(document, "red-dev", "app") is lets_in
    assert any(one.admits("red-dev", "app") for one in admissions(document, PLACE)) is lets_in


def test_a_tag_of_pod_identity_in_other_letters_is_the_same_namespace():
    condition = {"StringEqualsIgnoreCase": {"aws:RequestTag/kubernetes-namespace": "RED-dev"}}
    document = trust.document({"Service": AGENT}, ["sts:AssumeRole", "sts:TagSession"], condition)
    assert agent_lets_in(document, "red-dev", "app")
    assert admissions(document, PLACE) == [Admission("Pod Identity", "red-dev", "*")]


SIGNS = some.text("ab*?", max_size=5)


@given(SIGNS, SIGNS)
def test_two_patterns_meet_exactly_where_a_text_matches_both(one, other):
    if trust.wild(one) and trust.wild(other):
        texts = ("".join(each) for length in range(11) for each in product("ab", repeat=length))
        assert trust.meet(one, other) == any(fnmatchcase(text, one) and fnmatchcase(text, other) for text in texts)


def test_people_come_in_under_their_own_name():
    document = trust.people("111122223333")
    root = ("arn:aws:iam::111122223333:root",)
    mine = {"aws:username": "ann", "sts:rolesessionname": "ann", "aws:multifactorauthpresent": "true"}
    allowed = policy.evaluate([document], "sts:AssumeRole", "arn:x", mine, principals=root)
    other = policy.evaluate(
        [document], "sts:AssumeRole", "arn:x", {**mine, "sts:rolesessionname": "bob"}, principals=root
    )
    assert (allowed, other) == (policy.ALLOWED, policy.SILENT)
    assert json.dumps(document)
