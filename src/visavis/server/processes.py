"""Serves with several processes that share one socket. uvicorn's supervisor replaces those that die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from visavis.errors import SettingsError
from visavis.server.credentials import CredentialsFile
from visavis.server.metrics import FOLDER
from visavis.server.opening import ServiceOptions, open_app_for_process, open_keys
from visavis.server.run import address_of, bind, hang_up_as_terminate, uvicorn_config
from visavis.server.shared_buckets import SharedTokenBuckets

__all__ = ["divided", "serve_processes"]

HEALTH_SECONDS = 30
"""A process that does not answer its supervisor for so long is killed and replaced."""


def serve_processes(
    options: ServiceOptions,
    processes: int,
    *,
    host: str,
    port: int,
    insecure_no_auth: bool = False,
    grace: float,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; each process then finishes its requests in progress.

    A process that dies is replaced, and costs only its own requests. If this process dies, the others finish their
    requests in progress and end too, so that the port is free for the next server. SIGHUP replaces all processes, one
    after the other, without losing a request. `GET /metrics` answers for all of them.

    Args:
        options: of the server. Its limits of load are divided among the processes, but not `tps`, which they share.
        processes: how many, at least 1.
        host: a name or address of this machine.
        port: the port; 0 takes a free one.
        insecure_no_auth: allow a server that verifies no signatures to listen beyond loopback.
        grace: seconds to finish the requests in progress.
        announce: gets lines for the user at the terminal.

    Raises:
        SettingsError: the credentials file has a fault; the address cannot be used, or requires credentials; or the
            processes cannot start.
    """
    keys = open_keys(options)
    listener = bind(host, port, loopback_only=keys is None and not insecure_no_auth)
    if keys is None:
        announce("no credentials file: every request is answered, whoever signed it")
    with tempfile.TemporaryDirectory(prefix="visavis-metrics-") as folder:
        os.environ[FOLDER] = folder
        rate = SharedTokenBuckets(Path(folder), options.tps) if options.tps else None
        process = _Process(replace(divided(options, processes), tps=None), rate, keys)
        config = uvicorn_config(process, options.config, grace=grace, factory=True, workers=processes)
        config.timeout_worker_healthcheck = HEALTH_SECONDS
        supervisor = _Supervisor(config, listener, process)
        announce(f"visavis is listening on {address_of(listener)} with {processes} processes")
        try:
            supervisor.run()
        finally:
            listener.close()
            del os.environ[FOLDER]
    if any(process.exitcode == uvicorn.config.STARTUP_FAILURE for process in supervisor.processes):
        raise SettingsError("a process could not start; its error is in the log above")


def divided(options: ServiceOptions, processes: int) -> ServiceOptions:
    """The options of each of several processes, so that together they have the limits of one.

    Args:
        options: of the server.
        processes: how many, at least 1.

    Example:
        >>> from visavis import Settings
        >>> whole = ServiceOptions(settings=replace(Settings.from_env(), threads=8))
        >>> divided(whole, 4).settings.threads, divided(whole, 4).config.waiting
        (2, 8)
    """
    config = options.config

    def share(of: int) -> int:
        return -(-of // processes)

    return replace(
        options,
        settings=replace(options.settings, threads=max(1, options.settings.threads // processes)),
        config=replace(
            config,
            workers=share(config.workers),
            waiting=share(config.waiting),
            memory=max(config.max_body, config.memory // processes),
        ),
    )


class _Supervisor(Multiprocess):
    """Starts the processes, and replaces those that die or hang."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, process: _Process) -> None:
        super().__init__(config, [listener])
        self._process = process

    def keep_subprocess_alive(self) -> None:
        """As uvicorn's, which waits `HEALTH_SECONDS` for a process that was killed while its answer is awaited."""
        if self._process.keys is not None:
            self._process.keys.check()  # so that a new process gets those that are in force
        with suppress(OSError):
            Path(os.environ[FOLDER]).mkdir(mode=0o700)  # again, because a cleaner of temporary folders may delete it
        for process in self.processes:
            # The pipe of answers ends with the process only if no other process holds that end.
            process.child_conn.close()
        super().keep_subprocess_alive()


@dataclass(frozen=True, slots=True)
class _Process:
    """Makes the app, in a process. It is sent there with the keys that the supervisor has then."""

    options: ServiceOptions
    rate: SharedTokenBuckets | None
    keys: CredentialsFile | None

    def __call__(self) -> ASGIApp:
        # A terminal that closes sends it to each process.
        hang_up_as_terminate()
        threading.Thread(target=_end_with_supervisor, daemon=True).start()
        try:
            app = open_app_for_process(self.options, rate=self.rate, keys=self.keys)
        except OSError as error:
            # The disk is full, or descriptors are short. The supervisor tries again, and the other processes go on.
            _end("the process cannot start now, and is started again", error, status=1)
        except Exception as error:  # noqa: BLE001  # any, because otherwise the supervisor tries again for ever
            _end("the process cannot start", error, status=uvicorn.config.STARTUP_FAILURE)
        return _Ending(app)


def _end(event: str, error: Exception, *, status: int) -> NoReturn:
    logging.getLogger(__name__).error(event, exc_info=error)
    logging.shutdown()  # the log is written in a thread
    os._exit(status)


def _end_with_supervisor() -> None:
    """Wait until the process that started this one is gone, however it ended, and end as on SIGTERM."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)


class _Ending:
    """Passes everything to an app, and ends the process if requests are unfinished after the time of grace.

    Their threads still run, and the interpreter would wait for them.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.shutdown.complete" and self._app.state.endpoint.queue.running:
                logging.shutdown()
                os._exit(0)

        await self._app(scope, receive, sending if scope["type"] == "lifespan" else send)
