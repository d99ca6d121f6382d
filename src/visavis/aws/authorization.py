"""The headers of a signed request: reads them and checks everything about a signature that needs no body.

The checks have the service's order: the header's form, the key and its token, the scope, the time, the signed headers.
No I/O and no clock.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

from visavis.aws.wire import WireError

__all__ = [
    "ALGORITHM",
    "MAX_SKEW",
    "TIMESTAMP",
    "AnyCredential",
    "Claim",
    "Credential",
    "check_headers",
    "claimed_key_id",
    "invalid_signature",
]

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
MAX_SKEW = timedelta(minutes=5)

TIMESTAMP = "%Y%m%dT%H%M%SZ"
_CLAIM = re.compile(r"\bCredential=([\w-]{1,32})(?:/[\w-]+){3}/aws4_request\b", re.ASCII)
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key that may sign requests.

    Attributes:
        access_key_id: the public id.
        secret_access_key: the secret.
        session_token: what requests of a temporary key must send; None for other keys.
        expires: the aware time from which the key is invalid; None for never.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None


AnyCredential = TypeVar("AnyCredential", bound=Credential)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the headers of a request say about its signature, not yet verified.

    Attributes:
        access_key_id: the first part of the scope, and so on.
        date: eight digits.
        region: such as us-east-1.
        service: such as rekognition.
        terminator: always aws4_request.
        signed_headers: names in lower case, sorted, separated by semicolons.
        signature: 64 lower-case hexadecimal digits, if the client is not at fault.
        signed_at: the time of the signature, in UTC.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: str
    signature: str
    signed_at: datetime


def check_headers(
    headers: Mapping[str, str],
    query: str,
    *,
    service: str,
    credential_for: Callable[[str], AnyCredential | None],
    region: str | None,
    now: datetime,
) -> tuple[AnyCredential, Claim]:
    """The credential that the headers of a request name, and the signature that they claim.

    Everyone can name a key: only `sigv4.verify` finds out who signed.

    Args:
        headers: values by name in lower case, as signed.
        query: the query as received, percent-encoded, without the question mark.
        service: the service that the signature must be scoped to.
        credential_for: returns the credential of an access key id, or None for an unknown id.
        region: the region that the signature must be scoped to; None accepts every region.
        now: the current time, aware.

    Raises:
        WireError: a check fails; the code and text are Amazon's.
    """
    claim = _read_claim(headers, query)
    credential = _checked_credential(credential_for(claim.access_key_id), headers, now)
    _check_scope(claim, service, region)
    _check_skew(claim.signed_at, now)
    if not _covers_required_headers(claim, headers):
        raise invalid_signature("the signed headers omit host or an x-amz- header, or name one that the request lacks")
    return credential, claim


def claimed_key_id(headers: Mapping[str, str]) -> str | None:
    """The access key id in the Authorization header, not verified, and so only for the log.

    `headers` have names in lower case. The result is None if the value may be a secret given in place of the id:
    Amazon's secrets have 40 characters and its ids 20, and a slash in a secret adds a part to the scope.
    """
    match = _CLAIM.search(headers.get("authorization", ""))
    return match[1] if match else None


def invalid_signature(reason: str) -> WireError:
    """The error for a signature that does not match the request; `reason` is for the log."""
    return _error("InvalidSignatureException", _MISMATCH, reason)


def _error(code: str, message: str, reason: str | None = None) -> WireError:
    """An error with status 400. `reason` must be given if `message` repeats a header, which may contain a secret."""
    return WireError(400, code, message, "framework", reason)


def _read_claim(headers: Mapping[str, str], query: str) -> Claim:
    header = headers.get("authorization")
    if header is None:
        raise _error("MissingAuthenticationTokenException", "Missing Authentication Token")
    if re.search(r"(^|&)X-Amz-Algorithm=", query):
        raise _error(
            "InvalidSignatureException",
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        )
    parameters = _parameters(header)
    faults = [f"Authorization header requires '{name}' parameter. " for name in _PARAMETERS if not parameters.get(name)]
    if "x-amz-date" not in headers and "date" not in headers:
        faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if faults:
        text = "".join(faults)
        raise _error("IncompleteSignatureException", f"{text}Authorization={header}", text.rstrip())
    scope = parameters["Credential"].split("/")
    if len(scope) != 5:
        raise _error(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{parameters['Credential']}'",
            f"Credential has {len(scope)} parts separated by slashes; it must have 5",
        )
    key_id, date, region, service, terminator = scope
    return Claim(
        key_id,
        date,
        region,
        service,
        terminator,
        parameters["SignedHeaders"],
        parameters["Signature"],
        _signing_time(headers),
    )


def _parameters(header: str) -> dict[str, str]:
    """The parts of an Authorization header by name; empty for another algorithm or a header that was sent twice."""
    algorithm, _, rest = header.partition(" ")
    pairs = [part.strip().partition("=")[::2] for part in rest.split(",")]
    if algorithm != ALGORITHM or len({name for name, _ in pairs}) != len(pairs):
        return {}
    return dict(pairs)


def _signing_time(headers: Mapping[str, str]) -> datetime:
    is_amz = "x-amz-date" in headers
    text = headers["x-amz-date" if is_amz else "date"]
    moment = _basic_time(text) if is_amz else _any_time(text)
    if moment is None:
        raise _error(
            "IncompleteSignatureException",
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601",
            f"the {'X-Amz-Date' if is_amz else 'Date'} header is not of the form 20260131T235959Z",
        )
    return moment


def _basic_time(text: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        return None
    try:
        return datetime.strptime(text, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _any_time(text: str) -> datetime | None:
    """The time in a Date header, in ISO 8601's basic form or in the form of mail and HTTP; None for another form."""
    basic = _basic_time(text)
    if basic is not None:
        return basic
    try:
        moment = parsedate_to_datetime(text)
        # The zone -0000 means UTC in an unknown place; Python returns such a time without a zone.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _checked_credential(credential: AnyCredential | None, headers: Mapping[str, str], now: datetime) -> AnyCredential:
    """`credential`, if the key is known, the request has its session token (or neither has one) and it is valid now."""
    given = headers.get("x-amz-security-token", "").encode("latin-1")
    wanted = ((credential.session_token if credential else None) or "").encode()
    if credential is None or not hmac.compare_digest(given, wanted):
        reason = "no such key" if credential is None else "the session token is missing or is not that of this key"
        raise _error("UnrecognizedClientException", "The security token included in the request is invalid.", reason)
    if credential.expires is not None and now >= credential.expires:
        raise _error("ExpiredTokenException", "The security token included in the request is expired")
    return credential


def _check_scope(claim: Claim, service: str, region: str | None) -> None:
    faults = []
    if region is not None and claim.region != region:
        faults.append("Credential should be scoped to a valid region. ")
    if claim.service != service:
        faults.append(f"Credential should be scoped to correct service: '{service}'. ")
    if claim.terminator != TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}'. ")
    moment = claim.signed_at.strftime(TIMESTAMP)
    if claim.date != moment[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{moment[:8]}', from '{moment}'."
        )
    if faults:
        where = "" if region in (None, claim.region) else f"Signed for {claim.region}; this server requires {region}."
        raise _error("InvalidSignatureException", "".join(faults), f"{''.join(faults)}{where}".rstrip())


def _check_skew(signed_at: datetime, now: datetime) -> None:
    moment, current = signed_at.strftime(TIMESTAMP), now.strftime(TIMESTAMP)
    if signed_at < now - MAX_SKEW:
        limit = (now - MAX_SKEW).strftime(TIMESTAMP)
        text = f"Signature expired: {moment} is now earlier than {limit} ({current} - 5 min.)"
    elif signed_at > now + MAX_SKEW:
        limit = (now + MAX_SKEW).strftime(TIMESTAMP)
        text = f"Signature not yet current: {moment} is still later than {limit} ({current} + 5 min.)"
    else:
        return
    raise _error("InvalidSignatureException", text)


def _covers_required_headers(claim: Claim, headers: Mapping[str, str]) -> bool:
    """Whether the signed headers are sorted, present and include host and all x-amz- ones."""
    names = claim.signed_headers.split(";")
    compulsory = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    return names == sorted(set(names)) and compulsory <= set(names) <= headers.keys()
