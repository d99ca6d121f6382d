"""`visavis evaluate DATA`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from visavis import __version__
from visavis.calibration import Calibration
from visavis.cli import values
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.errors import CalibrationMismatch, InvalidRequest
from visavis.evaluate.acquire import Acquired, acquire
from visavis.evaluate.errata import NO_ERRATA, Errata, read_errata
from visavis.evaluate.evaluation import evaluate
from visavis.evaluate.pairs import read_pairs
from visavis.evaluate.plots import draw
from visavis.evaluate.protocol import Protocol, read_folder
from visavis.evaluate.report import as_json, as_markdown
from visavis.evaluate.work import WorkFile
from visavis.models.manifest import load_manifest
from visavis.models.user_provided import input_of
from visavis.runtime import chosen_embedder, open_calibration, open_uncalibrated
from visavis.settings import SHIPPED_EMBEDDER, Settings

__all__ = ["acquired", "add_arguments", "add_common_arguments", "errata", "run", "writing"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=values.file_or_folder, metavar="DATA",
        help="a labelled folder (images.csv with image and identity, or one folder a person), of which every pair is "
        "compared; or a CSV file of pairs (source, target, same, and fold if there are folds)",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=values.existing_folder, metavar="FOLDER",
        help="where the images of a CSV file of pairs lie (default: beside it)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs",
        type=values.existing_file,
        metavar="FILE",
        help="with a folder: pairs with folds among its images, for k-fold accuracy",
    )
    parser.add_argument(
        "--group", type=values.nonempty, action="append", default=[], metavar="COLUMN",
        help="tell figures apart by this column of images.csv",
    )  # fmt: skip
    add_common_arguments(parser)
    parser.add_argument(
        "--out", type=values.folder_to_make, default=Path("visavis-report"), metavar="FOLDER",
        help="where report.json, report.md and the plots go (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", type=values.existing_file, metavar="FILE",
        help="a scale of `visavis calibrate` (default: the embedder's)",
    )  # fmt: skip
    parser.add_argument(
        "--replicates", type=partial(values.whole_number, most=1_000_000), default=1000, metavar="N",
        help="how often people are drawn anew for the intervals; 0: never (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--no-plots", action="store_true", help="write no plots")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What `evaluate` and `calibrate` share."""
    add_engine_arguments(parser)
    parser.add_argument(
        "--errata", type=values.existing_file, metavar="FILE", help="a CSV file of what is wrong with the set"
    )
    parser.add_argument(
        "--work", type=partial(values.output_file, in_place=True), metavar="FILE",
        help="write embeddings here as they come, and go on from it after an interruption; it holds personal data",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    protocol = read_protocol(args)
    folds = read_pairs(args.pairs, images=protocol.folder, errata=errata(args)) if args.pairs else None
    settings = engine_settings(args)
    calibration = calibration_of(args.calibration, settings)
    with writing(args.out):
        args.out.mkdir(parents=True, exist_ok=True)
    quiet = not sys.stderr.isatty()
    found = acquired(protocol, args.work, settings)
    evaluation = evaluate(protocol, found, calibration, folds=folds, replicates=args.replicates, quiet=quiet)
    provenance: dict[str, object] = {
        "visavis": __version__,
        "embedder": calibration.model_sha256,
        "scale": f"{args.calibration or _whose(settings)}, fitted on {calibration.provenance.get('data_set', '?')}",
    }
    # matplotlib keeps a list of the fonts that it finds, and reads this when it is first imported.
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))
    with writing(args.out):
        plots: list[str] = []
        if not args.no_plots:
            try:
                plots = draw(evaluation, args.out)
            except InvalidRequest as error:
                print(f"visavis: {error}; the report has none", file=sys.stderr)
        text = as_markdown(evaluation, provenance, plots)
        (args.out / "report.md").write_text(text, "utf-8")
        stored = json.dumps(as_json(evaluation, provenance), indent=1, allow_nan=False)
        (args.out / "report.json").write_text(stored + "\n", "utf-8")
    for point in evaluation.points:
        fmr, fnmr = point.fmr.rate, point.fnmr.rate
        print(
            f"similarity {point.similarity}: FMR {fmr.value:.2e} ({fmr.errors:,} of {fmr.of:,}), "
            f"FNMR {100 * fnmr.value:.2f} % ({fnmr.errors:,} of {fnmr.of:,})"
        )
    print(f"wrote {args.out / 'report.md'}, report.json and {len(plots)} plots")
    return 0


def read_protocol(args: argparse.Namespace) -> Protocol:
    data: Path = args.data
    if data.is_dir():
        if args.images:
            raise InvalidRequest("--images goes with a CSV file of pairs; a labelled folder holds its own images")
        return read_folder(data, groups=args.group, errata=errata(args))
    if args.pairs:
        raise InvalidRequest("--pairs goes with a labelled folder; these data are a list of pairs already")
    return read_pairs(data, images=args.images, groups=args.group, errata=errata(args))


def errata(args: argparse.Namespace) -> Errata:
    return read_errata(args.errata) if args.errata else NO_ERRATA


def calibration_of(file: Path | None, settings: Settings) -> Calibration:
    """The scale to hold the set against; refused where it belongs to other embeddings."""
    if file is None:
        return open_calibration(settings)
    try:
        calibration = Calibration.read(file)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from error
    except CalibrationMismatch as error:
        raise InvalidRequest(str(error)) from error
    calibration.check(chosen_embedder(settings).sha256, settings.accuracy)
    return calibration


def acquired(protocol: Protocol, work: Path | None, settings: Settings) -> Acquired:
    """The embeddings of a set's images, on the device of `settings`; the embedder needs no calibration."""
    networks = {name: model.sha256 for name, model in load_manifest().models.items()}
    embedder = chosen_embedder(settings)
    if embedder.user_provided:
        # The same bytes, fed otherwise, are another embedder.
        networks |= {SHIPPED_EMBEDDER: embedder.sha256, "input": input_of(embedder.build)}
    made_by = {"visavis": __version__, "accuracy": settings.accuracy, "device": settings.device, **networks}
    opened = WorkFile(work, made_by) if work else None
    try:
        with open_uncalibrated(settings) as engine:
            # One more than the engine's own threads, so that reading a file does not keep a core waiting.
            return acquire(engine, protocol.paths(), threads=settings.threads + 1, work=opened)
    finally:
        if opened:
            opened.close()


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """A folder or file that cannot be written is a problem to name, not a fault of ours."""
    try:
        yield
    except OSError as error:
        raise InvalidRequest(f"{place} cannot be written: {error.strerror}") from error


def _whose(settings: Settings) -> str:
    return "shipped" if settings.embedder == SHIPPED_EMBEDDER else f"of {settings.embedder}"
