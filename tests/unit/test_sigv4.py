"""Signature Version 4: a test vector in the form of the published ones, and every error."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from visavis.aws import authorization, sigv4
from visavis.aws.authorization import Claim, Credential, claimed_key_id
from visavis.aws.sigv4 import SignedRequest, verify
from visavis.aws.wire import WireError

BODY = b'{"SourceImage": {"Bytes": "/9j/"}, "TargetImage": {"Bytes": "/9j/"}}'
NOW = datetime(2024, 1, 1, tzinfo=UTC)
KEY = Credential(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SIGNATURE = "170e468ad1b6715d3253917084b0dd032d0fae5e55bbdac9195f4e6c225ee932"
SCOPE = "20240101/us-east-1/rekognition/aws4_request"
SIGNED = "content-type;host;x-amz-date;x-amz-target"
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{SCOPE}, SignedHeaders={SIGNED}, Signature={SIGNATURE}"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
WRONG_SERVICE = "Credential should be scoped to correct service: 'rekognition'. "
WRONG_DATE = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
INVALID_TOKEN = "The security token included in the request is invalid."

VECTOR = SignedRequest(
    method="POST",
    path="/",
    query="",
    headers=(
        ("Host", "localhost:8080"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "RekognitionService.CompareFaces"),
        ("X-Amz-Date", "20240101T000000Z"),
        ("Authorization", AUTHORIZATION),
        ("User-Agent", "not signed"),
    ),
    body_sha256=hashlib.sha256(BODY).hexdigest(),
)


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    """`request` with one header replaced, or without it for None."""
    kept = tuple(pair for pair in request.headers if pair[0].lower() != name.lower())
    return replace(request, headers=kept if value is None else (*kept, (name, value)))


def signed(request: SignedRequest, key: Credential = KEY, scope: str = SCOPE, names: str = SIGNED) -> SignedRequest:
    """`request` signed by the code under test, because botocore's signer refuses to sign it."""
    date, region, service, terminator = scope.split("/")
    headers = request.canonical_headers()
    signed_at = authorization._signing_time(headers)
    claim = Claim(key.access_key_id, date, region, service, terminator, names, "", signed_at)
    signature = sigv4._signature(request, headers, claim, key.secret_access_key)
    credential = f"{key.access_key_id}/{scope}"
    header = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return with_header(request, "Authorization", header)


def check(
    request: SignedRequest, *, key: Credential = KEY, region: str | None = "us-east-1", now: datetime = NOW
) -> Credential:
    return verify(request, service="rekognition", credential_for={key.access_key_id: key}.get, region=region, now=now)


def refusal(request: SignedRequest, **options: object) -> tuple[str, str]:
    with pytest.raises(WireError) as caught:
        check(request, **options)  # type: ignore[arg-type]
    error = caught.value
    assert (error.status, error.kind) == (400, "framework")
    return error.code, error.message or ""


def test_the_vector_is_accepted() -> None:  # case 61
    assert hashlib.sha256(BODY).hexdigest() == "7071766c3ea02df5ed53bebac00f1354d6dc857242c14fa3b5309473ae804e91"
    assert check(VECTOR) is KEY


def test_the_canonical_request_of_the_vector_has_its_hash() -> None:
    text = sigv4._canonical(VECTOR, VECTOR.canonical_headers(), SIGNED)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "8cafdcffc09edc85d8074dea710dc91349fc12de8398b66d0bdccb56cadc1fb2"


def test_spaces_after_the_commas_may_be_missing() -> None:
    assert check(with_header(VECTOR, "Authorization", AUTHORIZATION.replace(", ", ","))) is KEY


def test_a_request_without_a_signature_is_refused() -> None:  # case 60
    bare = with_header(VECTOR, "Authorization", None)
    assert refusal(bare) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("AWS4-HMAC-SHA256", ["Credential", "Signature", "SignedHeaders"]),
        ("Bearer abc", ["Credential", "Signature", "SignedHeaders"]),
        (AUTHORIZATION.replace("SHA256", "SHA512", 1), ["Credential", "Signature", "SignedHeaders"]),
        (AUTHORIZATION.partition(", Signature")[0], ["Signature"]),
        (AUTHORIZATION.replace("SignedHeaders=", "Other="), ["SignedHeaders"]),
        (AUTHORIZATION.replace(f"AKIDEXAMPLE/{SCOPE}", ""), ["Credential"]),
    ],
)
def test_a_header_that_lacks_parts_is_answered_with_their_names(header: str, missing: list[str]) -> None:  # case 66
    sentences = "".join(f"Authorization header requires '{name}' parameter. " for name in missing)
    request = with_header(VECTOR, "Authorization", header)
    assert refusal(request) == ("IncompleteSignatureException", f"{sentences}Authorization={header}")


def test_a_request_without_a_date_is_incomplete() -> None:
    code, text = refusal(with_header(VECTOR, "X-Amz-Date", None))
    assert code == "IncompleteSignatureException"
    assert text.startswith("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Auth")


@pytest.mark.parametrize("date", ["", "now", "20240101", "20240101T000000", "20241301T000000Z", "٢0240101T000000Z"])
@pytest.mark.parametrize("name", ["X-Amz-Date", "Date"])
def test_a_date_that_cannot_be_read_is_incomplete(name: str, date: str) -> None:
    request = with_header(with_header(VECTOR, "X-Amz-Date", None), name, date)
    code, text = refusal(request)
    assert (code, f"Got '{date}'" in text) == ("IncompleteSignatureException", True)


def test_an_authorization_sent_twice_is_incomplete() -> None:
    twice = replace(VECTOR, headers=(*VECTOR.headers, ("Authorization", AUTHORIZATION)))
    assert refusal(twice)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize("scope", ["20240101/us-east-1/rekognition", f"{SCOPE}/more"])
def test_a_credential_of_too_few_or_too_many_parts_is_incomplete(scope: str) -> None:
    request = with_header(VECTOR, "Authorization", AUTHORIZATION.replace(SCOPE, scope))
    assert refusal(request)[0] == "IncompleteSignatureException"


def test_a_presigned_query_beside_the_header_is_refused() -> None:
    assert refusal(replace(VECTOR, query="X-Amz-Algorithm=AWS4-HMAC-SHA256")) == (
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )


def test_an_unknown_key_is_refused() -> None:  # case 63
    request = with_header(VECTOR, "Authorization", AUTHORIZATION.replace("AKIDEXAMPLE", "AKIDOTHER"))
    assert refusal(request) == ("UnrecognizedClientException", INVALID_TOKEN)


def test_a_wrong_secret_is_a_mismatch() -> None:  # case 62
    other = replace(KEY, secret_access_key="another")
    assert refusal(VECTOR, key=other) == ("InvalidSignatureException", MISMATCH)


def test_a_changed_body_is_a_mismatch() -> None:  # case 62
    changed = replace(VECTOR, body_sha256=hashlib.sha256(BODY + b" ").hexdigest())
    assert refusal(changed) == ("InvalidSignatureException", MISMATCH)


@pytest.mark.parametrize(
    ("scope", "text"),
    [  # case 65
        ("20240101/eu-west-1/rekognition/aws4_request", "Credential should be scoped to a valid region. "),
        ("20240101/us-east-1/s3/aws4_request", WRONG_SERVICE),
        (
            "20240101/eu-west-1/s3/aws4_request",
            f"Credential should be scoped to a valid region. {WRONG_SERVICE}",
        ),
        (
            "20240101/us-east-1/rekognition/aws3_request",
            "Credential should be scoped with a valid terminator: 'aws4_request'. ",
        ),
        (  # case 66
            "20240102/us-east-1/rekognition/aws4_request",
            f"{WRONG_DATE}'20240102' != '20240101', from '20240101T000000Z'.",
        ),
    ],
)
def test_a_well_signed_request_of_another_scope_is_refused(scope: str, text: str) -> None:
    assert refusal(signed(VECTOR, scope=scope)) == ("InvalidSignatureException", text)


def test_any_region_will_do_where_none_is_set() -> None:
    assert check(signed(VECTOR, scope=SCOPE.replace("us-east-1", "mars-1")), region=None) is KEY


def test_four_minutes_either_way_are_accepted() -> None:  # case 64
    assert check(VECTOR, now=NOW + timedelta(minutes=4)) is KEY
    assert check(VECTOR, now=NOW - timedelta(minutes=4)) is KEY


def test_six_minutes_either_way_are_refused_with_the_times() -> None:  # case 64
    assert refusal(VECTOR, now=NOW + timedelta(minutes=6)) == (
        "InvalidSignatureException",
        "Signature expired: 20240101T000000Z is now earlier than 20240101T000100Z (20240101T000600Z - 5 min.)",
    )
    assert refusal(VECTOR, now=NOW - timedelta(minutes=6)) == (
        "InvalidSignatureException",
        "Signature not yet current: 20240101T000000Z is still later than 20231231T235900Z (20231231T235400Z + 5 min.)",
    )


@pytest.mark.parametrize(
    "date", ["20240101T000000Z", "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 01:00:00 +0100"]
)
def test_the_date_header_serves_where_amazons_own_is_missing(date: str) -> None:
    request = with_header(with_header(VECTOR, "X-Amz-Date", None), "Date", date)
    assert check(signed(request, names="content-type;date;host;x-amz-target")) is KEY


TEMPORARY = replace(KEY, access_key_id="ASIAEXAMPLE", session_token="token/+=")
WITH_TOKEN = with_header(VECTOR, "X-Amz-Security-Token", "token/+=")
TOKEN_SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


def test_temporary_keys_go_with_their_token_only() -> None:  # case 67
    assert check(signed(WITH_TOKEN, TEMPORARY, names=TOKEN_SIGNED), key=TEMPORARY) is TEMPORARY
    other = signed(with_header(VECTOR, "X-Amz-Security-Token", "other"), TEMPORARY, names=TOKEN_SIGNED)
    for request in (signed(VECTOR, TEMPORARY), other):
        assert refusal(request, key=TEMPORARY) == ("UnrecognizedClientException", INVALID_TOKEN)


def test_a_token_with_a_key_that_has_none_is_refused() -> None:
    request = signed(WITH_TOKEN, names=TOKEN_SIGNED)
    assert refusal(request) == ("UnrecognizedClientException", INVALID_TOKEN)


def test_a_session_ends_when_it_expires() -> None:
    key = replace(TEMPORARY, expires=NOW)
    request = signed(WITH_TOKEN, key, names=TOKEN_SIGNED)
    assert check(request, key=key, now=NOW - timedelta(seconds=1)) is key
    assert refusal(request, key=key) == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ("content-type;x-amz-date;x-amz-target", "the host left out"),
        ("content-type;host;x-amz-date", "one of Amazon's left out"),
        ("host;content-type;x-amz-date;x-amz-target", "out of order"),
        ("content-type;host;host;x-amz-date;x-amz-target", "one named twice"),
    ],
)
def test_headers_that_are_badly_listed_are_a_mismatch(names: str, what: str) -> None:
    assert refusal(signed(VECTOR, names=names)) == ("InvalidSignatureException", MISMATCH), what


def test_a_signed_header_that_is_absent_is_a_mismatch() -> None:
    request = signed(with_header(VECTOR, "a", "1"), names=f"a;{SIGNED}")
    assert check(request) is KEY
    assert refusal(with_header(request, "a", None)) == ("InvalidSignatureException", MISMATCH)


def test_a_token_slipped_in_unsigned_is_a_mismatch() -> None:
    assert refusal(signed(WITH_TOKEN, TEMPORARY), key=TEMPORARY) == ("InvalidSignatureException", MISMATCH)


def test_more_signed_headers_than_ours_are_welcome() -> None:  # case 68
    names = "amz-sdk-invocation-id;amz-sdk-retry;content-length;content-type;host;user-agent;x-amz-date;x-amz-target"
    request = VECTOR
    for name, value in (("amz-sdk-invocation-id", "1"), ("amz-sdk-retry", "0/0/500"), ("content-length", "68")):
        request = with_header(request, name, value)
    assert check(signed(request, names=names)) is KEY


@pytest.mark.parametrize(
    ("digest", "verdict"),
    [  # cases 68 and 69
        (VECTOR.body_sha256, True),
        (VECTOR.body_sha256.upper(), False),
        ("0" * 64, False),
        ("UNSIGNED-PAYLOAD", False),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", False),
    ],
)
def test_a_declared_hash_must_be_that_of_the_body(digest: str, verdict: bool) -> None:
    names = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target"
    request = signed(with_header(VECTOR, "X-Amz-Content-Sha256", digest), names=names)
    if verdict:
        assert check(request) is KEY
    else:
        assert refusal(request) == ("InvalidSignatureException", MISMATCH)


def test_what_is_not_ascii_is_a_mismatch_and_no_crash() -> None:
    assert refusal(with_header(VECTOR, "Authorization", AUTHORIZATION.replace(SIGNATURE, "é" * 64)))[1] == MISMATCH
    assert refusal(with_header(VECTOR, "X-Amz-Target", "Ã©"))[1] == MISMATCH


def test_secrets_stay_out_of_a_credentials_text() -> None:
    assert "wJalr" not in repr(KEY)
    assert "token" not in repr(TEMPORARY).replace("session_token", "")


@pytest.mark.parametrize(
    ("header", "key_id"),
    [
        (AUTHORIZATION, "AKIDEXAMPLE"),
        (None, None),
        ("Basic abc", None),
        (f"AWS4-HMAC-SHA256 Credential={'A' * 32}/{SCOPE}", "A" * 32),
        (f"AWS4-HMAC-SHA256 Credential={'A' * 33}/{SCOPE}", None),
        (f'AWS4-HMAC-SHA256 Credential=a"b\n/{SCOPE}', None),
        (f"AWS4-HMAC-SHA256 Credential={KEY.secret_access_key}/{SCOPE}", None),  # with a slash
        (f"AWS4-HMAC-SHA256 Credential={'wJalrXUtnF' * 4}/{SCOPE}", None),  # without
    ],
)
def test_the_claimed_key_is_read_for_the_log_only_if_it_is_sane(header: str | None, key_id: str | None) -> None:
    assert claimed_key_id(with_header(VECTOR, "Authorization", header).canonical_headers()) == key_id


def test_a_key_is_looked_up_by_its_whole_id() -> None:
    asked: list[str] = []
    look: Callable[[str], Credential | None] = lambda key_id: asked.append(key_id)  # noqa: E731
    with pytest.raises(WireError):
        verify(VECTOR, service="rekognition", credential_for=look, region=None, now=NOW)
    assert asked == ["AKIDEXAMPLE"]
