"""The ASGI app around a gateway: reads the body, waits for a worker, responds and records the request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Scope, Send

from visavis.aws.wire import WireError
from visavis.deadline import Deadline
from visavis.errors import Overloaded
from visavis.gateway import Gateway, Request, Response, error_response
from visavis.server.bodies import Bodies, Body, BodyError
from visavis.server.callers import while_connected
from visavis.server.config import ServerConfig
from visavis.server.hosts import network_of
from visavis.server.metrics import Metrics
from visavis.server.work_queue import WorkQueue

__all__ = ["Endpoint", "response_of"]

access = logging.getLogger("visavis.access")


class Endpoint:
    """Serves the operations as an ASGI app, and makes the responses to requests that the server refuses.

    Attributes:
        verifies: whether signatures are verified.
        config: the limits.
        queue: the requests that wait or are processed.
        metrics: the metrics of this app.
    """

    def __init__(self, gateway: Gateway, config: ServerConfig, *, ready: Callable[[], bool]) -> None:
        self.verifies = gateway.verifies
        self.config = config
        self.queue = WorkQueue(workers=config.workers, waiting=config.waiting, seconds=config.waiting_seconds)
        self.metrics = Metrics(lambda: self.queue.depth)
        self._gateway = gateway
        self._ready = ready
        self._bodies = Bodies(config)
        # One thread, because it hashes bodies faster than the event loop receives them. What waits for it is bounded by
        # the memory of bodies.
        self._verifier = ThreadPoolExecutor(1, thread_name_prefix="visavis-verify")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI calls it."""
        started = time.perf_counter()
        request = HttpRequest(scope, receive)
        refused = False
        with self._bodies.open(_network(request)) as body:
            try:
                response = await self._respond(request, body)
            except (Overloaded, WireError) as error:
                response = error_response(error, _request(scope), _now())
            except BodyError as error:
                answer = error_response(error.response_error, _request(scope), _now())
                response, refused = replace(answer, outcome=error.outcome), True
            except Exception as error:  # noqa: BLE001 - the caller gets a response and the log the reason
                response = error_response(error, _request(scope), _now())
        # Unless the body was read, the next bytes on the connection are not the start of a request.
        close = refused or not body.complete
        await response_of(response, close=close)(scope, receive, send)
        self._record(response, request, started)

    def close(self) -> None:
        """Accept no more work. What runs is not stopped."""
        self._verifier.shutdown(wait=False, cancel_futures=True)
        self.queue.close()

    def ready(self) -> bool:
        """Whether a request would be accepted now."""
        return self._ready() and not self.queue.full

    async def refuse(self, request: HttpRequest, error: WireError) -> HttpResponse:
        """The response with `error` to a request that does not reach the operation. The request is recorded."""
        started = time.perf_counter()
        with self._bodies.open() as body:
            # A client that sent `Expect: 100-continue` waits for an answer before it sends its body.
            if not _expects_continue(request):
                with suppress(BodyError):
                    await body.discard(request.receive)
        response = error_response(error, _request(request.scope), _now())
        self._record(response, request, started)
        return response_of(response, close=not body.complete)

    async def _respond(self, request: HttpRequest, body: Body) -> Response:
        limit, declared = self.config.max_body, int(request.headers.get("content-length", 0))
        if declared > limit:
            raise BodyError.too_large(declared, limit)
        refusal = self._gateway.refusal(_request(request.scope), _now())
        if refusal is not None:
            if not _expects_continue(request):
                await body.discard(request.receive)
            raise refusal
        started = time.perf_counter()
        data = await body.read(request.receive)
        self.metrics.observe("body", time.perf_counter() - started)
        deadline = Deadline(self.config.work_seconds)
        work = self._work(_request(request.scope, data), body, deadline)
        return await while_connected(request.receive, work, deadline)

    async def _work(self, request: Request, body: Body, deadline: Deadline) -> Response:
        loop = asyncio.get_running_loop()
        admitted = await loop.run_in_executor(self._verifier, self._gateway.admit, request, _now(), body.network)
        if isinstance(admitted, Response):
            return admitted

        deadline.key = admitted.key

        def work(waited: float) -> Response:
            self.metrics.observe("queue", waited)
            deadline.restart()
            return self._gateway.answer(admitted, _now(), deadline)

        return await self.queue.run(admitted.key, work, body.wait_for)

    def _record(self, response: Response, request: HttpRequest, started: float) -> None:
        seconds = time.perf_counter() - started
        self.metrics.observe("total", seconds)
        self.record(response, request.headers, _client(request), seconds)

    def record(self, response: Response, headers: Headers, client: str | None, seconds: float = 0.0) -> None:
        """Add a response to the metrics and the log.

        The path of the request is not logged, because it may contain a person's name.

        Args:
            response: the response.
            headers: the headers of the request.
            client: the client's address, or None.
            seconds: the time from the request to the response.
        """
        self.metrics.record(response)
        fields = {
            "request_id": response.request_id,
            "key_id": response.key_id,
            "client": client,
            "operation": response.operation,
            "status": response.status,
            "outcome": response.outcome,
            "reason": response.reason,
            "request_bytes": int(headers.get("content-length", 0)) or None,
            "response_bytes": len(response.body),
            "faces": response.faces,
            "milliseconds": round(seconds * 1000, 1),
        }
        access.info("answered", extra=fields)


def response_of(response: Response, *, close: bool = False) -> HttpResponse:
    """`response` as Starlette's type; `close` asks the client to close the connection."""
    headers = dict(response.headers)
    return HttpResponse(response.body, response.status, {**headers, "connection": "close"} if close else headers)


def _client(request: HttpRequest) -> str | None:
    return request.client.host if request.client else None


def _network(request: HttpRequest) -> str:
    return network_of(_client(request) or "")


def _expects_continue(request: HttpRequest) -> bool:
    return request.headers.get("expect", "").lower() == "100-continue"


def _request(scope: Scope, body: bytes = b"") -> Request:
    """ASGI's request as a `Request`, with the path as it was sent and not as ASGI decodes it."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers, body)


def _now() -> datetime:
    return datetime.now(UTC)
