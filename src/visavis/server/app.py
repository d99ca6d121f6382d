"""The ASGI app, with the operations and the paths for operators.

- `POST PREFIX/`: an operation.
- `GET PREFIX/` and `GET PREFIX/page/FILE`: the web page, if the server has one.
- `GET /healthz`: whether the process is alive.
- `GET /readyz`: whether a request would be accepted now.
- `GET /metrics`: metrics for Prometheus.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visavis.api.operations import SERVICE
from visavis.aws.forms import Form, form_of, unsupported_request
from visavis.aws.wire import WireError
from visavis.gateway import Gateway, plain_response
from visavis.server.config import MAX_BODY, ServerConfig
from visavis.server.cors import Cors
from visavis.server.endpoint import Endpoint, response_of
from visavis.server.hosts import Hosts, origin_of
from visavis.server.page import page_routes

__all__ = ["MAX_BODY", "Endpoint", "ServerConfig", "build_app"]

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Paths that are answered under every Host, because probes use addresses and service names that cannot be listed. The
responses reveal nothing else."""


def build_app(
    gateway: Gateway,
    config: ServerConfig | None = None,
    *,
    ready: Callable[[], bool] = lambda: True,
) -> Starlette:
    """The app for `gateway`. Its `app.state.endpoint` is the `Endpoint`.

    Args:
        gateway: handles requests; it is called in worker threads.
        config: the limits; None for the defaults.
        ready: returns whether the gateway can handle requests; must not block.

    Raises:
        SettingsError: pages of every origin could send requests, but no signatures are verified.
    """
    config = config or ServerConfig()
    config.check_origins(verifies=gateway.verifies)
    endpoint = Endpoint(gateway, config, ready=ready)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        yield {"metrics": endpoint.metrics}  # for connections, which refuse requests that no app sees
        endpoint.close()

    # Some SDKs sign and send the path of an endpoint URL without adding a slash.
    root = f"{config.prefix}/"

    async def refuse(request: HttpRequest, _: Exception) -> HttpResponse:
        return await endpoint.refuse(request, _not_found(request, root))

    app = Starlette(
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path in sorted({config.prefix or "/", root})),
            *(page_routes(config.prefix, verifies=gateway.verifies, region=gateway.region) if config.page else ()),
            *_operator_routes(endpoint),
        ],
        middleware=_middleware(endpoint, config),
        exception_handlers={404: refuse, 405: refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.endpoint = endpoint
    return app


def _operator_routes(endpoint: Endpoint) -> list[Route]:
    async def healthz(_: HttpRequest) -> HttpResponse:
        return _status(200, alive=True)

    async def readyz(_: HttpRequest) -> HttpResponse:
        is_ready = endpoint.ready()
        return _status(200 if is_ready else 503, ready=is_ready)

    async def metrics(_: HttpRequest) -> HttpResponse:
        body, media_type = endpoint.metrics.render(), endpoint.metrics.media_type
        return response_of(plain_response(200, body, media_type, datetime.now(UTC)))

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _middleware(endpoint: Endpoint, config: ServerConfig) -> list[Middleware]:
    """The middleware, outermost first. Errors of the host check get CORS headers too, so that a page can read them."""
    wanted = []
    origins = frozenset(map(origin_of, config.cors_origins))
    if origins:
        wanted.append(Middleware(Cors, origins=origins, record=endpoint.record))
    if not endpoint.verifies:
        wanted.append(Middleware(_HostGuard, endpoint=endpoint, hosts=Hosts(config.host, config.allowed_hosts)))
    return wanted


class _HostGuard:
    """Passes only requests that name an allowed host to `app`."""

    def __init__(self, app: ASGIApp, *, endpoint: Endpoint, hosts: Hosts) -> None:
        self._app = app
        self._endpoint = endpoint
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._app
        if scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            request = HttpRequest(scope, receive)
            try:
                self._hosts.check(request.headers.get("host"))
            except WireError as error:
                handler = await self._endpoint.refuse(request, error)
        await handler(scope, receive, send)


def _not_found(request: HttpRequest, root: str) -> WireError:
    """The error for a method and path without a route."""
    query = request.scope["query_string"].decode("latin-1")
    form = form_of(request.method, query, request.headers)
    requested = SERVICE.requested_operation(request.headers)
    if form is Form.JSON and requested in SERVICE.operations:
        text = f"{requested} must be sent by POST to {root}, not to this path: check the endpoint URL and --prefix"
        reason = f"{requested} was not sent by POST to {root}"
        return WireError(404, "UnknownOperationException", text, "framework", reason)
    return unsupported_request(SERVICE, form, requested)


def _status(status: int, **fields: bool) -> HttpResponse:
    return response_of(
        plain_response(status, json.dumps(fields).encode() + b"\n", "application/json", datetime.now(UTC))
    )
