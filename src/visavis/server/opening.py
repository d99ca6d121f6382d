"""Opens the app of a server from values that can be sent to another process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette

from visavis.api.dispatcher import Dispatcher
from visavis.api.response import FieldSet
from visavis.api.stores import StoreOptions
from visavis.aws.service import DEFAULT_REGION
from visavis.gateway import Gateway, RateLimit
from visavis.runtime import open_engine
from visavis.server.app import build_app
from visavis.server.config import ServerConfig
from visavis.server.credentials import CredentialsFile
from visavis.server.logs import log_to
from visavis.server.token_buckets import TokenBuckets
from visavis.settings import Settings

__all__ = ["ServiceOptions", "open_app", "open_app_for_process", "open_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What a server is opened with.

    Attributes:
        settings: of the engine.
        config: limits, and the requests that are accepted.
        credentials: the TOML file of access keys; None: no signature is verified.
        allow_readable_credentials: accept a file that other users can read.
        region: the region that signatures must name; None accepts every region.
        stores: what objects are read from.
        tps: requests a second for each access key; None for no limit.
        attributes: how much CompareFaces returns about a face.
        log_level: one of `logs.LEVELS`, for a process that does nothing else.
    """

    settings: Settings
    config: ServerConfig = field(default_factory=ServerConfig)
    credentials: Path | None = None
    allow_readable_credentials: bool = False
    region: str | None = DEFAULT_REGION
    stores: StoreOptions = field(default_factory=StoreOptions)
    tps: float | None = None
    attributes: FieldSet = FieldSet.ALL
    log_level: str = "info"


def open_keys(options: ServiceOptions) -> CredentialsFile | None:
    """The access keys of a server; None if it verifies no signatures.

    Args:
        options: what the server is opened with.

    Raises:
        SettingsError: the credentials file is missing or malformed, or other users can access it.
    """
    if options.credentials is None:
        return None
    return CredentialsFile(options.credentials, allow_readable=options.allow_readable_credentials)


@contextmanager
def open_app(
    options: ServiceOptions, *, rate: RateLimit | None = None, keys: CredentialsFile | None = None
) -> Iterator[Starlette]:
    """The app of a server, with an engine that is closed at the end of the block.

    Args:
        options: what the server is opened with.
        rate: the limit on requests per key; None for one of this app alone, by `options.tps`.
        keys: the result of `open_keys`; None to call it here.

    Raises:
        SettingsError: an option has a value that is not allowed.
        ModelError: models are missing and cannot be fetched.
    """
    options.config.check_origins(verifies=options.credentials is not None)
    keys = open_keys(options) if keys is None else keys
    # One worker is left for other requests if the store hangs.
    objects = options.stores.open(region=options.region, most_reads=max(1, options.config.workers - 1))
    if rate is None and options.tps:
        rate = TokenBuckets(options.tps)
    with open_engine(options.settings) as engine:
        gateway = Gateway(
            Dispatcher(engine, objects, options.attributes),
            principal_for=keys.principal_for if keys else None,
            region=options.region,
            rate=rate,
        )
        yield build_app(gateway, options.config)


_opened = ExitStack()


def open_app_for_process(
    options: ServiceOptions, *, rate: RateLimit | None = None, keys: CredentialsFile | None = None
) -> Starlette:
    """The app of a process that does nothing else, which logs to standard error and ends with what it has opened.

    Arguments and errors are those of `open_app`.
    """
    _opened.enter_context(log_to(sys.stderr, options.log_level))
    return _opened.enter_context(open_app(options, rate=rate, keys=keys))
