"""Our verifier against botocore's signer: what it signs is accepted, and nothing that differs by a character."""

import hashlib
import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from visavis.aws.authorization import Credential
from visavis.aws.sigv4 import SignedRequest, verify
from visavis.aws.wire import WireError

NOW = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "+/=_-."
key_ids = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=1, max_size=40)
secrets = st.text(string.ascii_letters + string.digits + "+/", min_size=1, max_size=60)
tokens = st.none() | st.text(TOKEN_CHARACTERS, min_size=1, max_size=200)
regions = st.from_regex(r"[a-z]{2}(-gov)?-[a-z]{4,9}-[1-9]", fullmatch=True)
paths = st.lists(st.text(string.ascii_letters + string.digits + "-._~%", max_size=6), max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
queries = st.lists(
    st.tuples(st.text("abcXYZ%20-", min_size=1, max_size=5), st.text("abc123%2F", max_size=5)), max_size=3
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
# Names that botocore's signer sets itself, or leaves out by design, are not drawn.
names = st.from_regex(r"(x-amz-|x-|amz-sdk-|content-|y)[a-z0-9]{1,8}", fullmatch=True)
values = st.text(string.ascii_letters + string.digits + " \t,;:=\"'()/@", max_size=30)
headers = st.dictionaries(names, values, max_size=5)
bodies = st.binary(max_size=300)


@dataclass(frozen=True)
class Case:
    request: SignedRequest
    body: bytes
    credential: Credential
    region: str


@st.composite
def cases(draw: st.DrawFn) -> Case:
    credential = Credential(access_key_id=draw(key_ids), secret_access_key=draw(secrets), session_token=draw(tokens))
    region, body, path, query = draw(regions), draw(bodies), draw(paths), draw(queries)
    url = f"http://localhost:8080{path}" + (f"?{query}" if query else "")
    return Case(sign(url, draw(headers), body, credential, region), body, credential, region)


def sign(url: str, extra: dict[str, str], body: bytes, credential: Credential, region: str) -> SignedRequest:
    """A request as botocore signs it, and as it then arrives."""
    request = AWSRequest(method="POST", url=url, headers=dict(extra), data=body)
    keys = Credentials(credential.access_key_id, credential.secret_access_key, credential.session_token)
    with patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        SigV4Auth(keys, "rekognition", region).add_auth(request)
    arrived = (*((name, value) for name, value in request.headers.items()), ("Host", "localhost:8080"))
    parts = urlsplit(url)
    return SignedRequest("POST", parts.path, parts.query, arrived, hashlib.sha256(body).hexdigest())


def accepts(case: Case, request: SignedRequest, region: str | None = None) -> bool:
    find = {case.credential.access_key_id: case.credential}.get
    try:
        return (
            verify(request, service="rekognition", credential_for=find, region=region or case.region, now=NOW)
            is case.credential
        )
    except WireError:
        return False


def with_value(request: SignedRequest, index: int, value: str) -> SignedRequest:
    headers = list(request.headers)
    headers[index] = (headers[index][0], value)
    return replace(request, headers=tuple(headers))


@given(cases())
@settings(max_examples=150, deadline=None)
def test_whatever_botocore_signs_is_accepted(case: Case) -> None:
    assert accepts(case, case.request)


@given(cases(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_body_is_refused(case: Case, data: st.DataObject) -> None:
    other = data.draw(bodies)
    assume(other != case.body)
    assert not accepts(case, replace(case.request, body_sha256=hashlib.sha256(other).hexdigest()))


@given(cases(), regions)
@settings(max_examples=30, deadline=None)
def test_another_region_is_refused(case: Case, region: str) -> None:
    assume(region != case.region)
    assert not accepts(case, case.request, region)


@given(cases(), secrets)
@settings(max_examples=50, deadline=None)
def test_another_secret_is_refused(case: Case, secret: str) -> None:
    assume(secret != case.credential.secret_access_key)
    assert not accepts(replace(case, credential=replace(case.credential, secret_access_key=secret)), case.request)


@given(cases(), tokens)
@settings(max_examples=50, deadline=None)
def test_another_token_is_refused(case: Case, token: str | None) -> None:
    assume(token != case.credential.session_token)
    assert not accepts(replace(case, credential=replace(case.credential, session_token=token)), case.request)


@given(cases(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_header_value_is_refused(case: Case, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(case.request.headers) - 1))
    name, value = case.request.headers[index]
    assume(name != "Authorization")  # every character of that one is changed below
    changed = data.draw(values)
    assume(" ".join(changed.split()) != " ".join(value.split()))
    assert not accepts(case, with_value(case.request, index, changed))


@given(cases(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_header_left_out_is_refused(case: Case, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(case.request.headers) - 1))
    kept = case.request.headers[:index] + case.request.headers[index + 1 :]
    assert not accepts(case, replace(case.request, headers=kept))


@given(cases(), names, values)
@settings(max_examples=100, deadline=None)
def test_another_header_of_amazons_is_refused_unless_it_is_signed(case: Case, name: str, value: str) -> None:
    added = replace(case.request, headers=(*case.request.headers, (name, value)))
    already = name in {present.lower() for present, _ in case.request.headers}
    assert accepts(case, added) == (not already and not name.startswith("x-amz-"))


@given(cases(), paths, queries)
@settings(max_examples=50, deadline=None)
def test_another_path_or_query_is_refused(case: Case, path: str, query: str) -> None:
    moved = replace(case.request, path=path, query=query)
    same_path = SigV4Auth(None, "", "")._normalize_url_path
    assume(
        same_path(path) != same_path(case.request.path)
        or sorted(query.split("&")) != sorted(case.request.query.split("&"))
    )
    assert not accepts(case, moved)


@given(st.text(st.characters(max_codepoint=255), max_size=300), st.text(st.characters(max_codepoint=255), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_header_however_odd_makes_the_verifier_crash(authorization: str, date: str) -> None:
    case = fixed_case()
    odd = replace(
        case.request,
        headers=(
            ("Authorization", f"AWS4-HMAC-SHA256 {authorization}"),
            ("Date", date),
            ("Host", "h"),
        ),
    )
    assert not accepts(case, odd)


def fixed_case() -> Case:
    credential = Credential(access_key_id="AKIDEXAMPLE", secret_access_key="secret", session_token="token")
    extra = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "RekognitionService.CompareFaces"}
    body = b'{"SourceImage": {}}'
    return Case(sign("http://localhost:8080/", extra, body, credential, "us-east-1"), body, credential, "us-east-1")


@pytest.mark.parametrize(
    "name", ["Authorization", "content-type", "x-amz-target", "X-Amz-Date", "X-Amz-Security-Token", "Host"]
)
@pytest.mark.parametrize("other", ["0", "x", "A", "", " z", "é"])
def test_no_character_of_a_signed_request_can_be_changed(name: str, other: str) -> None:
    case = fixed_case()
    index = [present for present, _ in case.request.headers].index(name)
    value = case.request.headers[index][1]
    for place, character in enumerate(value):
        # Space after a comma means nothing in this header, as in any.
        if character != other and not (name == "Authorization" and character == " " and value[place - 1] == ","):
            changed = value[:place] + other + value[place + 1 :]
            assert not accepts(case, with_value(case.request, index, changed)), changed


def test_no_bit_of_the_body_can_be_changed() -> None:
    case = fixed_case()
    for place in range(len(case.body) * 8):
        body = bytearray(case.body)
        body[place // 8] ^= 1 << place % 8
        assert not accepts(case, replace(case.request, body_sha256=hashlib.sha256(body).hexdigest()))
