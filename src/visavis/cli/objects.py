"""The options that say what S3 objects are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from visavis.api.s3 import DEFAULT_S3_SECONDS
from visavis.api.stores import StoreOptions
from visavis.cli import values
from visavis.cli.options import flag, name_of, option
from visavis.errors import SettingsError

__all__ = ["objects_options"]

Function = Callable[..., Any]

OBJECTS = "S3 objects"
HOUR = 3600  # seconds


def _folders(ctx: click.Context, param: click.Parameter, buckets: tuple[tuple[str, Path], ...]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name, folder in buckets:
        if name in folders:
            raise SettingsError(
                f"{name_of(param, ctx)} must give each name once, not {name} twice: {folders[name]} and {folder}"
            )
        folders[name] = folder
    return folders


_OPTIONS = (
    option(
        "--bucket",
        parse=values.bucket,
        multiple=True,
        callback=_folders,
        metavar="NAME=FOLDER",
        section=OBJECTS,
        help="Serve a folder as a bucket; may be repeated.",
    ),
    flag("--s3", section=OBJECTS, help="Read other buckets from S3, with AWS's credential chain."),
    option(
        "--s3-endpoint-url",
        parse=values.http_url,
        metavar="URL",
        section=OBJECTS,
        help="Read other buckets from this S3-compatible store.",
    ),
    option(
        "--s3-seconds",
        parse=partial(values.number, above=0, most=HOUR),
        metavar="S",
        default=f"{DEFAULT_S3_SECONDS:g}",
        section=OBJECTS,
        help="Longest time to read the objects of a request from S3, or one object of a batch.",
    ),
)


def objects_options(function: Function) -> Function:
    """Add the options to a command, whose function gets `stores`, a `StoreOptions`."""

    @wraps(function)
    def with_objects(
        *, bucket: Mapping[str, Path], s3: bool, s3_endpoint_url: str | None, s3_seconds: float, **given: Any
    ) -> Any:
        return function(stores=StoreOptions(bucket, s3, s3_endpoint_url, s3_seconds), **given)

    decorated: Function = with_objects
    for one in reversed(_OPTIONS):
        decorated = one(decorated)
    return decorated
