"""An app on a socket: uvicorn, with a start and a stop that can be relied on."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette

from visavis.errors import SettingsError
from visavis.server.config import DEFAULT_HOST
from visavis.server.endpoint import Endpoint

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "bind", "make_server", "serve"]

log = logging.getLogger(__name__)

DEFAULT_PORT = 8080

KEEP_ALIVE = 75
"""Seconds that a connection may idle: longer than the minute of common load balancers, which should close first."""

BACKLOG = 1024
"""Connections that the system may hold for us until they are accepted."""


def serve(
    app: Starlette,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    insecure_no_auth: bool = False,
    grace: float = 30.0,
    announce: Callable[[str], None] = log.info,
) -> None:
    """Serve `app`, from `build_app`, until SIGTERM or SIGINT; then finish what is in flight and return.

    Args:
        app: from `build_app`.
        host: a name or address of this machine.
        port: 0 for any that is free.
        insecure_no_auth: let an app that verifies no signatures listen beyond loopback.
        grace: seconds for what is in flight when the stop comes. What takes longer is abandoned: the process then
            exits with 0 without coming back from here.
        announce: gets a line for the person at the terminal: once listening, and when nothing is verified.

    Raises:
        SettingsError: the address cannot be had, or is refused without credentials.
    """
    endpoint: Endpoint = app.state.endpoint
    listener = bind(host, port, loopback_only=not endpoint.verifies and not insecure_no_auth)
    if not endpoint.verifies:
        announce("no credentials file: every request is answered, whoever signed it")
    with _signals_end_quietly():
        make_server(app, grace=grace, announce=announce).run(sockets=[listener])
    if endpoint.queue.running and threading.current_thread() is threading.main_thread():
        # Threads cannot be stopped from outside, and the interpreter would wait for them before it exits.
        log.warning("stopped with work unfinished", extra={"requests": endpoint.queue.running})
        logging.shutdown()
        os._exit(0)


def make_server(app: Starlette, *, grace: float = 30.0, announce: Callable[[str], None] = log.info) -> uvicorn.Server:
    """A uvicorn server for `app`: `run(sockets=[...])` serves until its `should_exit` is set."""
    # h11 by name: what uvicorn picks by itself depends on what else is installed, and behaves differently at the edges.
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,  # type: ignore[arg-type]
    )
    return _Announcing(config, announce)


def bind(host: str, port: int, *, loopback_only: bool = False) -> socket.socket:
    """A listening socket.

    Raises:
        SettingsError: the address cannot be had, or is not loopback where it must be.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if loopback_only and not ip_address(address[0]).is_loopback:
            raise SettingsError(
                f"without a credentials file anybody who reaches {host} could use this server: "
                "give --credentials FILE, listen on 127.0.0.1, or accept that with --insecure-no-auth"
            )
        return _listener(family, address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from error


def _listener(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's delay off only then, and a small response would wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class _Announcing(uvicorn.Server):
    """Says where it listens once it does; with port 0 nobody knows before."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            self._announce(f"visavis is listening on http://{f'[{host}]' if ':' in host else host}:{port}")


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Between uvicorn's stop and our return, a signal does nothing.

    After a clean stop uvicorn raises the signal that it caught once more, for whoever handled it before. By default
    that kills the process, and a supervisor would see a failure in every ordinary stop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
