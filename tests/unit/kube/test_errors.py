from __future__ import annotations

import json

import pytest

from cotenant.kube import errors
from endpoint import status


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.Unavailable),
        (504, "Timeout", errors.Unavailable),
        (405, "MethodNotAllowed", errors.ApiError),
    ],
)
def test_a_status_becomes_the_error_of_its_code(code: int, reason: str, expected: type) -> None:
    error = errors.from_response(code, json.dumps(status(code, reason, "because")).encode())

    assert type(error) is expected
    assert (error.status, error.reason, error.message, str(error)) == (code, reason, "because", "because")


def test_a_page_of_a_proxy_is_an_error_too() -> None:
    error = errors.from_response(502, b"<html>bad \xff gateway</html>")

    assert type(error) is errors.Unavailable
    assert "gateway" in error.message


def test_the_wait_comes_from_the_header_or_from_the_details() -> None:
    body = json.dumps(status(429, "TooManyRequests", retryAfterSeconds=7)).encode()

    assert errors.from_response(429, body, "3").retry_after == 3.0
    assert errors.from_response(429, body).retry_after == 7.0
    assert errors.from_response(429, body, "Wed, 21 Oct 2026 07:28:00 GMT").retry_after == 7.0
    assert errors.from_response(404, b"{}").retry_after is None


def test_an_invalid_object_lists_its_faults() -> None:
    causes = [{"field": "spec.limit", "reason": "FieldValueInvalid", "message": "too large"}]
    error = errors.from_response(422, json.dumps(status(422, "Invalid", causes=causes)).encode())

    assert error.causes == causes
    assert errors.from_response(422, b"{}").causes == []


def test_an_error_event_is_read_by_its_own_code() -> None:
    assert type(errors.from_event(json.dumps(status(410, "Expired")).encode())) is errors.Gone
    assert type(errors.from_event(json.dumps(status(500, "InternalError")).encode())) is errors.Unavailable
    assert type(errors.from_event(b"[]")) is errors.Unavailable
