"""`visavis serve`."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.aws.service import DEFAULT_REGION
from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import SERVER, settings_options
from visavis.cli.objects import objects_options
from visavis.cli.options import choice, flag, option
from visavis.cli.process import DONE, OutputError
from visavis.errors import SettingsError
from visavis.server.config import (
    DEFAULT_GRACE,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DEFAULT_WAITING,
    DEFAULT_WAITING_SECONDS,
    DEFAULT_WORK_SECONDS,
    ServerConfig,
)

if TYPE_CHECKING:
    from visavis.api.response import FieldSet
    from visavis.api.stores import StoreOptions
    from visavis.server.opening import ServiceOptions
    from visavis.settings import Settings

__all__ = ["serve"]

MOST_WORKERS = 1000  # each is a thread
MOST_PROCESSES = 256
DAY = 86_400  # seconds
VARIABLES = "VISAVIS_SERVE"
"""The prefix of the environment variables of these options.

It is not VISAVIS alone, because Kubernetes and Docker's links set VISAVIS_PORT in containers beside a service named
visavis.
"""
LISTEN, CALLERS, LOAD = "Where it listens", "Who may call", "Load"


@click.command("serve", cls=Command, context_settings={"auto_envvar_prefix": VARIABLES})
@option(
    "--host", parse=values.host, metavar="HOST", default=DEFAULT_HOST, section=LISTEN, help="Name or address to bind."
)
@option(
    "--port",
    parse=values.port,
    metavar="PORT",
    default=DEFAULT_PORT,
    section=LISTEN,
    help="The port to bind; 0 takes any free port.",
)
@option(
    "--prefix",
    parse=values.path_prefix,
    metavar="/PATH",
    default="",
    section=LISTEN,
    help="Path of the operations.",
    show_default="the root",
)
@flag("--no-page", section=LISTEN, help="Serve no web page at the path of the operations.")
@option(
    "--credentials",
    parse=values.existing_file,
    metavar="FILE",
    section=CALLERS,
    help="TOML file of access keys, with which signatures are verified.",
)
@flag("--allow-readable-credentials", section=CALLERS, help="Accept a credentials file that other users can read.")
@option(
    "--region",
    parse=values.region,
    metavar="REGION",
    default=DEFAULT_REGION,
    section=CALLERS,
    help="The region that signatures must name, or any.",
)
@flag("--insecure-no-auth", section=CALLERS, help="Listen beyond this machine although there are no credentials.")
@option(
    "--cors-origin",
    parse=values.origin,
    multiple=True,
    metavar="ORIGIN",
    section=CALLERS,
    help="Allow calls from web pages of this origin, such as https://app.example.com; may be repeated.",
)
@option(
    "--allow-host",
    parse=values.host_name,
    multiple=True,
    metavar="NAME",
    section=CALLERS,
    help="Without credentials, also answer requests to this host name; may be repeated.",
)
@option(
    "--forwarded-allow-ips",
    parse=values.proxy,
    multiple=True,
    metavar="ADDRESS",
    section=CALLERS,
    help="Address or network of a proxy whose X-Forwarded-For is believed, or *; may be repeated.",
)
@objects_options
@option(
    "--tps",
    parse=partial(values.number, above=0),
    metavar="N",
    section=LOAD,
    help="Requests a second for each access key.",
    show_default="no limit",
)
@option(
    "--processes",
    parse=partial(values.whole_number, least=1, most=MOST_PROCESSES),
    metavar="N",
    default=1,
    section=LOAD,
    help="Processes that share the port; the other limits of load are divided among them.",
)
@option(
    "--workers",
    parse=partial(values.whole_number, least=1, most=MOST_WORKERS),
    metavar="N",
    section=LOAD,
    help="Requests that are processed at the same time.",
    show_default="twice the threads",
)
@option(
    "--queue",
    parse=values.whole_number,
    metavar="N",
    default=DEFAULT_WAITING,
    section=LOAD,
    help="The most requests that wait.",
)
@option(
    "--queue-seconds",
    parse=partial(values.number, above=0, most=DAY),
    metavar="S",
    default=f"{DEFAULT_WAITING_SECONDS:g}",
    section=LOAD,
    help="Longest wait of a request, in seconds.",
)
@option(
    "--request-seconds",
    parse=partial(values.number, above=0, most=DAY),
    metavar="S",
    default=f"{DEFAULT_WORK_SECONDS:g}",
    section=LOAD,
    help="Longest work on a request, in seconds.",
)
@option(
    "--grace",
    parse=partial(values.number, least=0, most=DAY),
    metavar="S",
    default=f"{DEFAULT_GRACE:g}",
    section=LOAD,
    help="Seconds to finish requests after SIGTERM.",
)
@option(
    "--attributes",
    parse=choice(values.attribute_sets),
    default="ALL",
    help="In CompareFaces: ALL documented fields, or DEFAULT, those in recorded responses of Amazon's service.",
)
@option(
    "--log-level",
    parse=choice(values.log_levels),
    default="info",
    help="The least important lines of the log: debug, info (each request), warning or error.",
)
@settings_options(SERVER)
def serve(
    *,
    settings: Settings,
    host: str,
    port: int,
    prefix: str,
    no_page: bool,
    credentials: Path | None,
    allow_readable_credentials: bool,
    region: str,
    insecure_no_auth: bool,
    cors_origin: tuple[str, ...],
    allow_host: tuple[str, ...],
    forwarded_allow_ips: tuple[str, ...],
    stores: StoreOptions,
    tps: float | None,
    processes: int,
    workers: int | None,
    queue: int,
    queue_seconds: float,
    request_seconds: float,
    grace: float,
    attributes: FieldSet,
    log_level: str,
) -> int:
    """Answer CompareFaces and DetectFaces over HTTP, as Amazon Rekognition does.

    An option that is not given is read from its environment variable. There the values of a repeatable option are
    separated by commas, and an option without a value is 1 or 0.
    """
    _require_server_extra()
    from visavis.server.logs import log_to
    from visavis.server.opening import ServiceOptions

    options = ServiceOptions(
        settings=settings,
        config=ServerConfig(
            prefix=prefix,
            workers=workers or 2 * settings.threads,  # images are read and decoded while others are analysed
            waiting=queue,
            waiting_seconds=queue_seconds,
            work_seconds=request_seconds,
            cors_origins=cors_origin,
            host=host,
            allowed_hosts=allow_host,
            page=not no_page,
            forwarded_allow_ips=forwarded_allow_ips,
        ),
        credentials=credentials,
        allow_readable_credentials=allow_readable_credentials,
        region=None if region == "any" else region,
        stores=stores,
        tps=tps,
        attributes=attributes,
        log_level=log_level,
    )
    where = {"host": host, "port": port, "insecure_no_auth": insecure_no_auth, "grace": grace, "announce": _announce}
    with log_to(sys.stderr, log_level):
        _serve(options, processes, where)
    return DONE


def _serve(options: ServiceOptions, processes: int, where: Mapping[str, Any]) -> None:
    if processes > 1:
        _serve_processes(options, processes, where)
    else:
        _serve_alone(options, where)


def _serve_alone(options: ServiceOptions, where: Mapping[str, Any]) -> None:
    from visavis.server.opening import open_app
    from visavis.server.run import serve

    with open_app(options) as app:
        if serve(app, **where):
            # Closing the engine and the interpreter's exit would wait for the threads of these requests.
            logging.shutdown()
            os._exit(DONE)


def _serve_processes(options: ServiceOptions, processes: int, where: Mapping[str, Any]) -> None:
    from visavis.runtime import open_analyzer
    from visavis.server.processes import serve_processes

    options.config.check_origins(verifies=options.credentials is not None)
    # Networks are fetched and compiled before several processes need them at once.
    open_analyzer(options.settings, once=True)[1].close()
    serve_processes(options, processes, **where)


def _require_server_extra() -> None:
    try:
        import visavis.server.app
        import visavis.server.run  # noqa: F401
    except ModuleNotFoundError as error:
        raise SettingsError(f"the server needs {error.name}: pip install 'visavis[server]'") from error


def _announce(line: str) -> None:
    # The server must run even if nothing reads its standard output.
    with contextlib.suppress(OutputError):
        print(line, flush=True)
