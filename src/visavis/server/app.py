"""The ASGI app: the operations at the root of their prefix, and beside them what an operator asks for.

POST PREFIX/    an operation
GET  /healthz   the process is alive
GET  /readyz    it would take a request now
GET  /metrics   for Prometheus
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visavis.api.operations import SERVICE
from visavis.aws.forms import Form, form_of, unsupported_request
from visavis.aws.wire import WireError
from visavis.gateway import Gateway, plain_response
from visavis.server.config import MAX_BODY, ServerConfig
from visavis.server.cors import Cors
from visavis.server.endpoint import Endpoint, response_of
from visavis.server.hosts import Hosts, origin_of

__all__ = ["MAX_BODY", "Endpoint", "ServerConfig", "build_app"]

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered under every Host: probes use addresses and service names that cannot be listed, and the answers reveal
nothing else."""


def build_app(
    gateway: Gateway,
    config: ServerConfig | None = None,
    *,
    ready: Callable[[], bool] = lambda: True,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The app around `gateway`.

    Args:
        gateway: answers requests; called in worker threads.
        config: the limits; the defaults if None.
        ready: whether what stands behind the gateway can work; must not block.
        routes: more of them, as for a page; looked at first.

    The `Endpoint` is at `app.state.endpoint`, for its queue, its metrics and whether it verifies signatures.

    Raises:
        SettingsError: pages of every origin would be let in where no signatures are verified.
    """
    config = config or ServerConfig()
    config.check_origins(verifies=gateway.verifies)
    endpoint = Endpoint(gateway, config, ready=ready)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        endpoint.queue.close()

    async def healthz(_: HttpRequest) -> HttpResponse:
        return _status(200, alive=True)

    async def readyz(_: HttpRequest) -> HttpResponse:
        is_ready = endpoint.ready()
        return _status(200 if is_ready else 503, ready=is_ready)

    async def metrics(_: HttpRequest) -> HttpResponse:
        return response_of(
            plain_response(200, endpoint.metrics.render(), endpoint.metrics.media_type, datetime.now(UTC))
        )

    # Some SDKs sign and send the path of an endpoint as it is given, without a slash at its end.
    root = f"{config.prefix}/"

    async def refuse(request: HttpRequest, _: Exception) -> HttpResponse:
        return await endpoint.refuse(request, _misdirected(request, root))

    app = Starlette(
        routes=[
            *routes,
            *(Route(path, endpoint, methods=["POST"]) for path in sorted({config.prefix or "/", root})),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        middleware=_middleware(endpoint, config),
        exception_handlers={404: refuse, 405: refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.endpoint = endpoint
    return app


def _middleware(endpoint: Endpoint, config: ServerConfig) -> list[Middleware]:
    """Outermost first: CORS headers go on the refusals of the host check too, so that a page can read them."""
    wanted = []
    origins = frozenset(map(origin_of, config.cors_origins))
    if origins:
        wanted.append(Middleware(Cors, origins=origins, record=endpoint.record))
    if not endpoint.verifies:
        wanted.append(Middleware(_HostGuard, endpoint=endpoint, hosts=Hosts(config.host, config.allowed_hosts)))
    return wanted


class _HostGuard:
    """Lets only requests for the server's own hosts through to `app`."""

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


def _misdirected(request: HttpRequest, root: str) -> WireError:
    """The error for a method and path that nothing is at."""
    query = request.scope["query_string"].decode("latin-1")
    form = form_of(request.method, query, request.headers)
    asked = SERVICE.requested_operation(request.headers)
    if form is Form.JSON and asked in SERVICE.operations:
        text = f"{asked} is answered to POST at {root}, and not at this path: look at the endpoint URL and at --prefix"
        return WireError(
            404,
            "UnknownOperationException",
            text,
            "framework",
            f"{asked} was asked for at another path than its own",
        )
    return unsupported_request(SERVICE, form, asked)


def _status(status: int, **fields: bool) -> HttpResponse:
    return response_of(
        plain_response(status, json.dumps(fields).encode() + b"\n", "application/json", datetime.now(UTC))
    )
