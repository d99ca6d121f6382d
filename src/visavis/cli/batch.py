"""`visavis batch MANIFEST -o OUT`."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis import __version__
from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, settings_options
from visavis.cli.objects import objects_options
from visavis.cli.options import argument, choice, flag, option, quality_option
from visavis.cli.process import DONE, complain, say
from visavis.errors import InvalidRequest

if TYPE_CHECKING:
    from visavis.api.response import FieldSet
    from visavis.api.stores import StoreOptions
    from visavis.batch.drawings import Drawings, DrawOnly
    from visavis.batch.locations import Locations
    from visavis.batch.manifest import Manifest
    from visavis.batch.output import Output
    from visavis.batch.rows import Row, RowResult
    from visavis.compare_options import CompareOptions
    from visavis.face import QualityFilter
    from visavis.settings import Settings

__all__ = ["batch"]

PAIRS, COLUMNS, DRAWINGS, CLUSTER = "Pairs", "Columns of OUT", "Drawings", "Cluster"


def _draw_only() -> tuple[DrawOnly, ...]:
    from visavis.batch.drawings import DrawOnly

    return tuple(DrawOnly)


@click.command("batch", cls=Command)
@argument("manifest", parse=values.existing_file, metavar="[MANIFEST]", required=False)
@option(
    "-o",
    "--out",
    parse=values.output_file,
    metavar="OUT",
    required=True,
    help="The file to write: .jsonl, or .parquet (which needs pyarrow).",
)
@option(
    "--sources",
    parse=values.nonempty,
    metavar="IMAGES",
    section=PAIRS,
    help="Instead of a manifest: compare each of these images with each of --targets. A folder, a pattern such as "
    "'photos/*.jpg' in quotes, or s3://bucket/prefix.",
)
@option("--targets", parse=values.nonempty, metavar="IMAGES", section=PAIRS, help="As --sources.")
@option(
    "--threshold",
    parse=values.percent,
    metavar="0..100",
    help="Similarity from which a face is a match, in rows without their own.",
    default="80",
)
@quality_option
@option(
    "--review", parse=values.percent, nargs=2, metavar="LOW HIGH", help="Mark similarities from LOW to HIGH for review."
)
@flag("--full", section=COLUMNS, help="Add response, Rekognition's whole response to CompareFaces.")
@option(
    "--attributes",
    parse=choice(values.attribute_sets),
    default="ALL",
    section=COLUMNS,
    help="With --full: every documented field, or only those in recorded responses of Amazon's service.",
)
@flag("--embeddings", section=COLUMNS, help="Add the embeddings of both faces. They are personal data.")
@option(
    "--draw",
    parse=values.folder_to_make,
    metavar="DIR",
    section=DRAWINGS,
    help="Write a JPEG of each row that is compared, with both photos and their faces, to this folder.",
)
@option(
    "--draw-only",
    parse=choice(_draw_only),
    section=DRAWINGS,
    help="With --draw: only rows that failed or contradict the manifest's column same, that are for review, or that "
    "match.",
)
@flag("--summary", help="Print how many rows matched or failed, and a histogram of the similarities.")
@flag("--ray", section=CLUSTER, help="Analyse the photos on a Ray cluster, by default one on this machine.")
@option(
    "--ray-address",
    parse=values.nonempty,
    metavar="ADDRESS",
    section=CLUSTER,
    help="Of a running cluster: auto, HOST:PORT or ray://HOST:PORT. Implies --ray.",
)
@objects_options
@settings_options(ENGINE)
def batch(
    *,
    settings: Settings,
    stores: StoreOptions,
    manifest: Path | None,
    out: Path,
    sources: str | None,
    targets: str | None,
    threshold: float,
    quality: QualityFilter,
    review: tuple[float, float] | None,
    full: bool,
    attributes: FieldSet,
    embeddings: bool,
    draw: Path | None,
    draw_only: DrawOnly | None,
    summary: bool,
    ray: bool,
    ray_address: str | None,
) -> int:
    """Compare many pairs of photos, and write a row for each.

    MANIFEST is CSV, JSON Lines or Parquet with the columns source and target, and optionally id and threshold. A photo
    is a path or s3://bucket/key. Each photo is read and analysed once. A row that cannot be compared has an error in
    OUT. A run that was stopped goes on where it was when the same command is run again.
    """
    from visavis.api.response import DETAIL
    from visavis.batch.locations import Locations
    from visavis.batch.output import Columns, Output
    from visavis.compare_options import CompareOptions
    from visavis.face import Detail

    detail = DETAIL[attributes] if full else Detail.MINIMAL
    options = CompareOptions(threshold, quality, review, detail)
    locations = Locations(stores.open())
    rows = _rows(manifest, sources, targets, locations)
    columns = Columns(attributes if full else None, embeddings)
    drawings = _drawings(draw, draw_only, review, locations, rows)
    output = Output(out, _fingerprint(rows, options, columns, settings), columns)
    began = time.monotonic()
    with output.opened(), _said_how_to_go_on(rows, output):
        if output.done:
            say(f"going on after {output.done:,} of {rows.count:,} rows")
        before = output.done
        if output.done < rows.count:
            on_ray = ray or ray_address is not None
            with _results(options, stores, locations, settings, on_ray=on_ray, address=ray_address) as compare:
                _write(rows, output, compare, drawings)
        done, took = output.done - before, time.monotonic() - began
        counts = output.finish()
    say(f"{done:,} rows in {took:.0f} s; {out} has {counts.rows:,} rows, {counts.errors.total():,} with an error")
    if drawings is not None:
        _say_drawn(drawings, before)
    if summary:
        print(counts)
    return DONE


def _drawings(
    folder: Path | None,
    only: DrawOnly | None,
    review: tuple[float, float] | None,
    locations: Locations,
    rows: Manifest,
) -> Drawings | None:
    if folder is None:
        if only is not None:
            raise InvalidRequest("--draw-only needs --draw, the folder for the drawings")
        return None
    from visavis.batch.drawings import Drawings, DrawOnly

    if only is DrawOnly.REVIEW and review is None:
        raise InvalidRequest("--draw-only review needs --review LOW HIGH, the similarities that are for review")
    folder.mkdir(parents=True, exist_ok=True)
    return Drawings(folder, only, locations.read, rows.count)


def _say_drawn(drawings: Drawings, before: int) -> None:
    text = f"{drawings.drawn:,} drawing{'' if drawings.drawn == 1 else 's'}"
    if before:
        text += f", of the rows after the first {before:,}, which an earlier run did"
    if drawings.failed:
        text += f"; {drawings.failed:,} could not be made; {drawings.why}"
    say(text)


def _rows(manifest: Path | None, sources: str | None, targets: str | None, locations: Locations) -> Manifest:
    from visavis.batch.manifest import every_pair, read_manifest

    if manifest is not None and sources is None and targets is None:
        return read_manifest(manifest)
    if manifest is None and sources is not None and targets is not None:
        return every_pair(_images(locations, "--sources", sources), _images(locations, "--targets", targets))
    raise InvalidRequest("give either a MANIFEST, or both --sources and --targets")


def _images(locations: Locations, name: str, text: str) -> list[str]:
    try:
        return locations.images(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error


def _fingerprint(rows: Manifest, options: CompareOptions, columns: object, settings: Settings) -> str:
    chosen = (settings.accuracy, settings.embedder, settings.device, settings.precision)
    parts = [__version__, rows.fingerprint, rows.count, asdict(options), repr(columns), *chosen]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextmanager
def _results(
    options: CompareOptions,
    stores: StoreOptions,
    locations: Locations,
    settings: Settings,
    *,
    on_ray: bool,
    address: str | None,
) -> Iterator[Callable[[Iterator[Row]], Iterator[RowResult]]]:
    """A function that compares rows, with an engine in this process or those of a cluster."""
    from visavis.batch.comparing import compare_analyzed_rows, compare_rows
    from visavis.runtime import open_calibration, open_engine

    if on_ray:
        from visavis.batch.locations import open_read
        from visavis.scale.ray_batch import WINDOW, analyzing_on_ray

        # Each actor opens a store of its own.
        reading = partial(open_read, stores)
        similarity = open_calibration(settings).similarity
        with analyzing_on_ray(settings, reading, options.detail, address=address) as analyze:
            yield lambda rows: compare_analyzed_rows(rows, analyze, options, similarity, window=WINDOW)
        return
    with open_engine(settings) as engine:
        yield lambda rows: compare_rows(rows, engine, options, read=locations.read)


def _write(
    rows: Manifest,
    output: Output,
    compare: Callable[[Iterator[Row]], Iterator[RowResult]],
    drawings: Drawings | None,
) -> None:
    results = compare(rows.rows_from(output.done))
    if drawings is not None:
        results = drawings.following(results, output.done)
    with _progress(rows.count, output.done) as after_row:
        output.write(results, after_row)


@contextmanager
def _said_how_to_go_on(rows: Manifest, output: Output) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, OSError):
        complain(f"{output.done:,} of {rows.count:,} rows are done; the same command goes on with the others")
        raise


@contextmanager
def _progress(count: int, done: int) -> Iterator[Callable[[], None]]:
    """A bar with rate and time left, on a terminal."""
    if not sys.stderr or not sys.stderr.isatty():
        yield lambda: None
        return
    began, seen = time.monotonic(), 0

    def rate(_: object) -> str:
        return f"{seen / max(time.monotonic() - began, 1e-3):,.1f} rows a second"

    with click.progressbar(
        length=count, file=sys.stderr, show_pos=True, item_show_func=rate, update_min_steps=max(1, count // 2000)
    ) as bar:
        bar.update(done)

        def after_row() -> None:
            nonlocal seen
            seen += 1
            bar.update(1, ())

        yield after_row
