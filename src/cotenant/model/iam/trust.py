"""Trust policies of roles that Pods take on: written for a tenant's namespaces, and read for whom they let in.

IRSA: the `sub` of a ServiceAccount's token decides, and nothing else; who may annotate does not matter, for any Pod can
ask for a token. Pod Identity: an association decides, and the trust can narrow it by the tags of the session.
Sources: EKS user guide, "Assign IAM roles to Kubernetes service accounts" and "Create IAM role with trust policy required
by EKS Pod Identity"; IAM JSON policy elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct

Document = Mapping[str, Any]
By = Literal["IRSA", "Pod Identity"]
AGENT = "pods.eks.amazonaws.com"
AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:"
LONGEST = 2048
"""Characters of a trust policy, unless the account's quota was raised."""
TAGS = "aws:requesttag/"
NAMESPACE, ACCOUNT = f"{TAGS}kubernetes-namespace", f"{TAGS}kubernetes-service-account"
LIMITS = {"StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike"}
"""Operators that say whom a statement is for; what others say is not counted."""


class Place(Struct, frozen=True):
    """An EKS cluster as trust policies name it."""

    arn: str
    issuer: str
    """Of ServiceAccount tokens, without `https://`; "" where EKS tells none."""

    @property
    def account(self) -> str:
        """12 digits."""
        return self.arn.split(":")[4]

    @property
    def provider(self) -> str:
        """ARN of the OIDC provider that IAM must have for IRSA."""
        return f"arn:{self.arn.split(':')[1]}:iam::{self.account}:oidc-provider/{self.issuer}"


def irsa(place: Place, namespaces: Sequence[str], accounts: Sequence[str] = ()) -> dict[str, Any]:
    """Trust for ServiceAccounts of namespaces: those of these names, or all of them. Namespaces are never patterns."""
    names = sorted(f"{SUBJECT}{one}:{account}" for one in namespaces for account in accounts or ("*",))
    aud, sub = {f"{place.issuer}:aud": AUDIENCE}, {f"{place.issuer}:sub": names}
    condition = {"StringEquals": aud | sub} if accounts else {"StringEquals": aud, "StringLike": sub}
    return document({"Federated": place.provider}, "sts:AssumeRoleWithWebIdentity", condition)


def pods(place: Place, namespaces: Sequence[str], accounts: Sequence[str] = ()) -> dict[str, Any]:
    """The same for Pod Identity; session tags must stay on, for by them the namespace is told."""
    told = {"aws:SourceAccount": place.account, "aws:SourceArn": place.arn}
    tags: dict[str, Any] = {"aws:RequestTag/kubernetes-namespace": sorted(namespaces)}
    if accounts:
        tags["aws:RequestTag/kubernetes-service-account"] = sorted(accounts)
    return document({"Service": AGENT}, ["sts:AssumeRole", "sts:TagSession"], {"StringEquals": told | tags})


def people(account: str, partition: str = "aws") -> dict[str, Any]:
    """Trust for people of the account whom a policy of theirs lets assume the role: each under an own name, with MFA."""
    root = f"arn:{partition}:iam::{account}:root"
    named = {
        "StringEquals": {"sts:RoleSessionName": "${aws:username}"},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
    }
    return document({"AWS": root}, "sts:AssumeRole", named)


def document(principal: dict[str, str], action: Any, condition: dict[str, Any]) -> dict[str, Any]:
    """A policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [statement]}


class Admission(Struct, frozen=True):
    """Pods of this cluster that a statement lets in: namespace and ServiceAccount, either may be a pattern."""

    by: By
    namespace: str
    account: str

    @property
    def wide(self) -> bool:
        """Whether namespaces that nobody has made yet are let in, too."""
        return "*" in self.namespace or "?" in self.namespace

    def admits(self, namespace: str, account: str = "") -> bool:
        """Whether it lets in a ServiceAccount; without a name, any of the namespace."""
        return fnmatchcase(namespace, plain(self.namespace)) and (
            not account or fnmatchcase(account, plain(self.account))
        )


def admissions(found: Document, place: Place) -> list[Admission]:
    """Everything that a trust policy lets in from this cluster.

    Denials are not counted: what they leave open cannot be told from here, and is looked at rather once too often.
    """
    made: list[Admission] = []
    for one in many(found.get("Statement")):
        if isinstance(one, Mapping) and one.get("Effect") == "Allow":
            made += admitted(one, place)
    return list(dict.fromkeys(made))


def admitted(statement: Document, place: Place) -> Iterator[Admission]:
    """The same of one statement that allows."""
    said = conditions(statement.get("Condition") or {})
    if names(statement, "Federated", place.provider) and acts(statement, "sts:AssumeRoleWithWebIdentity"):
        for subject in narrowed(said.get(f"{place.issuer}:sub".lower())):
            namespace, _, account = subject.removeprefix(SUBJECT).partition(":")
            if subject.startswith(SUBJECT) or "*" in subject or "?" in subject:
                # Without its colon, the first star or question mark may stand for it.
                wide = not subject.startswith(SUBJECT) or not account
                reach = re.split(r"[*?]", namespace)[0] + "*" if wide else namespace
                yield Admission("IRSA", reach if subject.startswith(SUBJECT) else "*", "*" if wide else account)
    if names(statement, "Service", AGENT) and acts(statement, "sts:AssumeRole"):
        sources = narrowed(said.get("aws:sourcearn"))
        if any(fnmatchcase(place.arn, plain(one)) for one in sources):
            for namespace in narrowed(said.get(NAMESPACE)):
                for account in narrowed(said.get(ACCOUNT)):
                    yield Admission("Pod Identity", namespace, account)


def names(statement: Document, kind: str, wanted: str) -> bool:
    """Whether a statement is for a principal of a kind, or for everybody."""
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if principal == "*":
        return True
    return isinstance(principal, Mapping) and any(one in ("*", wanted) for one in many(principal.get(kind)))


def acts(statement: Document, wanted: str) -> bool:
    """Whether a statement is about an action."""
    if "NotAction" in statement:
        return not any(fnmatchcase(wanted.lower(), plain(str(one).lower())) for one in many(statement["NotAction"]))
    return any(fnmatchcase(wanted.lower(), plain(str(one).lower())) for one in many(statement.get("Action")))


def conditions(found: Document) -> dict[str, list[list[str]]]:
    """Key in lower case -> the lists of values that each must match one of."""
    made: dict[str, list[list[str]]] = {}
    for operator, keys in found.items():
        quantifier, _, plain_operator = operator.rpartition(":")
        # What holds of an absent key, too, limits nothing where the key can be left out.
        if plain_operator in LIMITS and quantifier != "ForAllValues" and isinstance(keys, Mapping):
            exact, caseless = plain_operator.startswith("StringEquals"), plain_operator.endswith("IgnoreCase")
            for key, values in keys.items():
                listed = [str(one) for one in many(values)]
                if caseless and (key.lower().startswith(TAGS) or key.lower().endswith(":sub")):
                    listed = [one.lower() for one in listed]  # as all names of namespaces and ServiceAccounts are
                made.setdefault(key.lower(), []).append([literal(one) for one in listed] if exact else listed)
    return made


def narrowed(lists: list[list[str]] | None) -> list[str]:
    """What matches one of each list; everything where there is none."""
    left = ["*"]
    for one in lists or ():
        left = list(dict.fromkeys(both for each in one for text in left for both in common(text, each)))
    return left


def common(one: str, other: str) -> Iterator[str]:
    """What matches two patterns. Where neither holds the other that is the first: too much rather than too little."""
    if fnmatchcase(other, plain(one)):
        yield other
    elif fnmatchcase(one, plain(other)) or meet(one, other):
        yield one


def meet(one: str, other: str) -> bool:
    """Whether there is a text that two patterns match. Of what is no pattern only its equal is said."""
    if not (wild(one) and wild(other)):
        return one == other
    # For each rest of `one`: which rests of `other` it can meet, the empty ones first.
    before = [not other[at:].strip("*") for at in range(len(other) + 1)]
    for sign in reversed(one):
        now = [sign == "*" and before[-1]]
        for at in range(len(other) - 1, -1, -1):
            if sign == "*":
                now.append(before[at] or now[-1])
            elif other[at] == "*":
                now.append(now[-1] or before[at])
            else:
                now.append((sign == other[at] or "?" in (sign, other[at])) and before[at + 1])
        before = now[::-1]
    return before[0]


def wild(text: str) -> bool:
    """Whether it is a pattern."""
    return "*" in text or "?" in text


def plain(pattern: str) -> str:
    """A pattern of IAM for fnmatch, which knows one more sign."""
    return pattern.replace("[", "[[]")


def literal(text: str) -> str:
    """StringEquals takes a star for a star, which no name has: such a value lets nobody in."""
    return text if "*" not in text and "?" not in text else "\0"


def many(value: Any) -> Iterable[Any]:
    """IAM writes one value without its list."""
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)
