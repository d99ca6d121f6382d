"""The web page of the server: files that ship with the package, sent with strict headers.

The page is plain HTML, CSS and ES modules. It asks the server as any SDK does and has no API of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

import visavis
from visavis.aws.forms import Form, form_of
from visavis.aws.service import DEFAULT_REGION
from visavis.gateway import plain_response
from visavis.similarity_scale import PROMISED_FMR, SIMILARITY_SCALE

__all__ = ["HEADERS", "page_routes"]

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",  # blob: a photo that the user chose
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "; ".join(_POLICY),
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        # A browser asks each time whether its copy is the one of this version.
        "cache-control": "no-cache",
    }
)
"""Headers of the page and of each of its files."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the page.

    Attributes:
        body: its bytes.
        media_type: of the header Content-Type.
        tag: the header ETag.
    """

    body: bytes = field(repr=False)
    media_type: str
    tag: str

    @classmethod
    def of(cls, body: bytes, suffix: str) -> _File:
        return cls(body, _MEDIA_TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def page_routes(prefix: str, *, verifies: bool, region: str | None) -> list[Route]:
    """The routes of the page. The files that ship with the package are read once, into memory.

    Args:
        prefix: the path of the operations, without a slash at its end; empty for the root.
        verifies: whether requests must be signed.
        region: the region that signatures must name; None accepts every region.
    """
    names = _read_files(verifies=verifies, region=region)
    index = names.pop("index.html")

    async def root(request: HttpRequest) -> HttpResponse:
        query = request.scope["query_string"].decode("latin-1")
        if form_of(request.method, query, request.headers) is not Form.TEXT:  # an AWS client, which is told so
            raise HTTPException(404)
        if request.url.path == prefix:
            # The page's links are relative to the folder of the prefix.
            return RedirectResponse(f"{prefix}/", 308, HEADERS)
        return _sent(index, request)

    async def file(request: HttpRequest) -> HttpResponse:
        if request.path_params["name"] not in names:
            raise HTTPException(404)
        return _sent(names[request.path_params["name"]], request)

    roots = sorted({prefix or "/", f"{prefix}/"})
    return [*(Route(path, root) for path in roots), Route(f"{prefix}/page/{{name}}", file)]


def _read_files(*, verifies: bool, region: str | None) -> dict[str, _File]:
    """The files by name, the values of this server written into index.html."""
    config = {
        "verifies": verifies,
        "region": region or DEFAULT_REGION,
        "version": visavis.__version__,
        # The last point of the scale only shapes the curve; no rate is stated for it.
        "scale": [[similarity, fmr] for similarity, fmr in SIMILARITY_SCALE if similarity <= max(PROMISED_FMR)],
    }
    found = {item.name: item.read_bytes() for item in (files(__package__) / "files").iterdir()}
    found["index.html"] = found["index.html"].replace(b"{config}", escape(json.dumps(config)).encode())
    return {name: _File.of(body, f".{name.rpartition('.')[2]}") for name, body in found.items()}


def _sent(file: _File, request: HttpRequest) -> HttpResponse:
    known = request.headers.get("if-none-match") == file.tag
    response = plain_response(304 if known else 200, b"" if known else file.body, file.media_type, datetime.now(UTC))
    return HttpResponse(response.body, response.status, {**dict(response.headers), **HEADERS, "etag": file.tag})
