"""The ASGI app: one operation at the root of its prefix, and beside it what an operator asks for.

POST PREFIX/    the operation
GET  /healthz   the process is alive
GET  /readyz    it would take a request now
GET  /metrics   for Prometheus
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from visavis.api.errors import to_wire
from visavis.errors import Overloaded, SettingsError
from visavis.gateway import Answer, Gateway, Request, plain, refusal
from visavis.server.admission import (
    BodyError,
    MemoryBudget,
    WorkQueue,
    read_body,
)
from visavis.server.metrics import Metrics

__all__ = ["MAX_BODY", "Door", "ServerConfig", "build_app"]

access = logging.getLogger("visavis.access")

MAX_BODY = 14_500_000
"""Bytes. Two images of the largest size that is taken are 13,981,016 in base64, and the envelope is small."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How much the server takes on.

    prefix:          the path before the root, without a slash at its end; empty for none
    max_body:        bytes of a request's body
    body_seconds:    for a body to arrive
    memory:          bytes that the bodies in flight may hold together
    workers:         requests worked on at once
    waiting:         requests in line for a worker
    waiting_seconds: the longest that one may stand in line
    """

    prefix: str = ""
    max_body: int = MAX_BODY
    body_seconds: float = 60.0
    memory: int = 512 * 1024 * 1024
    workers: int = 2
    waiting: int = 32
    waiting_seconds: float = 20.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: one of them is left.
        """
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", self.prefix):
            raise SettingsError(
                f"the prefix must be a path such as /faces, without a slash at its end: {self.prefix!r}"
            )
        if (
            min(self.max_body, self.workers) < 1
            or self.waiting < 0
            or min(self.body_seconds, self.waiting_seconds) <= 0
        ):
            raise SettingsError("sizes, seconds and workers must be positive, and waiting must not be negative")
        if self.memory < self.max_body:
            raise SettingsError(f"memory ({self.memory} bytes) must hold at least one body ({self.max_body} bytes)")


class Door:
    """The ASGI end of a gateway: reads a body, stands in line, answers, and records what happened."""

    def __init__(self, gateway: Gateway, config: ServerConfig, *, ready: Callable[[], bool]) -> None:
        self.verifies = gateway.verifies
        self.queue = WorkQueue(workers=config.workers, waiting=config.waiting, seconds=config.waiting_seconds)
        self.metrics = Metrics(lambda: self.queue.depth)
        self._gateway = gateway
        self._config = config
        self._ready = ready
        self._memory = MemoryBudget(config.memory)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        started = time.perf_counter()
        request = HttpRequest(scope, receive)
        # Whoever asks "may I send this?" may have sent nothing when it is refused, and then no next request follows.
        close = request.headers.get("expect", "").lower() == "100-continue"
        try:
            answer, close = await self._answer(request, asks_first=close), False
        except Overloaded as error:
            answer = refusal(to_wire(error), _now())
        except BodyError as error:
            answer, close = replace(plain(error.status, b"", None, _now()), outcome=error.outcome), True
        except Exception as error:  # noqa: BLE001 - the log gets the reason, the caller an answer in its own form
            answer, close = refusal(to_wire(error), _now(), cause=error), True
        await _response(answer, close=close)(scope, receive, send)
        self._record(answer, request, time.perf_counter() - started)

    def ready(self) -> bool:
        """Whether a request would be taken now."""
        return self._ready() and not self.queue.full

    async def _answer(self, request: HttpRequest, *, asks_first: bool) -> Answer:
        config = self._config
        declared = int(request.headers.get("content-length", config.max_body))
        if declared > config.max_body and asks_first:
            raise BodyError.too_large()
        with self._memory.hold(min(declared, config.max_body)):
            started = time.perf_counter()
            body = await read_body(request.receive, limit=config.max_body, seconds=config.body_seconds)
            self.metrics.observe("body", time.perf_counter() - started)
            return await self._work(_request(request.scope, body))

    async def _work(self, request: Request) -> Answer:
        def work(waited: float) -> Answer:
            self.metrics.observe("queue", waited)
            return self._gateway.answer(request, _now())

        return await self.queue.run(work)

    def _record(self, answer: Answer, request: HttpRequest, seconds: float) -> None:
        self.metrics.record(answer)
        self.metrics.observe("total", seconds)
        fields = {
            "request_id": answer.request_id,
            "key_id": answer.key_id,
            "client": request.client.host if request.client else None,
            "status": answer.status,
            "outcome": answer.outcome,
            "request_bytes": int(request.headers.get("content-length", 0)) or None,
            "response_bytes": len(answer.body),
            "faces": answer.faces,
            "milliseconds": round(seconds * 1000, 1),
        }
        access.info("answered", extra=fields)


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
    """
    config = config or ServerConfig()
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
        return _response(plain(200, door.metrics.render(), door.metrics.media_type, _now()))

    async def refuse(_: HttpRequest, __: Exception) -> Response:
        return _response(plain(404, b"<UnknownOperationException/>\n", "application/xml", _now()))

    # Some SDKs sign and send the path of an endpoint as it is given, without a slash at its end.
    paths = {config.prefix or "/", f"{config.prefix}/"}
    app = Starlette(
        routes=[
            *routes,
            *(Route(path, door, methods=["POST"]) for path in sorted(paths)),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        exception_handlers={404: refuse, 405: refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.door = door
    return app


def _request(scope: Scope, body: bytes) -> Request:
    """ASGI's view of a request as ours: the path as it was sent, not as it was decoded."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers, body)


def _response(answer: Answer, *, close: bool = False) -> Response:
    headers = dict(answer.headers)
    return Response(answer.body, answer.status, {**headers, "connection": "close"} if close else headers)


def _status(status: int, **fields: bool) -> Response:
    return _response(plain(status, json.dumps(fields).encode() + b"\n", "application/json", _now()))


def _now() -> datetime:
    return datetime.now(UTC)
