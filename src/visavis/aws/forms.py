"""Errors for callers of other protocols: clients of S3, STS and other services, browsers. No I/O.

Such calls arrive by mistake, mostly because `AWS_ENDPOINT_URL` redirects every service of an SDK. Each gets an error in
the form that its own parser reads, so that its user sees what this server is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from visavis.aws.service import Service
from visavis.aws.wire import CONTENT_TYPE, SHOWN, WireError, error_body

__all__ = ["Form", "asked_action", "error_in", "form_of", "unsupported_request"]

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")

FORM_BODY = "application/x-www-form-urlencoded"

MAX_QUERY = 65536
"""Bytes at the start of a form body in which `Action` is looked for; SDKs write it first."""


class Form(Enum):
    """How a caller reads an error."""

    JSON = "AWS JSON, and the similar JSON of Lambda and other REST services"
    S3 = "XML with Error as its root"
    QUERY = "XML with ErrorResponse as its root: STS, IAM, SNS"
    TEXT = "plain text, for a browser, curl or anything unknown"


def form_of(method: str, query: str, headers: Mapping[str, str]) -> Form:
    """The form for a request with these `headers` (names in lower case) and this `query`, still percent-encoded."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if "x-amz-target" in headers or media_type == CONTENT_TYPE:
        return Form.JSON
    if method == "POST" and media_type == FORM_BODY:
        return Form.QUERY
    service = _signed_service(query, headers)
    if service is not None:
        return Form.S3 if service.startswith("s3") else Form.JSON
    if method == "POST":
        return Form.JSON
    # Without a signature it is S3, because the other services take no anonymous GET requests.
    is_sdk = any(name.startswith(("x-amz-", "amz-sdk-")) for name in headers)
    return Form.S3 if is_sdk or re.search(r"(^|&)(list-type|x-id)=", query) else Form.TEXT


def _signed_service(query: str, headers: Mapping[str, str]) -> str | None:
    """The service that a signature, in the header or in the query, is scoped to."""
    signed = headers.get("authorization", "") + "&" + unquote(query)
    scope = re.search(r"Credential=[^/,&]*/[0-9]{8}/[^/,&]*/([a-z0-9-]{1,64})/aws4_request", signed)
    return scope[1] if scope else None


def asked_action(service: Service, form: Form, headers: Mapping[str, str], body: bytes) -> str | None:
    """The operation that a request asks for, where its form says so, in at most `SHOWN` printable characters.

    An `Action` that is not shaped like an operation's name counts as none: it is logged, and may be data posted by
    mistake.
    """
    if form is not Form.QUERY:
        return service.asked_operation(headers)
    try:
        fields = parse_qs(body[:MAX_QUERY].decode("latin-1"), max_num_fields=1000)
    except ValueError:
        return None
    action = fields.get("Action", [""])[0]
    return action if len(action) <= SHOWN and _ACTION.fullmatch(action) else None


def unsupported_request(service: Service, form: Form, asked: str | None = None) -> WireError:
    """The error for a request that is not AWS JSON to an operation of `service`.

    Args:
        asked: the operation that the request wants, where that is known.
    """
    about = (
        f"This is visavis: it answers {service.answered} of Amazon {service.service_id}, "
        "asked for by POST in AWS JSON 1.1."
    )
    advice = (
        f"Point only the {service.service_id} client here: with endpoint_url, or "
        f"AWS_ENDPOINT_URL_{service.service_id.upper().replace(' ', '_')} in place of AWS_ENDPOINT_URL."
    )
    what = f"{asked} is not answered here. " if asked else ""
    reason = f"the request is not for {service.answered_any}"
    if form is Form.S3:
        # Not 404, which would say of an object or a bucket that it does not exist.
        text = f"{about} It stores nothing, and is not S3. {advice}"
        return WireError(501, "NotImplemented", text, reason="the request is for S3, which is not answered here")
    if form is Form.QUERY:
        reason = "the request is in the query protocol, which STS and IAM use"
        return WireError(400, "InvalidAction", f"{what}{about} {advice}", reason=reason)
    if form is Form.TEXT:
        return WireError(404, "NotFound", f"{about} See /healthz, /readyz and /metrics.", reason=reason)
    return WireError(404, "UnknownOperationException", f"{what}{about} {advice}", "framework", reason)


def error_in(form: Form, error: WireError, request_id: str) -> tuple[bytes, str]:
    """The body that says `error` in `form`, and its media type."""
    if form is Form.JSON:
        return error_body(error), CONTENT_TYPE
    message = error.message or error.code
    if form is Form.TEXT:
        return f"{message}\n".encode(), "text/plain; charset=utf-8"
    code, text, known_as = escape(error.code), escape(message), escape(request_id)
    if form is Form.S3:
        inner = f"<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{known_as}</RequestId></Error>"
    else:
        fault = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        inner = f"<ErrorResponse>{fault}<RequestId>{known_as}</RequestId></ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode(), "application/xml"
