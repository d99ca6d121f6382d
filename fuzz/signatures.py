"""The bytes of an HTTP request to a verified sender: header, scope, times and Signature Version 4.

A request is a text as in HTTP/1.1. It is handled as it is, and then once more with a signature by botocore, which must
be accepted, and refused as soon as a digit of it is changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from xml.etree import ElementTree

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from visavis.aws.policy import Caller
from visavis.aws.wire import CONTENT_TYPE
from visavis.gateway import Gateway, Principal, Request, Response

__all__ = ["KEYS", "NOW", "REGION", "TOKENS", "request_of", "run", "signed"]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REGION = "us-east-1"
KEYS = {"AKIDEXAMPLE": "secret/of+one", "ASIAEXAMPLE": "secret/of+two"}
TOKENS = {"ASIAEXAMPLE": "token/of+two="}

CODES = {
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidAction",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "NotFound",
    "NotImplemented",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
}
STATUSES = {200, 400, 404, 501}

SECRET = {"authorization", "x-amz-security-token"}
"""Headers that contain a secret, or that users write one into by mistake."""

OURS = {
    "authorization",
    "content-type",
    "date",
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
}
"""Headers that `signed` sets itself."""


class Recorder:
    """Operations that keep who called them."""

    def __init__(self) -> None:
        self.caller: Caller | None = None

    def dispatch(self, operation: str, params: object, caller: Caller, *_: object) -> dict[str, object]:  # noqa: ARG002
        self.caller = caller
        return {}


@cache
def principals() -> dict[str, Principal]:
    return {
        key_id: Principal(
            access_key_id=key_id,
            secret_access_key=secret,
            session_token=TOKENS.get(key_id),
            caller=Caller(key_id, f"arn:aws:iam::000000000000:user/{key_id}"),
        )
        for key_id, secret in KEYS.items()
    }


def run(data: bytes) -> None:
    request = request_of(data)
    response, caller = handle(request)
    check(response, request)
    if caller is not None:
        assert is_signed(request, caller.access_key_id), "accepted, but not signed with the secret of the key"
    if not is_plain(request):
        return
    key_id = list(KEYS)[len(data) % len(KEYS)]
    again = signed(request, key_id)
    response, caller = handle(again)
    assert caller is not None, f"signed by botocore, but refused: {response.reason}"
    assert caller.access_key_id == key_id
    check_changes(again)


def handle(request: Request) -> tuple[Response, Caller | None]:
    operations = Recorder()
    gateway = Gateway(operations, principal_for=principals().get, region=REGION)
    return gateway.handle(request, NOW), operations.caller


def check(response: Response, request: Request) -> None:
    """The response is one that its sender can read, and what is logged about it tells no secret."""
    assert response.status in STATUSES, (response.status, response.reason)
    assert response.outcome in CODES | {"OK"}, (response.outcome, response.reason)
    headers = dict(response.headers)
    assert all(value.isprintable() for value in headers.values())
    if headers["content-type"] == "application/xml":
        ElementTree.fromstring(response.body)
    elif headers["content-type"] == CONTENT_TYPE:
        json.loads(response.body)
    # The log repeats the target and the type, which are no place for a secret.
    repeated = str([value for name, value in request.headers if name.lower() not in SECRET]) + str(request.body)
    secrets = [secret for secret in [*KEYS.values(), *TOKENS.values()] if secret not in repeated]
    for shown in (response.reason or "", response.operation or "", response.key_id or ""):
        assert shown.isprintable()
        assert not any(secret in shown for secret in secrets)
    assert len(response.reason or "") <= 500
    assert len(response.operation or "") <= 64


def request_of(data: bytes) -> Request:
    """A request from its text: `METHOD PATH?QUERY`, lines `Name: value`, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    headers = tuple((name, value.strip(" ")) for name, _, value in (line.partition(":") for line in lines))
    return Request(method, path, query, headers, body)


def is_plain(request: Request) -> bool:
    """Whether botocore signs such a request as it is sent: it has only characters that HTTP allows in their place."""
    return (
        re.fullmatch("[A-Z]{1,10}", request.method) is not None
        and re.fullmatch(r"/[A-Za-z0-9._~%/-]*", request.path) is not None
        and re.fullmatch(r"([A-Za-z0-9._~%-]+=[A-Za-z0-9._~%-]*(&(?!$)|$))*", request.query) is not None
        and "X-Amz-Algorithm=" not in request.query
        and all(
            re.fullmatch("[A-Za-z0-9-]{1,60}", name) and re.fullmatch("[ \t!-~]*", value)
            for name, value in request.headers
        )
    )


def signed(request: Request, key_id: str) -> Request:
    """The request with another target, type and body, in which the old body is a text, and botocore's signature."""
    body = json.dumps({"Text": request.body.decode("latin-1")}).encode()
    kept = tuple((name, value) for name, value in request.headers if name.lower() not in OURS)
    token = TOKENS.get(key_id)
    given = (
        *kept,
        ("Host", "localhost:8080"),
        ("Content-Type", CONTENT_TYPE),
        ("X-Amz-Target", "RekognitionService.DetectFaces"),
        ("X-Amz-Date", f"{NOW:%Y%m%dT%H%M%SZ}"),
        *((("X-Amz-Security-Token", token),) if token else ()),
    )
    bare = replace(request, headers=given, body=body)
    names = sorted({name.lower() for name, _ in given})
    claim = Claim(key_id, f"{NOW:%Y%m%d}", REGION, "rekognition", "aws4_request", names, "")
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={'/'.join(claim.scope)}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature_by_botocore(bare, claim, f'{NOW:%Y%m%dT%H%M%SZ}')}"
    )
    return replace(bare, headers=(("Authorization", authorization), *given))


def check_changes(request: Request) -> None:
    """A signed request is refused when its signature, its body, its method or a signed header is another."""
    (name, value), *others = request.headers
    last = "0" if value[-1] != "0" else "1"
    for changed in (
        replace(request, headers=((name, value[:-1] + last), *others)),
        replace(request, body=request.body[:-1] + b" }"),
        replace(request, method=request.method + "X"),
        replace(request, headers=((name, value), *others, others[0])),
    ):
        response, caller = handle(changed)
        assert caller is None, "accepted, although it is another request than the signed one"
        assert response.outcome == "InvalidSignatureException", response.outcome


@dataclass(frozen=True)
class Claim:
    """What an Authorization header says."""

    key_id: str
    date: str
    region: str
    service: str
    terminator: str
    names: list[str]
    signature: str

    @property
    def scope(self) -> tuple[str, ...]:
        return self.key_id, self.date, self.region, self.service, self.terminator


def claim_of(header: str) -> Claim:
    """What an Authorization header says; parts with other names count for nothing."""
    parts = dict(part.strip().partition("=")[::2] for part in header.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    key_id, date, region, service, terminator = parts["Credential"].split("/")
    return Claim(key_id, date, region, service, terminator, parts["SignedHeaders"].split(";"), parts["Signature"])


def is_signed(request: Request, key_id: str) -> bool:
    """Whether a request has all that a valid signature needs, computed by botocore and not by visavis."""
    values: dict[str, list[str]] = {}
    for name, value in request.headers:
        values.setdefault(name.lower(), []).append(value.strip(" \t"))  # as Signature Version 4 does
    (authorization,) = values["authorization"]
    claim = claim_of(authorization)
    (stamp,) = values.get("x-amz-date") or [f"{date_of(values['date'][0]):%Y%m%dT%H%M%SZ}"]
    moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(moment - NOW) <= timedelta(minutes=5)
    assert claim.scope == (key_id, stamp[:8], REGION, "rekognition", "aws4_request")
    assert {"host", *(name for name in values if name.startswith("x-amz-"))} <= set(claim.names) <= set(values)
    assert values.get("x-amz-security-token", [""])[0] == TOKENS.get(key_id, "")
    assert values.get("x-amz-content-sha256", [digest(request.body)]) == [digest(request.body)]
    return signature_by_botocore(request, claim, stamp) == claim.signature


def date_of(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    if re.fullmatch("[0-9]{8}T[0-9]{6}Z", text):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    moment = parsedate_to_datetime(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def signature_by_botocore(request: Request, claim: Claim, stamp: str) -> str:
    """The signature that botocore's parts give for the signed headers of a request."""
    secret = KEYS[claim.key_id]
    auth = SigV4Auth(Credentials(claim.key_id, secret), claim.service, claim.region)
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in claim.names:
            headers[name.lower()] = value  # appends
    query = f"?{request.query}" if request.query else ""
    made: Any = AWSRequest(method=request.method, url=f"http://localhost:8080{request.path}{query}")
    made.context["timestamp"] = stamp
    canonical = "\n".join(
        (
            request.method.upper(),
            auth._normalize_url_path(request.path),
            auth.canonical_query_string(made),
            auth.canonical_headers(headers) + "\n",
            ";".join(claim.names),
            digest(request.body),
        )
    )
    signature: str = auth.signature(auth.string_to_sign(made, canonical), made)
    return signature
