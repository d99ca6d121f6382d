"""Analyses the images of a batch on a Ray cluster: an actor a core, each with an engine of one thread."""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from visavis.analysis import AnalyzedImage
from visavis.batch.comparing import Analyze, Read
from visavis.errors import SettingsError, VisavisError
from visavis.face import Detail
from visavis.settings import Settings

__all__ = ["WINDOW", "analyzing_on_ray", "connect", "import_ray"]

IMAGES_AT_ONCE = 16
"""Images of a task. An actor that dies costs the analyses of those that it had."""

CONNECT_SECONDS = 10

WINDOW = 100_000
"""Rows whose images are analysed by one pipeline, because its actors take seconds to start."""


def import_ray() -> Any:
    """The module `ray`, which then sends no usage statistics.

    Raises:
        SettingsError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise SettingsError("--ray needs Ray: pip install 'visavis[ray]'") from error
    return ray


@contextmanager
def analyzing_on_ray(
    settings: Settings, open_read: Callable[[], Read], detail: Detail, *, address: str | None = None
) -> Iterator[Analyze]:
    """A function that analyses images on a cluster, with the answers of a local engine.

    Networks that a node lacks are fetched there once, and verified. An actor that dies is replaced, and its images are
    analysed again.

    Args:
        settings: of the engines; `threads` has no effect.
        open_read: returns a function that reads images; called in each actor.
        detail: which fields of the faces of a target are computed.
        address: of a running cluster; None starts one on this machine, which ends with the block.

    Raises:
        SettingsError: Ray is missing, or no cluster answers at the address.
    """
    ray = import_ray()
    ours = not ray.is_initialized()
    if ours:
        connect(ray, address)
    _quiet()
    arguments = {
        "settings": replace(settings, threads=1), "open_read": open_read, "detail": detail, "folder": Path.cwd(),
    }  # fmt: skip

    def analyze(locations: Iterable[str]) -> Iterator[AnalyzedImage | VisavisError]:
        items = list(locations)
        if not items:
            return
        images = ray.data.from_items(
            [{"location": location} for location in items],
            override_num_blocks=-(-len(items) // IMAGES_AT_ONCE),
        )
        actors = min(int(ray.cluster_resources().get("CPU", 1)), -(-len(items) // IMAGES_AT_ONCE))
        analysed = images.map_batches(
            _Analyzer,
            fn_constructor_kwargs=arguments,
            batch_size=IMAGES_AT_ONCE,
            compute=ray.data.ActorPoolStrategy(size=max(actors, 1)),
            num_cpus=1,
        )
        for row in analysed.iter_rows():
            yield pickle.loads(row["analysis"])  # noqa: S301 - an actor of this job wrote it

    try:
        yield analyze
    finally:
        if ours:
            ray.shutdown()


def connect(ray: Any, address: str | None) -> None:
    """Connect this process to a cluster.

    Args:
        ray: the module.
        address: of a running cluster; None starts one on this machine.

    Raises:
        SettingsError: no cluster answers.
    """
    try:
        host, separator, port = (address or "").removeprefix("ray://").rpartition(":")
        if separator:
            # Ray itself tries for ever.
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        own = {} if address else {"include_dashboard": False}
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(f"no Ray cluster answers at {address or 'this machine'}: {error}") from error


class _Analyzer:
    """An actor with an engine. Paths are relative to `folder`, where the node has it."""

    def __init__(self, settings: Settings, open_read: Callable[[], Read], detail: Detail, folder: Path) -> None:
        from visavis.runtime import open_uncalibrated

        with suppress(OSError):
            os.chdir(folder)
        self._engine = open_uncalibrated(settings)
        self._read = open_read()
        self._detail = detail

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, Sequence[object]]:
        """Analyse the images of a task."""
        locations = [str(location) for location in batch["location"]]
        found = self._engine.analyze_for_comparisons(locations, read=self._read, detail=self._detail)
        return {"analysis": [pickle.dumps(each, pickle.HIGHEST_PROTOCOL) for each in found]}


def _quiet() -> None:
    """Keep the order of the images, and the terminal free of what Ray Data prints."""
    from ray.data import DataContext

    context = DataContext.get_current()
    # Rows are compared in their order, so their images must arrive in that order.
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
