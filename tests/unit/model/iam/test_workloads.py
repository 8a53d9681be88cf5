"""What is wrong with the roles that ServiceAccounts carry, and with whom roles trust."""

from __future__ import annotations

from cotenant.model.iam import trust
from cotenant.model.iam.workloads import Bond, Holder, Situation, faults
from unit.model.iam.test_trust import PLACE

ROLE = "arn:aws:iam::111122223333:role/"
RED = Holder("red", frozenset({"red-dev", "red-prod"}), (f"{ROLE}red-*",))
BLUE = Holder("blue", frozenset({"blue-dev"}), (f"{ROLE}blue",))
GOOD = trust.irsa(PLACE, ["red-dev", "red-prod"])


def situation(*bonds, **trusts):
    """trusts: of roles by name, `_` for `-`; none at all means that IAM may not be asked."""
    named = {f"{ROLE}{name.replace('_', '-')}": document for name, document in trusts.items()}
    namespaces = RED.namespaces | BLUE.namespaces | {"kube-system"}
    return Situation(place=PLACE, holders=[RED, BLUE], bonds=bonds, trusts=named or None, namespaces=namespaces)


def bond(namespace, role, by="IRSA", association=""):
    return Bond(namespace, "app", f"{ROLE}{role}", by, association)


def texts(found, *only):
    return [(one.tenant, one.text) for one in faults(found, only)]


def test_a_role_of_the_tenant_that_lets_in_its_namespaces_is_right():
    assert texts(situation(bond("red-dev", "red-s3"), red_s3=GOOD)) == []


def test_a_role_of_another_tenant_is_named_with_the_way_to_take_it_off():
    (found,) = faults(situation(bond("blue-dev", "red-s3")))
    assert (found.tenant, found.text) == ("blue", "ServiceAccount blue-dev/app has by IRSA a role of tenant red")
    assert found.remedy == "kubectl annotate serviceaccount app -n blue-dev eks.amazonaws.com/role-arn-"
    (found,) = faults(situation(bond("blue-dev", "red-s3", "Pod Identity", "a-1")))
    assert found.remedy == "aws eks delete-pod-identity-association --cluster-name shop --association-id a-1"


def test_a_role_that_no_tenant_may_carry_is_told_and_that_of_a_platform_namespace_is_not():
    assert texts(situation(bond("red-dev", "node"))) == [
        ("red", "ServiceAccount red-dev/app has by IRSA a role that serviceAccounts.iamRoles does not name")
    ]
    assert texts(situation(bond("kube-system", "node"))) == []


def test_an_association_of_a_namespace_that_is_gone_waits_for_its_next_owner():
    ((tenant, text),) = texts(situation(bond("old", "red-s3", "Pod Identity", "a-1")))
    assert (tenant, text) == (
        "",
        "ServiceAccount old/app: there is no such namespace; whoever makes one of this name gets the role",
    )


def test_a_trust_that_lets_foreign_namespaces_in_is_told_to_both_tenants():
    wide = trust.irsa(PLACE, ["*"])
    assert texts(situation(red_s3=wide)) == [
        (
            "blue",
            "its trust lets in by IRSA every namespace of the cluster, so any Pod of blue-dev can take it on",
        ),
        ("red", "its trust lets in by IRSA every namespace of the cluster"),
    ]
    assert texts(situation(red_s3=trust.irsa(PLACE, ["red-dev", "blue-dev"])), "red") == [
        ("red", "its trust lets in by IRSA namespace blue-dev")
    ]


def test_a_role_of_the_platform_that_trusts_everybody_is_told_without_any_annotation():
    subject = {"StringLike": {f"{PLACE.issuer}:sub": "system:serviceaccount:*:app"}}
    said = texts(situation(dns=trust.document({"Federated": PLACE.provider}, "sts:*", subject)))
    assert [tenant for tenant, _ in said] == ["blue", "red"]
    assert "any Pod of red-dev, red-prod can take it on" in said[1][1]


def test_by_pod_identity_a_trust_alone_gives_a_foreign_pod_nothing():
    document = trust.document({"Service": trust.AGENT}, "sts:AssumeRole", {})
    assert texts(situation(node=document)) == []
    assert texts(situation(red_s3=document)) == [
        ("red", "its trust lets in by Pod Identity every namespace of the cluster")
    ]


def test_a_role_that_is_not_there_or_lets_nobody_in_is_told():
    assert texts(situation(bond("red-dev", "red-s3"), other=GOOD), "red")[-1][1].endswith(
        "a role that IAM does not have"
    )
    said = texts(situation(bond("red-dev", "red-s3", "Pod Identity", "a-1"), red_s3=GOOD))
    assert said == [
        (
            "red",
            "ServiceAccount red-dev/app gets no credentials: the trust of the role does not let it in by Pod Identity",
        )
    ]
