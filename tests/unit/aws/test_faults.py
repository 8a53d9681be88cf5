from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from cotenant.aws.faults import fault

CREATE = "CreateAccessEntry"


def refused(code: str, message: str = "", status: int = 400) -> Exception:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, CREATE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("ResourceInUseException", "The specified access entry resource is already in use on this cluster."), "exists"),
        (refused("InvalidParameterException", "The specified principalArn is invalid: invalid principal."), "no principal"),
        (
            refused("ResourceNotFoundException", "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.", 404),
            "not found",
        ),
        (refused("ResourceNotFoundException", "No cluster found for name: x.", 404), "no cluster"),
        (
            refused("InvalidRequestException", "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."),
            "mode",
        ),
        (refused("ResourceLimitExceededException"), "limit"),
        (refused("ThrottlingException", "Rate exceeded", 429), "throttled"),
        (refused("Throttling"), "throttled"),
        (refused("ServerException", "oops", 500), "unavailable"),
        (refused("ExpiredTokenException"), "credentials"),
        (refused("UnrecognizedClientException", "The security token included in the request is invalid."), "credentials"),
        (refused("InvalidParameterException", "The kubernetes group name system:masters is invalid, it cannot start with system:"), "invalid"),
        (NoCredentialsError(), "credentials"),
        (NoRegionError(), "region"),
        (EndpointConnectionError(endpoint_url="https://eks.mars-1.amazonaws.com"), "unavailable"),
    ],
)  # fmt: skip
def test_what_aws_says_becomes_one_word_to_act_on(error: Exception, kind: str) -> None:
    assert fault(error, "eks", CREATE).kind == kind


def test_the_missing_action_is_named_as_aws_names_it() -> None:
    said = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: eks:TagResource on resource: arn:aws:eks:…"
    found = fault(refused("AccessDeniedException", said, 403), "eks", CREATE)
    assert (found.kind, found.action) == ("denied", "eks:TagResource")
    assert found.message == "the AWS identity lacks eks:TagResource; see: cotenant iam policy"
    assert fault(refused("AccessDenied"), "iam", "ListRoles").action == "iam:ListRoles"


def test_an_error_of_our_own_is_no_answer_of_aws() -> None:
    with pytest.raises(KeyError):
        fault(KeyError("x"), "eks", CREATE)
