"""A Ray Serve application that answers as `visavis serve` does: the same gateway, limits and credentials.

    serve run visavis.scale.ray:app credentials=/etc/visavis/keys.toml
    serve deploy cluster.yaml        # with import_path: visavis.scale.ray:app, and args

Each replica has an engine of one thread. Replicas that are stopped finish their requests first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from visavis.api.response import FieldSet
from visavis.api.s3 import DEFAULT_S3_SECONDS
from visavis.api.stores import StoreOptions
from visavis.aws.service import DEFAULT_REGION
from visavis.errors import SettingsError
from visavis.inputs import choice_of
from visavis.scale.ray_batch import import_ray
from visavis.server.config import DEFAULT_WAITING, DEFAULT_WAITING_SECONDS, DEFAULT_WORK_SECONDS, ServerConfig
from visavis.server.opening import ServiceOptions, open_app_for_process
from visavis.settings import Settings

__all__ = ["NAME", "app", "options_of"]

NAME = "visavis"
"""The deployment, by which a config file sets its number of replicas and the like."""

WORKERS = 2
"""Requests that a replica processes at once. While its thread analyses one, the next is read and decoded."""

GRACE = 30.0
"""Seconds in which a replica that is stopped finishes its requests."""


def app(args: Mapping[str, Any]) -> Any:
    """The application, of one deployment that is named `visavis`.

    By default it has a replica for each core, at least one, and as many as there are requests for.

    Args:
        args: options of `visavis serve` by their names with underscores: `credentials`, `allow_readable_credentials`,
            `region`, `bucket` (a mapping from names to folders), `s3`, `s3_endpoint_url`, `s3_seconds`, `prefix`,
            `queue`, `queue_seconds`, `request_seconds`, `tps` (of a replica), `attributes`, `cors_origin`, `allow_host`
            (lists); and those of the engine: `home`, `offline`, `accuracy`, `embedder`, `precision`, `face_cache`.

    Raises:
        SettingsError: an argument has another name or a value that is not allowed, or Ray is missing.
    """
    import_ray()
    from ray import serve

    options = options_of(args)

    def build() -> Any:
        """Open the app, in a replica."""
        return _WithoutDate(open_app_for_process(options))

    waiting = options.config.waiting
    deployment = serve.deployment(
        name=NAME,
        ray_actor_options={"num_cpus": 1},
        # More than a replica takes, so that the caller gets our ThrottlingException and not Ray's 503.
        max_ongoing_requests=2 * (WORKERS + waiting),
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": max(1, os.cpu_count() or 1),
            "target_ongoing_requests": WORKERS,
            "upscale_delay_s": 5,
            "downscale_delay_s": 300,
        },
        health_check_period_s=10,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=GRACE,
        graceful_shutdown_wait_loop_s=1,
    )
    return deployment(serve.ingress(build)(_Replica)).bind()


class _Replica:
    """What Ray needs beside the app. Ray calls an actor that does not answer its health checks dead."""


class _WithoutDate:
    """Passes everything to an app, and drops the header Date, because Ray's proxy adds one."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if name.lower() != b"date"]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, sending)


def options_of(args: Mapping[str, Any]) -> ServiceOptions:
    """What a replica is opened with.

    Args:
        args: as for `app`.

    Raises:
        SettingsError: an argument has another name, or a value that is not allowed.

    Example:
        >>> options_of({"attributes": "default", "bucket": {"photos": "examples/photos"}}).attributes
        <FieldSet.DEFAULT: 'DEFAULT'>
    """
    given = dict(args)
    settings = Settings.from_env()
    engine = {"home": Path, "offline": bool, "accuracy": str, "embedder": str, "precision": str, "face_cache": int}
    chosen = {name: convert(given.pop(name)) for name, convert in engine.items() if name in given}
    if "face_cache" in chosen:
        chosen["face_cache_size"] = chosen.pop("face_cache")
    credentials, region = given.pop("credentials", None), given.pop("region", DEFAULT_REGION)
    options = ServiceOptions(
        settings=replace(settings, **chosen, threads=1),
        config=ServerConfig(
            prefix=given.pop("prefix", ""),
            workers=WORKERS,
            waiting=int(given.pop("queue", DEFAULT_WAITING)),
            waiting_seconds=float(given.pop("queue_seconds", DEFAULT_WAITING_SECONDS)),
            work_seconds=float(given.pop("request_seconds", DEFAULT_WORK_SECONDS)),
            cors_origins=tuple(given.pop("cors_origin", ())),
            allowed_hosts=tuple(given.pop("allow_host", ())),
        ),
        credentials=None if credentials is None else Path(credentials),
        allow_readable_credentials=bool(given.pop("allow_readable_credentials", False)),
        region=None if region == "any" else region,
        stores=StoreOptions(
            {name: Path(folder) for name, folder in given.pop("bucket", {}).items()},
            s3=bool(given.pop("s3", False)),
            endpoint_url=given.pop("s3_endpoint_url", None),
            seconds=float(given.pop("s3_seconds", DEFAULT_S3_SECONDS)),
        ),
        tps=given.pop("tps", None),
        attributes=choice_of("attributes", given.pop("attributes", FieldSet.ALL), FieldSet),
    )
    if given:
        raise SettingsError(f"there is no argument {', '.join(given)}; the arguments are those of `visavis serve`")
    return options
