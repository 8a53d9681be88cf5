"""Whether IAM lets a caller do something: what `aws` is refused with, and why."""

from __future__ import annotations

from collections.abc import Mapping

from cotenant.local.eks import policy
from cotenant.local.eks.accounts import Accounts
from cotenant.local.eks.errors import denied
from cotenant.local.eks.policy import ALLOWED, DENIED, Context
from cotenant.local.eks.principal import Caller, Principal


def facts(caller: Caller, more: Context | None = None) -> Context:
    """The global condition keys of a request."""
    known: dict[str, str] = {
        "aws:principalarn": caller.principal.arn,
        "aws:principalaccount": caller.account,
        "aws:principaltype": "AssumedRole" if caller.session else "User",
        "aws:userid": caller.user_id,
        "aws:securetransport": "false",
        "aws:sourceip": "127.0.0.1",
        "aws:multifactorauthpresent": "false",
    }
    if not caller.session:
        known["aws:username"] = caller.principal.name
    known |= {f"aws:principaltag/{key}".lower(): value for key, value in caller.tags}
    return {**known, **{key.lower(): value for key, value in (more or {}).items()}}


class Rights:
    """Asks the policies of IAM's state as they are at this moment."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def check(self, caller: Caller, action: str, resource: str, more: Mapping[str, object] | None = None) -> None:
        """AwsError AccessDenied in AWS' words unless every layer allows."""
        context = facts(caller, more)  # type: ignore[arg-type] # values are text or lists of it
        decision = self._identity(caller.principal, action, resource, context)
        if decision == DENIED:
            raise denied(caller.arn, action, resource, " with an explicit deny in an identity-based policy")
        if decision != ALLOWED:
            raise denied(caller.arn, action, resource, f" because no identity-based policy allows the {action} action")

    def may_assume(self, caller: Caller, role: Principal | None, asked: str, more: Context) -> bool:
        """The trust policy names the caller, or the account whose policies then let the caller; nothing denies."""
        context = facts(caller, more)
        allowed_here = self._identity(caller.principal, "sts:AssumeRole", asked, context)
        if role is None or allowed_here == DENIED:
            return False
        trust = [self._accounts.trust(role)]
        itself = (caller.principal.arn, caller.arn)
        account = (caller.account, f"arn:aws:iam::{caller.account}:root")
        named = policy.evaluate(trust, "sts:AssumeRole", asked, context, principals=itself)
        through = policy.evaluate(trust, "sts:AssumeRole", asked, context, principals=account)
        if DENIED in (named, through):
            return False
        if named == ALLOWED and role.account == caller.account:
            return True
        return ALLOWED in (named, through) and allowed_here == ALLOWED

    def _identity(self, principal: Principal, action: str, resource: str, context: Context) -> str:
        decision = policy.evaluate(self._accounts.policies(principal), action, resource, context)
        boundary = self._accounts.boundary(principal)
        if decision == ALLOWED and boundary is not None:
            return policy.evaluate([boundary], action, resource, context)
        return decision
