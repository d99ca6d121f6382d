"""`visavis serve`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import FolderStore, NoStore, ObjectStore, S3Store
from visavis.api.response import Attributes
from visavis.cli import values
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.cli.process import OutputError
from visavis.errors import SettingsError
from visavis.runtime import open_engine

__all__ = ["add_arguments", "run"]

MOST_WORKERS = 1000  # each is a thread
DAY = 86_400  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen = parser.add_argument_group("where it listens")
    listen.add_argument("--host", type=values.host, default="127.0.0.1", help="address to bind (default: %(default)s)")
    listen.add_argument("--port", type=values.port, default=8080, help="0 for any free one (default: %(default)s)")
    listen.add_argument(
        "--prefix",
        type=values.path_prefix,
        default="",
        metavar="/PATH",
        help="path of the operation (default: the root)",
    )
    _add_callers(parser.add_argument_group("who may call"))
    _add_objects(parser.add_argument_group("S3 objects"))
    _add_load(parser.add_argument_group("load"))
    parser.add_argument(
        "--attributes", type=partial(values.one_of, choices=tuple(Attributes)), default=Attributes.ALL,
        metavar="ALL|DEFAULT",
        help="ALL: every documented field; DEFAULT: those that Amazon's service was recorded to send",
    )  # fmt: skip
    add_engine_arguments(parser)


def _add_callers(keys: argparse._ArgumentGroup) -> None:
    keys.add_argument(
        "--credentials",
        type=values.existing_file,
        metavar="FILE",
        help="TOML file of access keys; signatures are verified",
    )
    keys.add_argument(
        "--allow-readable-credentials", action="store_true", help="take a credentials file that others may read"
    )
    keys.add_argument(
        "--region", type=values.region, default="us-east-1",
        help="the one signatures name, or 'any' (default: %(default)s)",
    )  # fmt: skip
    keys.add_argument(
        "--insecure-no-auth", action="store_true", help="without credentials, listen beyond this machine all the same"
    )
    keys.add_argument(
        "--cors-origin", type=values.origin, action="append", default=[], metavar="ORIGIN",
        help="let web pages of this origin call, as https://app.example.com; may be repeated",
    )  # fmt: skip
    keys.add_argument(
        "--allow-host", type=values.host_name, action="append", default=[], metavar="NAME",
        help="without credentials, answer requests for this host name too; may be repeated",
    )  # fmt: skip


def _add_objects(objects: argparse._ArgumentGroup) -> None:
    objects.add_argument(
        "--bucket", type=values.bucket, action="append", default=[], metavar="NAME=FOLDER",
        help="serve a folder as a bucket; may be repeated",
    )  # fmt: skip
    objects.add_argument("--s3", action="store_true", help="read other buckets from S3, with AWS's credential chain")
    objects.add_argument(
        "--s3-endpoint-url", type=values.http_url, metavar="URL", help="the same from an S3-compatible store"
    )


def _add_load(load: argparse._ArgumentGroup) -> None:
    load.add_argument(
        "--tps", type=partial(values.number, above=0), metavar="N",
        help="requests a second for each key (default: no limit)",
    )  # fmt: skip
    load.add_argument(
        "--workers", type=partial(values.whole_number, least=1, most=MOST_WORKERS), metavar="N",
        help="requests worked on at once (default: twice the cores)",
    )  # fmt: skip
    load.add_argument(
        "--queue", type=values.whole_number, default=32, metavar="N", help="requests in line (default: %(default)s)"
    )
    load.add_argument(
        "--queue-seconds", type=partial(values.number, above=0, most=DAY), default=20.0, metavar="S",
        help="longest wait in line (default: %(default)g)",
    )  # fmt: skip
    load.add_argument(
        "--grace", type=partial(values.number, least=0, most=DAY), default=30.0, metavar="S",
        help="seconds to finish after SIGTERM (default: %(default)g)",
    )  # fmt: skip
    load.add_argument(
        "--remember", type=values.whole_number, metavar="N",
        help="keep the faces of the N pictures seen last in memory, not the pictures, and spare looking at them again "
        "(default: VISAVIS_FACE_CACHE, else none)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    try:
        from visavis.gateway import Gateway
        from visavis.server.admission import TokenBuckets
        from visavis.server.app import ServerConfig, build_app
        from visavis.server.credentials import CredentialsFile
        from visavis.server.logs import log_to
        from visavis.server.run import serve
    except ModuleNotFoundError as error:
        raise SettingsError(f"the server needs {error.name}: pip install 'visavis[server]'") from error

    settings = engine_settings(args)
    if args.remember is not None:
        settings = replace(settings, face_cache_size=args.remember)
    config = ServerConfig(
        prefix=args.prefix,
        # Twice as many as are analysed at once, so that the next is read and decoded while others are analysed.
        workers=args.workers or 2 * settings.threads,
        waiting=args.queue,
        waiting_seconds=args.queue_seconds,
        cors_origins=tuple(args.cors_origin),
        host=args.host,
        allowed_hosts=tuple(args.allow_host),
    )
    config.check_origins(verifies=args.credentials is not None)
    keys = args.credentials and CredentialsFile(args.credentials, allow_readable=args.allow_readable_credentials)
    objects = _objects(args)
    log_to(sys.stderr)
    with open_engine(settings) as engine:
        gateway = Gateway(
            Dispatcher(engine, objects, args.attributes),
            principal_for=keys.principal_for if keys else None,
            region=None if args.region == "any" else args.region,
            rate=TokenBuckets(args.tps) if args.tps else None,
        )
        serve(
            build_app(gateway, config),
            host=args.host,
            port=args.port,
            insecure_no_auth=args.insecure_no_auth,
            grace=args.grace,
            announce=_announce,
        )
    return 0


def _objects(args: argparse.Namespace) -> ObjectStore:
    store: ObjectStore = NoStore()
    if args.s3 or args.s3_endpoint_url:
        store = S3Store(endpoint_url=args.s3_endpoint_url, region=None if args.region == "any" else args.region)
    if args.bucket:
        store = FolderStore(_folders(args.bucket), otherwise=store)
    return store


def _folders(buckets: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name, folder in buckets:
        if name in folders:
            raise SettingsError(f"--bucket must give each name once, not {name} twice: {folders[name]} and {folder}")
        folders[name] = folder
    return folders


def _announce(line: str) -> None:
    # The server runs even if nothing reads its standard output.
    with contextlib.suppress(OutputError):
        print(line, flush=True)
