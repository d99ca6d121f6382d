"""Runs an app on uvicorn: binds the socket, reports the address, and stops on a signal."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any

import uvicorn
from starlette.applications import Starlette

from visavis.errors import SettingsError
from visavis.server.config import DEFAULT_GRACE, DEFAULT_HOST, DEFAULT_PORT, ServerConfig
from visavis.server.connection_limit import Connections
from visavis.server.connections import Connection
from visavis.server.endpoint import Endpoint

__all__ = ["address_of", "bind", "hang_up_as_terminate", "make_server", "serve", "uvicorn_config"]

log = logging.getLogger(__name__)

KEEP_ALIVE = 75
"""Seconds that a connection may idle. Common load balancers close theirs after 60, and they should close first."""

BACKLOG = 1024
"""Connections that the operating system may queue until they are accepted."""


def serve(
    app: Starlette,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    insecure_no_auth: bool = False,
    grace: float = DEFAULT_GRACE,
    announce: Callable[[str], None] = log.info,
) -> bool:
    """Serve `app` until SIGTERM, SIGINT or SIGHUP, then finish the requests in progress and return.

    Args:
        app: the result of `build_app`.
        host: a name or address of this machine.
        port: the port; 0 takes a free one.
        insecure_no_auth: allow an app that verifies no signatures to listen beyond loopback.
        grace: seconds to finish the requests in progress.
        announce: gets lines for the user at the terminal: the address, and a warning if no signatures are verified.

    Returns:
        Whether requests were still in progress after `grace`. Their threads then still run. Python cannot stop them,
        and the interpreter waits for them before it exits, so a program that must end soon calls `os._exit`.

    Raises:
        SettingsError: the address cannot be used, or requires credentials.
    """
    endpoint: Endpoint = app.state.endpoint
    listener = bind(host, port, loopback_only=not endpoint.verifies and not insecure_no_auth)
    if not endpoint.verifies:
        announce("no credentials file: every request is answered, whoever signed it")
    with _ignore_signals():
        hang_up_as_terminate()
        make_server(app, grace=grace, announce=announce).run(sockets=[listener])
    unfinished = endpoint.queue.running
    if unfinished:
        log.warning("stopped with requests in progress", extra={"requests": unfinished})
    return unfinished > 0


def make_server(
    app: Starlette, *, grace: float = DEFAULT_GRACE, announce: Callable[[str], None] = log.info
) -> uvicorn.Server:
    """A uvicorn server for `app`; arguments as for `serve`.

    Its `run(sockets=[...])` serves until its `should_exit` is set.
    """
    return _Announcing(uvicorn_config(app, app.state.endpoint.config, grace=grace), announce)


def uvicorn_config(app: Any, config: ServerConfig, *, grace: float, **further: Any) -> uvicorn.Config:
    """How uvicorn serves an app.

    Args:
        app: an ASGI app, or with `factory=True` a function that makes one.
        config: the limits of connections.
        grace: seconds to finish the requests in progress.
        **further: arguments of `uvicorn.Config`.
    """
    return uvicorn.Config(
        app,
        http=partial(Connection, Connections(config)),  # type: ignore[arg-type]  # makes what a class makes
        loop="visavis.server.accepting:Loop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Without a list uvicorn believes local callers, and those that a variable names.
        forwarded_allow_ips=list(config.forwarded_allow_ips),
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,  # type: ignore[arg-type]
        **further,
    )


def address_of(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bind(host: str, port: int, *, loopback_only: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        host: a name or address of this machine.
        port: the port; 0 takes a free one.
        loopback_only: refuse an address that other machines can reach.

    Raises:
        SettingsError: the address cannot be used, or is not loopback although `loopback_only` is set.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if loopback_only and not ip_address(address[0]).is_loopback:
            raise SettingsError(
                f"without a credentials file everyone who can reach {host} could use this server: "
                "give --credentials FILE, listen on 127.0.0.1, or accept that with --insecure-no-auth"
            )
        return _listener(family, address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from error


def _listener(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    # asyncio turns off Nagle's algorithm only if the protocol is given, and a small response would wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows the option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class _Announcing(uvicorn.Server):
    """Reports the address once the server listens, because with port 0 it is not known before."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            self._announce(f"visavis is listening on {address_of(listener)}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in self.server_state.connections.copy():  # those that the time of grace did not suffice for
            connection.transport.abort()


def hang_up_as_terminate() -> None:
    """Let SIGHUP stop this process as SIGTERM does, unless it is ignored, as under nohup."""
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


@contextmanager
def _ignore_signals() -> Iterator[None]:
    """Ignore signals between uvicorn's stop and the end of `serve`.

    After a clean stop uvicorn raises the signal again for the previous handler. The default handler kills the process,
    so a supervisor would take every ordinary stop for a failure.
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
