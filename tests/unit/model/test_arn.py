from __future__ import annotations

import pytest

from cotenant.model.arn import arn, refusal

ACCOUNT = "arn:aws:iam::111122223333"


@pytest.mark.parametrize(
    "good",
    [
        f"{ACCOUNT}:role/Team",
        f"{ACCOUNT}:role/teams/a/Team",
        f"{ACCOUNT}:user/dev",
        "arn:aws-cn:iam::012345678901:user/path/dev",
        "arn:aws-eusc:iam::111122223333:role/x",
    ],
)
def test_a_role_or_user_can_be_mapped(good: str) -> None:
    assert refusal(good) == ""


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("arn:aws:iam::123456789:role/BackendTeamDeveloper", "is of account 123456789, and an account has 12 digits"),
        ("arn:aws:iam::12345678901:user/dev", "12 digits"),
        ("arn:aws:iam:::user/dev", "(none)"),
        (f"{ACCOUNT}:role/Team*", "wildcard"),
        ("arn:aws:sts::111122223333:assumed-role/Team/me", f"is a session, no role; name {ACCOUNT}:role/Team"),
        (f"{ACCOUNT}:root", "is a whole account"),
        (f"{ACCOUNT}:group/devs", "is an IAM group; let its members assume a role"),
        (f"{ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS", "is a service-linked role"),
        ("arn:aws:sts::111122223333:federated-user/bob", "is no IAM role or user"),
        (f"{ACCOUNT}:policy/x", "is no IAM role or user"),
        ("Team", "is no ARN of an IAM principal"),
        ("", "is no ARN"),
        (None, "is no ARN"),
        (f"{ACCOUNT}:role/a b", "is no ARN"),
    ],
)
def test_what_cannot_be_mapped_says_why(bad: str, reason: str) -> None:
    assert reason in refusal(bad)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (f"{ACCOUNT}:role/teams/Team", f"{ACCOUNT}:role/team"),
        (f"{ACCOUNT}:user/teams/Dev", f"{ACCOUNT}:user/teams/dev"),
        (f"{ACCOUNT}:root", f"{ACCOUNT}:root"),
    ],
)
def test_the_authenticator_knows_no_path_of_a_role_and_no_case(text: str, canonical: str) -> None:
    found = arn(text)
    assert found
    assert found.canonical == canonical
    assert found.text == text


def test_a_text_with_letters_that_iam_has_not_is_no_arn() -> None:
    for bad in ("x';id;'", "x$(id)", "x`id`", 'x"', "x|y", "x;y", "ü", "x\n"):
        assert refusal(f"{ACCOUNT}:role/{bad}") == "is no ARN of an IAM principal"
