"""What an answer proves. A denial counts only if the right layer gave it to the right user for the right reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from cotenant.judge.isolation.bindings import described
from cotenant.judge.isolation.claims import Attempt
from cotenant.judge.isolation.everybody import beyond, beyond_paths, spoken
from cotenant.model.denial import Layer, layer

Outcome = Literal["DENIED", "ALLOWED-EXPECTED", "ALLOWED-HARMLESS", "ALLOWED", "UNKNOWN"]
"""ALLOWED is what must not be; UNKNOWN proves nothing and counts as a failure to prove."""
State = Literal["PROVEN", "BROKEN", "INCOMPLETE"]
ANSWERED_BY_ADMISSION = (400, 404, 405, 409, 415, 422)
"""Answers of what comes after authorization: whoever gets one of these has passed it."""

ESCALATION = "attempting to grant RBAC permissions not currently held"
"""A refusal of the RBAC API, to somebody who may make the binding or the role."""
RULES = "COTENANT-RIGHT-"
"""What the refusals of the policy cotenant-rights begin with."""
SPOKEN = 5
"""Rules that a message names."""

CLUSTER_SCOPED = {"nodes", "persistentvolumes", "componentstatuses", "clusterroles", "clusterrolebindings"} | {
    "ingressclasses",
    "ipaddresses",
    "servicecidrs",
    "tenants",
    "tenantprofiles",
}
"""Resources that a rule lists for every namespace although no namespace has them; the claim "cluster" is about those."""


class Answer(Struct, frozen=True):
    """What came back: HTTP status (0: nothing came), the message of a metav1.Status, and of a review its verdict or rules."""

    status: int
    message: str = ""
    allowed: bool | None = None
    rules: tuple[Mapping[str, Any], ...] | None = None
    paths: tuple[Mapping[str, Any], ...] = ()
    """Non-resource rules."""
    unseen: str = ""
    """Why these are not all rules, where nothing else covers what is missing."""
    composed: bool = False
    """A metav1.Status: written by the API itself, not by what stands before it."""


class Verdict(Struct, frozen=True):
    """What one attempt proved. `layer`: who refused. `message`: verbatim from the server, or why it proves nothing."""

    outcome: Outcome
    state: State
    layer: Layer | Literal[""] = ""
    message: str = ""


def judge(attempt: Attempt, answer: Answer) -> Verdict:
    """The verdict on one attempt."""
    if answer.status in (0, 401, 429) or (answer.status >= 500 and not _failed_inside(attempt, answer)):
        return Verdict("UNKNOWN", "INCOMPLETE", message=answer.message or f"HTTP {answer.status}")
    if "cannot impersonate" in answer.message or " impersonate resource " in answer.message:
        return Verdict("UNKNOWN", "INCOMPLETE", message=answer.message)
    if attempt.claim == "pod security":
        return _pod_security(attempt, answer)
    if attempt.content is not None:
        return _bindings(attempt.content, answer)
    if answer.rules is not None:
        return _rules(attempt, answer)
    passed = _passed(answer)
    if passed is None:
        return Verdict("UNKNOWN", "INCOMPLETE", message=answer.message or f"HTTP {answer.status}")
    if attempt.claim == "control":
        return _control(answer, passed=passed)
    if passed:
        return Verdict("ALLOWED", "BROKEN", message=let_through(attempt, answer))
    if answer.allowed is not None or names(attempt, answer.message):
        return Verdict("DENIED", "PROVEN", "RBAC", answer.message or "SubjectAccessReview: not allowed")
    return Verdict("UNKNOWN", "INCOMPLETE", "RBAC", f"refused, but for another reason: {answer.message}")


def _failed_inside(attempt: Attempt, answer: Answer) -> bool:
    """An authorizer that fails answers 500 in plain text; a Status of 500 is written by what comes after it."""
    return answer.status == 500 and answer.composed and attempt.means == "request"


def _passed(answer: Answer) -> bool | None:
    """Whether authorization let it through; None when the answer does not tell."""
    if answer.allowed is not None:
        return answer.allowed
    if answer.status < 300 or answer.status == 500 or answer.status in ANSWERED_BY_ADMISSION:
        return True
    if answer.status == 403 and ESCALATION in answer.message:
        return True
    if answer.status != 403:
        return None
    by = layer(answer.status, answer.message)
    return None if by == "other" else by != "RBAC"


def names(attempt: Attempt, message: str) -> bool:
    """Whether RBAC's refusal is about this user, verb, resource and place."""
    action = attempt.action
    asked = f'cannot {action.verb} resource "{action.plural}" in API group "{action.resource.group}" {action.scope}'
    return f'User "{attempt.identity.user}" {asked}' in message


def let_through(attempt: Attempt, answer: Answer) -> str:
    """What the API server did instead of refusing."""
    if answer.allowed:
        return answer.message or "SubjectAccessReview: allowed"
    if answer.status in (404, 500):
        return f"RBAC let it pass; only then: {answer.message or 'not found'}"
    if answer.status < 300:
        return f"{attempt.action} works"
    return f"RBAC let it pass; refused only by {layer(answer.status, answer.message)}: {answer.message}"


def _control(answer: Answer, *, passed: bool) -> Verdict:
    if passed:
        return Verdict("ALLOWED-EXPECTED", "PROVEN", message=answer.message)
    return Verdict("DENIED", "INCOMPLETE", "RBAC", answer.message or "SubjectAccessReview: not allowed")


def _pod_security(attempt: Attempt, answer: Answer) -> Verdict:
    if answer.status < 300:
        return Verdict("ALLOWED", "BROKEN", message=f"a privileged pod is accepted in {attempt.action.namespace}")
    by = layer(answer.status, answer.message)
    if by == "pod security":
        return Verdict("DENIED", "PROVEN", by, answer.message)
    return Verdict("UNKNOWN", "INCOMPLETE", by, f"refused before Pod Security was asked: {answer.message}")


def _bindings(content: Mapping[str, Any], answer: Answer) -> Verdict:
    """The authorizer lets it pass: a refusal is about what was to be given away."""
    if answer.status < 300:
        return Verdict("ALLOWED", "BROKEN", message=f"{described(content)} is accepted")
    by = layer(answer.status, answer.message)
    if (by == "policy" and RULES in answer.message) or (by == "RBAC" and ESCALATION in answer.message):
        return Verdict("DENIED", "PROVEN", by, answer.message)
    return Verdict("UNKNOWN", "INCOMPLETE", by, f"refused, but for another reason: {answer.message}")


def found(attempt: Attempt, answer: Answer) -> list[Mapping[str, Any]]:
    """The rules of a rules review that must not be, be it on a single object by its name."""
    rules = beyond(answer.rules or ())
    if not attempt.action.namespace:
        return [*rules, *beyond_paths(answer.paths)]
    return [rule for rule in rules if not CLUSTER_SCOPED.issuperset(rule.get("resources") or ())]


def _rules(attempt: Attempt, answer: Answer) -> Verdict:
    rules = list(dict.fromkeys(map(spoken, found(attempt, answer))))
    if rules:
        more = f"; and {len(rules) - SPOKEN} rules more" if len(rules) > SPOKEN else ""
        return Verdict("ALLOWED", "BROKEN", message="; ".join(rules[:SPOKEN]) + more)
    if answer.unseen:
        return Verdict("UNKNOWN", "INCOMPLETE", message=f"not all rules can be seen: {answer.unseen}")
    return Verdict("DENIED", "PROVEN", "RBAC", "SelfSubjectRulesReview: no rule")
