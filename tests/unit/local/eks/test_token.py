"""A token proves an identity or nothing: every known way to bend one is refused, at the place that is meant to."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from cotenant.local.eks.listener import Listener
from cotenant.local.eks.message import Answer, as_json
from cotenant.local.eks.token import PREFIX, Throttled, TokenRefused, Verifier
from unit.local.eks.iam import CLUSTER, given_role, given_user, session_of
from unit.local.eks.presign import GOOD, pack, url

STS = "https://sts.us-east-1.amazonaws.com"


@pytest.fixture
def verifier(aws, clock):
    return Verifier(CLUSTER, aws.url.removeprefix("http://"), clock)


@pytest.fixture
def good(aws):
    """A token's URL as `aws eks get-token` makes it."""
    return url(aws.administrator(), base=STS)


def refused(verifier, text, *, saying):
    with pytest.raises(TokenRefused, match=saying):
        verifier.verify(text)


@pytest.mark.parametrize(
    "base",
    [
        STS,
        "https://sts.amazonaws.com",
        "https://sts-fips.us-west-2.amazonaws.com",
        "https://sts.eu-north-1.api.aws",
    ],
)
def test_a_token_for_any_address_of_sts_proves_a_user(aws, verifier, base):
    found = verifier.verify(pack(url(aws.administrator(), base=base)))
    assert (found.arn, found.canonical, found.session) == (f"arn:aws:iam::{found.account}:user/admin",) * 2 + ("",)
    assert found.id.startswith("AIDA") and found.key == aws.administrator()["AccessKeyId"]


def test_a_token_for_the_endpoint_itself_proves_a_session_without_the_path_of_its_role(aws, verifier):
    role = given_role(aws, path="/team/")
    found = verifier.verify(pack(url(session_of(aws, role, "ann@example.com"), base=aws.url)))
    name = role.rpartition("/")[2]
    assert found.arn.endswith(f":assumed-role/{name}/ann@example.com")
    assert found.canonical == f"arn:aws:iam::{found.account}:role/{name}"
    assert found.session == "ann@example.com" and found.id.startswith("AROA") and ":" not in found.id


@pytest.mark.parametrize(("minutes", "good_still"), [(14.8, True), (15.1, False), (-4, True), (-6, False)])
def test_a_token_is_good_for_fifteen_minutes_whatever_it_says_of_itself(aws, verifier, clock, minutes, good_still):
    token = pack(url(aws.administrator(), base=STS, expires=60 if good_still else 900))
    clock.ahead = timedelta(minutes=minutes)
    if good_still:
        assert verifier.verify(token).account
    else:
        refused(verifier, token, saying="s ago")


def test_sts_itself_refuses_a_replay_too(aws, verifier, clock, good, monkeypatch):
    monkeypatch.setattr("cotenant.local.eks.token._AGE", timedelta(hours=1))
    clock.ahead = timedelta(minutes=16)
    refused(verifier, pack(good), saying="STS answers 403.*Signature expired")


def test_a_token_for_another_cluster_is_refused_by_its_signature(aws, verifier):
    refused(
        verifier, pack(url(aws.administrator(), base=STS, cluster="other")), saying="STS answers 403.*SignatureDoes"
    )


def test_a_token_whose_cluster_is_not_signed_is_refused(aws, verifier):
    refused(verifier, pack(url(aws.administrator(), base=STS, cluster=None)), saying="x-k8s-aws-id is not signed")


@pytest.mark.parametrize(
    "parameters",
    [{**GOOD, "Action": "AssumeRole"}, {**GOOD, "Action": "getcalleridentity"}, {**GOOD, "Version": "2010-01-01"}],
)
def test_a_token_for_another_action_is_refused_however_well_signed(aws, verifier, parameters):
    text = url(aws.administrator(), base=STS, parameters=parameters)
    refused(verifier, pack(text), saying="another action")


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT"])
def test_a_token_signed_for_another_method_is_refused(aws, verifier, method):
    text = url(aws.administrator(), base=STS, method=method)
    refused(verifier, pack(text), saying="STS answers 403.*SignatureDoes")


@pytest.mark.parametrize(
    "base",
    [
        "https://sts.example.com",
        "https://sts.amazonaws.com.example.com",
        "https://example.com.sts.amazonaws.com",
        "https://sts.us-east-1.amazonaws.com.",
        "https://sts.us-east-1.amazonaws.com:8443",
        "https://sts.cn-north-1.amazonaws.com.cn",
        "https://sts_us-east-1.amazonaws.com",
        "https://iam.amazonaws.com",
        "http://sts.us-east-1.amazonaws.com",
        "http://127.0.0.1:1",
        "http://localhost",
        "ftp://sts.amazonaws.com",
    ],
)
def test_a_token_for_any_other_place_is_refused_unasked(aws, verifier, base):
    aws.calls.clear()
    refused(verifier, pack(url(aws.administrator(), base=base)), saying="no STS|no URL")
    assert aws.calls == []


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("https://", "https://user@"),
        ("https://", "https://user:secret@"),
        ("https://", "HTTPS://"),
        ("https://", " https://"),
        ("https://", "https:///"),
        ("https://", "https:\\\\"),
        ("amazonaws.com/?", "amazonaws.com/path?"),
        ("amazonaws.com/?", "amazonaws.com//?"),
        ("amazonaws.com/?", "amazonaws.com?"),
        ("amazonaws.com/?", "amazonaws.com/;x?"),
        ("amazonaws.com/?", "amazonaws.com\t/?"),
        ("Action", "\nAction"),
        ("&Version", "#&Version"),
        ("&Version", " &Version"),
        ("&Version", "\x00&Version"),
    ],
)
def test_a_bent_address_is_refused(verifier, good, find, put):
    assert find in good
    refused(verifier, pack(good.replace(find, put, 1)), saying="no URL|no STS")


@pytest.mark.parametrize(
    "more",
    [
        "&action=GetCallerIdentity",
        "&Action=GetCallerIdentity",
        "&ACTION=AssumeRole",
        "&x-amz-credential=AKIAOTHER%2F20260101%2Fus-east-1%2Fsts%2Faws4_request",
        "&X-Amz-SignedHeaders=host",
        "&x-amz-signedheaders=host%3Bx-k8s-aws-id",
        "&RoleArn=x",
        "&X-Amz-Content-Sha256=x",
        "&X-Amz-Foo=",
        "&Action",
        "&",
        "&=x",
        "&X%2DAmz%2DDate=20260101T000000Z",
    ],
)
def test_a_parameter_too_many_is_refused_before_sts_is_asked(aws, verifier, good, more):
    for text in (good + more, good.replace("/?", f"/?{more[1:]}&", 1)):
        aws.calls.clear()
        refused(verifier, pack(text), saying="unknown, malformed or given twice")
        assert aws.calls == []


@pytest.mark.parametrize("value", ["901", "-1", "+60", " 60", "6_0", "%D9%A6%D9%A0", "60.0", "", "1e2", "9000"])
def test_an_expiry_that_is_no_plain_number_up_to_900_is_refused(verifier, good, value):
    text = good.replace("X-Amz-Expires=60", f"X-Amz-Expires={value}")
    assert text != good
    refused(verifier, pack(text), saying="X-Amz-Expires|malformed|no URL")


@pytest.mark.parametrize(
    "name",
    ["Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"],
)
def test_a_parameter_too_few_is_refused(verifier, good, name):
    head, _, query = good.partition("?")
    kept = "&".join(part for part in query.split("&") if not part.startswith(f"{name}="))
    assert kept != query
    refused(verifier, pack(f"{head}?{kept}"), saying="missing|another action|Expires|Date")


@pytest.mark.parametrize("date", ["20261301T000000Z", "20260101", "now", "20260101T000000", "\uff120260101T000000Z"])
def test_a_date_that_is_none_is_refused(verifier, good, date):
    head, _, tail = good.partition("X-Amz-Date=")
    refused(verifier, pack(f"{head}X-Amz-Date={date}&{tail.partition('&')[2]}"), saying="Date|ASCII|URL|malformed")


def test_a_changed_signature_is_refused_by_sts(verifier, good):
    changed = good[:-1] + ("0" if good[-1] != "0" else "1")
    refused(verifier, pack(changed), saying="STS answers 403.*SignatureDoesNotMatch")


def test_a_token_signed_with_a_wrong_secret_an_unknown_key_or_one_switched_off_is_refused(aws, verifier):
    arn, key = given_user(aws)
    assert verifier.verify(pack(url(key, base=STS))).arn == arn
    refused(verifier, pack(url({**key, "SecretAccessKey": "guess"}, base=STS)), saying="SignatureDoesNotMatch")
    refused(verifier, pack(url({**key, "AccessKeyId": "AKIA" + "X" * 16}, base=STS)), saying="InvalidClientTokenId")
    aws.client("iam").update_access_key(
        UserName=arn.rpartition("/")[2], AccessKeyId=key["AccessKeyId"], Status="Inactive"
    )
    refused(verifier, pack(url(key, base=STS)), saying="InvalidClientTokenId")


def test_the_token_of_a_session_ends_with_it_with_its_role_and_without_its_session_token(aws, verifier, clock):
    role = given_role(aws)
    key = session_of(aws, role)
    assert verifier.verify(pack(url(key, base=STS))).session == "ann"
    for bent in ({**key, "SessionToken": "another"}, {k: v for k, v in key.items() if k != "SessionToken"}):
        refused(verifier, pack(url(bent, base=STS)), saying="InvalidClientTokenId")
    clock.ahead = timedelta(minutes=61)
    late = pack(url(key, base=STS))
    verifier._now = lambda: clock() - clock.ahead
    refused(verifier, late, saying="ExpiredToken")
    clock.ahead = timedelta()
    aws.client("iam").delete_role(RoleName=role.rpartition("/")[2])
    refused(verifier, pack(url(key, base=STS)), saying="InvalidClientTokenId")


@pytest.mark.parametrize(
    "bend",
    [
        lambda token: token.removeprefix(PREFIX),
        lambda token: token.replace(PREFIX, "k8s-aws-v2."),
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token[:40] + "!" + token[40:],
        lambda token: token[:40] + "\n" + token[40:],
        lambda token: token[:40] + " " + token[40:],
        lambda token: f" {token}",
        lambda token: f"{token} ",
        lambda token: PREFIX,
        lambda token: "",
        lambda token: PREFIX + base64.b64encode(b"https://sts.amazonaws.com/?>>>???").decode(),
        lambda token: PREFIX + "A",
        lambda token: PREFIX + base64.urlsafe_b64encode("https://sts.amazonaws.com/?ä".encode()).decode().rstrip("="),
        lambda token: token + "A" * 4096,
    ],
)
def test_what_is_not_plain_base64url_behind_the_prefix_is_refused(verifier, good, bend):
    refused(verifier, bend(pack(good)), saying="not a token|base64url|no URL")


def test_what_the_client_sent_is_never_forwarded(aws, verifier):
    """Spelled in its own way, order and escapes, a token asks STS with the request that we write."""
    head, _, query = url(aws.administrator(), base=STS).partition("?")
    bent = "&".join(reversed([part.replace("%2F", "/") for part in query.replace("Action=", "aCtIoN=").split("&")]))
    assert verifier.verify(pack(f"{head}?{bent}")).account


@pytest.mark.parametrize(
    ("answer", "saying"),
    [
        (Answer(302, b"", headers={"Location": "http://127.0.0.1:1/"}), "STS answers 302"),
        (Answer(200, b"<GetCallerIdentityResponse/>", "text/xml"), "something else"),
        (Answer(200, b"[]"), "something else"),
        (as_json(200, {"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": "x"}}}), "something else"),
        (
            as_json(
                200,
                {
                    "GetCallerIdentityResponse": {
                        "GetCallerIdentityResult": {
                            "Arn": "arn:aws:iam::111122223333:group/x",
                            "Account": "111122223333",
                            "UserId": "x",
                        }
                    }
                },
            ),
            "something else",
        ),
        (
            as_json(
                200,
                {
                    "GetCallerIdentityResponse": {
                        "GetCallerIdentityResult": {
                            "Arn": "arn:aws:sts::111122223333:assumed-role/a/b",
                            "Account": "111122223333",
                            "UserId": "AROA:b:c",
                        }
                    }
                },
            ),
            "no id of a session",
        ),
        (as_json(403, {}), "STS answers 403"),
    ],
)
def test_only_an_identity_in_json_counts_and_no_redirect_is_followed(aws, clock, good, answer, saying):
    asked = []

    def sts(request):
        asked.append(request)
        return answer

    listener = Listener(sts)
    listener.start()
    try:
        refused(Verifier(CLUSTER, "none", clock, dial=f"127.0.0.1:{listener.port}"), pack(good), saying=saying)
    finally:
        listener.stop()
    assert len(asked) == 1
    assert asked[0].headers["host"] == "sts.us-east-1.amazonaws.com"
    assert asked[0].headers["x-k8s-aws-id"] == CLUSTER


def test_throttling_is_told_from_a_refusal(aws, verifier, good):
    aws.fail("GetCallerIdentity", "Throttling", "Rate exceeded")
    with pytest.raises(Throttled):
        verifier.verify(pack(good))
    assert verifier.verify(pack(good)).account
