"""Signature Version 4: verifies a request and finds the key that signed it. No I/O and no clock.

The checks have the service's order: those of `authorization`, and then the signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from visavis.aws.authorization import ALGORITHM, TIMESTAMP, AnyCredential, Claim, check_headers, invalid_signature

__all__ = ["SignedRequest", "verify"]

_OTHER_SIGNATURE = (
    "the signature does not match the key's secret: the client has another secret, "
    "or the path, the body or a signed header (Host, for example) changed in transit"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers.

    Attributes:
        method: the HTTP method.
        path: the path as received, percent-encoded, without the query.
        query: the query as received, percent-encoded, without the question mark.
        headers: names and values in the order received, with repetitions, decoded as Latin-1.
        body_sha256: 64 lower-case hexadecimal digits, computed from the bytes received.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body_sha256: str

    def canonical_headers(self) -> dict[str, str]:
        """Values by lower-case name, as signed: trimmed, runs of spaces as one, repeated headers joined by a comma."""
        values: dict[str, list[str]] = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(re.sub(r"[ \t]+", " ", value.strip(" \t")))
        return {name: ",".join(several) for name, several in values.items()}


def verify(
    request: SignedRequest,
    *,
    service: str,
    credential_for: Callable[[str], AnyCredential | None],
    region: str | None,
    now: datetime,
) -> AnyCredential:
    """The credential that signed `request`.

    Args:
        request: the request as received.
        service: the service that the signature must be scoped to.
        credential_for: returns the credential of an access key id, or None for an unknown id.
        region: the region that the signature must be scoped to; None accepts every region.
        now: the current time, aware.

    Raises:
        WireError: a check fails; the code and text are Amazon's.
    """
    headers = request.canonical_headers()
    credential, claim = check_headers(
        headers, request.query, service=service, credential_for=credential_for, region=region, now=now
    )
    if headers.get("x-amz-content-sha256", request.body_sha256) != request.body_sha256:
        raise invalid_signature("x-amz-content-sha256 is not the hash of the body")
    expected = _signature(request, headers, claim, credential.secret_access_key)
    # As bytes, because compare_digest refuses text beyond ASCII, and a header can contain any Latin-1 character.
    if not hmac.compare_digest(expected.encode("latin-1"), claim.signature.encode("latin-1")):
        raise invalid_signature(_OTHER_SIGNATURE)
    return credential


def _signature(request: SignedRequest, headers: Mapping[str, str], claim: Claim, secret: str) -> str:
    scope = (claim.date, claim.region, claim.service, claim.terminator)
    digest = hashlib.sha256(_canonical(request, headers, claim.signed_headers).encode("latin-1")).hexdigest()
    to_sign = "\n".join((ALGORITHM, claim.signed_at.strftime(TIMESTAMP), "/".join(scope), digest))
    key = f"AWS4{secret}".encode()
    for part in (*scope, to_sign):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return key.hex()


def _canonical(request: SignedRequest, headers: Mapping[str, str], signed_headers: str) -> str:
    from botocore.utils import normalize_url_path  # here, because `import visavis` must not import botocore

    path = quote(normalize_url_path(request.path), safe="/~")
    pairs = [part.partition("=")[::2] for part in request.query.split("&")] if request.query else []
    query = "&".join("=".join(pair) for pair in sorted(pairs))
    lines = [f"{name}:{headers[name]}" for name in signed_headers.split(";")]
    return "\n".join((request.method, path, query, *lines, "", signed_headers, request.body_sha256))
