"""Errors for clients of other protocols: of S3, STS and other AWS services, and browsers. No I/O.

Their requests arrive by mistake, mostly because `AWS_ENDPOINT_URL` redirects every service of an SDK. Each client gets
an error in the form that it parses, so that its user sees what this server is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from visavis.aws.service import Service
from visavis.aws.wire import CONTENT_TYPE, MAX_SHOWN, WireError, error_body

__all__ = ["Form", "error_in", "form_of", "requested_action", "unsupported_request"]

_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")

FORM_BODY = "application/x-www-form-urlencoded"

MAX_QUERY = 65536
"""Bytes at the start of a form body that are searched for `Action`; SDKs write it first."""


class Form(Enum):
    """The form in which a client reads an error.

    Attributes:
        JSON: AWS JSON, and the similar JSON of Lambda and other REST services.
        S3: XML with `Error` as its root.
        QUERY: XML with `ErrorResponse` as its root, as STS, IAM and SNS send it.
        TEXT: plain text, which browsers and curl show; also the form of unknown clients.
    """

    JSON = "json"
    S3 = "s3"
    QUERY = "query"
    TEXT = "text"


def form_of(method: str, query: str, headers: Mapping[str, str]) -> Form:
    """The form in which the sender of a request reads an error.

    Args:
        method: the HTTP method in capitals.
        query: the query, percent-encoded, without the question mark.
        headers: values by name in lower case.

    Returns:
        The form. A GET request that nothing identifies gets `TEXT`, and a POST request `JSON`.

    Example:
        >>> form_of("POST", "", {"content-type": "application/x-www-form-urlencoded"})
        <Form.QUERY: 'query'>
    """
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
    # A GET request of an SDK without a signature is for S3, because other services accept no anonymous requests.
    is_sdk = any(name.startswith(("x-amz-", "amz-sdk-")) for name in headers)
    return Form.S3 if is_sdk or re.search(r"(^|&)(list-type|x-id)=", query) else Form.TEXT


def _signed_service(query: str, headers: Mapping[str, str]) -> str | None:
    """The service in the scope of a signature, which is in the header or in the query; None without a signature."""
    signed = headers.get("authorization", "") + "&" + unquote(query)
    scope = re.search(r"Credential=[^/,&]*/[0-9]{8}/[^/,&]*/([a-z0-9-]{1,64})/aws4_request", signed)
    return scope[1] if scope else None


def requested_action(service: Service, form: Form, headers: Mapping[str, str], body: bytes) -> str | None:
    """The operation that a request names, in at most `MAX_SHOWN` printable characters; None if it names none.

    An `Action` that does not have the form of an operation's name counts as none, because it may be data posted by
    mistake and the result is logged.

    Args:
        service: the service that this server answers.
        form: the form of the request.
        headers: values by name in lower case.
        body: the body as received.
    """
    if form is not Form.QUERY:
        return service.requested_operation(headers)
    try:
        fields = parse_qs(body[:MAX_QUERY].decode("latin-1"), max_num_fields=1000)
    except ValueError:
        return None
    action = fields.get("Action", [""])[0]
    return action if len(action) <= MAX_SHOWN and _ACTION.fullmatch(action) else None


def unsupported_request(service: Service, form: Form, requested: str | None = None) -> WireError:
    """The error for a request that is not AWS JSON or not for an operation of `service`.

    Args:
        service: the service that this server answers.
        form: the form in which the sender reads an error.
        requested: the operation that the request names; None if that is unknown.
    """
    about = (
        f"This is visavis. It answers {service.answered} of Amazon {service.service_id}, sent by POST in AWS JSON 1.1."
    )
    advice = (
        f"Set this endpoint for the {service.service_id} client only: with endpoint_url, or with "
        f"AWS_ENDPOINT_URL_{service.service_id.upper().replace(' ', '_')} in place of AWS_ENDPOINT_URL."
    )
    what = f"{requested} is not supported. " if requested else ""
    reason = f"the request is not for {service.answered_any}"
    if form is Form.S3:
        # Not 404, which would mean that an object or a bucket does not exist.
        text = f"{about} It is not S3 and stores nothing. {advice}"
        return WireError(501, "NotImplemented", text, reason="the request is for S3, which is not supported")
    if form is Form.QUERY:
        reason = "the request is in the query protocol, which STS and IAM use and which is not supported"
        return WireError(400, "InvalidAction", f"{what}{about} {advice}", reason=reason)
    if form is Form.TEXT:
        return WireError(404, "NotFound", f"{about} See /healthz, /readyz and /metrics.", reason=reason)
    return WireError(404, "UnknownOperationException", f"{what}{about} {advice}", "framework", reason)


def error_in(form: Form, error: WireError, request_id: str) -> tuple[bytes, str]:
    """`error` as a body in `form`, and the body's media type. `request_id` is part of the XML forms."""
    if form is Form.JSON:
        return error_body(error), CONTENT_TYPE
    message = error.message or error.code
    if form is Form.TEXT:
        return f"{message}\n".encode(), "text/plain; charset=utf-8"
    code, text, escaped_id = escape(error.code), escape(message), escape(request_id)
    if form is Form.S3:
        inner = f"<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{escaped_id}</RequestId></Error>"
    else:
        fault = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        inner = f"<ErrorResponse>{fault}<RequestId>{escaped_id}</RequestId></ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode(), "application/xml"
