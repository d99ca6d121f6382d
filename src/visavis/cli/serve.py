"""`visavis serve`."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.aws.service import DEFAULT_REGION
from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import SERVER, settings_options
from visavis.cli.options import choice, flag, name_of, option
from visavis.cli.process import DONE, OutputError
from visavis.errors import SettingsError
from visavis.server.config import (
    DEFAULT_GRACE,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DEFAULT_WAITING,
    DEFAULT_WAITING_SECONDS,
)

if TYPE_CHECKING:
    from visavis.api.dispatcher import Dispatcher
    from visavis.api.objects import ObjectStore
    from visavis.api.response import FieldSet
    from visavis.gateway import Gateway
    from visavis.server.credentials import CredentialsFile
    from visavis.settings import Settings

__all__ = ["serve"]

MOST_WORKERS = 1000  # each is a thread
DAY = 86_400  # seconds
VARIABLES = "VISAVIS_SERVE"
"""The prefix of the environment variables of these options.

It is not VISAVIS alone, because Kubernetes and Docker's links set VISAVIS_PORT in containers beside a service named
visavis.
"""
LISTEN, CALLERS, OBJECTS, LOAD = "Where it listens", "Who may call", "S3 objects", "Load"


def _folders(ctx: click.Context, param: click.Parameter, buckets: tuple[tuple[str, Path], ...]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name, folder in buckets:
        if name in folders:
            raise SettingsError(
                f"{name_of(param, ctx)} must give each name once, not {name} twice: {folders[name]} and {folder}"
            )
        folders[name] = folder
    return folders


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
    "--bucket",
    parse=values.bucket,
    multiple=True,
    callback=_folders,
    metavar="NAME=FOLDER",
    section=OBJECTS,
    help="Serve a folder as a bucket; may be repeated.",
)
@flag("--s3", section=OBJECTS, help="Read other buckets from S3, with AWS's credential chain.")
@option(
    "--s3-endpoint-url",
    parse=values.http_url,
    metavar="URL",
    section=OBJECTS,
    help="Read other buckets from this S3-compatible store.",
)
@option(
    "--tps",
    parse=partial(values.number, above=0),
    metavar="N",
    section=LOAD,
    help="Requests a second for each access key.",
    show_default="no limit",
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
@settings_options(SERVER)
def serve(
    *,
    settings: Settings,
    host: str,
    port: int,
    prefix: str,
    credentials: Path | None,
    allow_readable_credentials: bool,
    region: str,
    insecure_no_auth: bool,
    cors_origin: tuple[str, ...],
    allow_host: tuple[str, ...],
    bucket: dict[str, Path],
    s3: bool,
    s3_endpoint_url: str | None,
    tps: float | None,
    workers: int | None,
    queue: int,
    queue_seconds: float,
    grace: float,
    attributes: FieldSet,
) -> int:
    """Answer CompareFaces and DetectFaces over HTTP, as Amazon Rekognition does.

    An option that is not given is read from its environment variable. There the values of a repeatable option are
    separated by commas, and an option without a value is 1 or 0.
    """
    _require_server_extra()
    from visavis.api.dispatcher import Dispatcher
    from visavis.runtime import open_engine
    from visavis.server.app import ServerConfig, build_app
    from visavis.server.logs import log_to
    from visavis.server.run import serve as run_server

    config = ServerConfig(
        prefix=prefix,
        # Twice the images that are analysed at a time, so that the next are read and decoded meanwhile.
        workers=workers or 2 * settings.threads,
        waiting=queue,
        waiting_seconds=queue_seconds,
        cors_origins=cors_origin,
        host=host,
        allowed_hosts=allow_host,
    )
    config.check_origins(verifies=credentials is not None)
    keys = _credentials(credentials, allow_readable=allow_readable_credentials)
    signed_region = None if region == "any" else region
    objects = _objects(bucket, s3, s3_endpoint_url, signed_region)
    log_to(sys.stderr)
    with open_engine(settings) as engine:
        gateway = _gateway(Dispatcher(engine, objects, attributes), keys, signed_region, tps)
        app = build_app(gateway, config)
        if run_server(app, host=host, port=port, insecure_no_auth=insecure_no_auth, grace=grace, announce=_announce):
            # Closing the engine and the interpreter's exit would wait for the threads of these requests.
            logging.shutdown()
            os._exit(DONE)
    return DONE


def _require_server_extra() -> None:
    try:
        import visavis.server.app
        import visavis.server.run  # noqa: F401
    except ModuleNotFoundError as error:
        raise SettingsError(f"the server needs {error.name}: pip install 'visavis[server]'") from error


def _credentials(file: Path | None, *, allow_readable: bool) -> CredentialsFile | None:
    from visavis.server.credentials import CredentialsFile

    return CredentialsFile(file, allow_readable=allow_readable) if file else None


def _gateway(dispatcher: Dispatcher, keys: CredentialsFile | None, region: str | None, tps: float | None) -> Gateway:
    from visavis.gateway import Gateway
    from visavis.server.admission import TokenBuckets

    return Gateway(
        dispatcher,
        principal_for=keys.principal_for if keys else None,
        region=region,
        rate=TokenBuckets(tps) if tps else None,
    )


def _objects(folders: dict[str, Path], s3: bool, endpoint_url: str | None, region: str | None) -> ObjectStore:
    from visavis.api.objects import FolderStore, NoStore, S3Store

    store: ObjectStore = S3Store(endpoint_url=endpoint_url, region=region) if s3 or endpoint_url else NoStore()
    return FolderStore(folders, otherwise=store) if folders else store


def _announce(line: str) -> None:
    # The server must run even if nothing reads its standard output.
    with contextlib.suppress(OutputError):
        print(line, flush=True)
