"""The ASGI app: one operation at the root of its prefix, and beside it what an operator asks for.

POST PREFIX/    the operation
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
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visavis.aws.forms import Form, form_of, stranger
from visavis.aws.wire import OPERATIONS, WireError, asked_operation
from visavis.gateway import Gateway, plain
from visavis.server.config import MAX_BODY, ServerConfig
from visavis.server.cors import Cors
from visavis.server.door import Door, response_of
from visavis.server.hosts import Hosts, origin_of

__all__ = ["MAX_BODY", "Door", "ServerConfig", "build_app"]

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

    The `Door` is at `app.state.door`, for its queue, its metrics and whether it verifies signatures.

    Raises:
        SettingsError: pages of every origin would be let in where no signatures are verified.
    """
    config = config or ServerConfig()
    config.check_origins(verifies=gateway.verifies)
    door = Door(gateway, config, ready=ready)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        door.queue.close()

    async def healthz(_: HttpRequest) -> Response:
        return _status(200, alive=True)

    async def readyz(_: HttpRequest) -> Response:
        is_ready = door.ready()
        return _status(200 if is_ready else 503, ready=is_ready)

    async def metrics(_: HttpRequest) -> Response:
        return response_of(plain(200, door.metrics.render(), door.metrics.media_type, datetime.now(UTC)))

    # Some SDKs sign and send the path of an endpoint as it is given, without a slash at its end.
    root = f"{config.prefix}/"

    async def refuse(request: HttpRequest, _: Exception) -> Response:
        return await door.refuse(request, _misdirected(request, root))

    app = Starlette(
        routes=[
            *routes,
            *(Route(path, door, methods=["POST"]) for path in sorted({config.prefix or "/", root})),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        middleware=_middleware(door, config),
        exception_handlers={404: refuse, 405: refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.door = door
    return app


def _middleware(door: Door, config: ServerConfig) -> list[Middleware]:
    """Outermost first: CORS headers go on the refusals of the host check too, so that a page can read them."""
    wanted = []
    origins = frozenset(map(origin_of, config.cors_origins))
    if origins:
        wanted.append(Middleware(Cors, origins=origins, record=door.record))
    if not door.verifies:
        wanted.append(Middleware(_HostGuard, door=door, hosts=Hosts(config.host, config.allowed_hosts)))
    return wanted


class _HostGuard:
    """Lets only requests for the server's own hosts through to `app`."""

    def __init__(self, app: ASGIApp, *, door: Door, hosts: Hosts) -> None:
        self._app = app
        self._door = door
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._app
        if scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            request = HttpRequest(scope, receive)
            try:
                self._hosts.check(request.headers.get("host"))
            except WireError as error:
                handler = await self._door.refuse(request, error)
        await handler(scope, receive, send)


def _misdirected(request: HttpRequest, root: str) -> WireError:
    """The refusal of a method and path that nothing is at."""
    query = request.scope["query_string"].decode("latin-1")
    form = form_of(request.method, query, request.headers)
    asked = asked_operation(request.headers)
    if form is Form.JSON and asked in OPERATIONS:
        text = f"{asked} is answered to POST at {root}, and not at this path: look at the endpoint URL and at --prefix"
        return WireError(
            404,
            "UnknownOperationException",
            text,
            "framework",
            "CompareFaces was asked for at another path than its own",
        )
    return stranger(form, asked)


def _status(status: int, **fields: bool) -> Response:
    return response_of(plain(status, json.dumps(fields).encode() + b"\n", "application/json", datetime.now(UTC)))
