"""`visavis evaluate DATA`."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli import values
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.errors import InvalidRequest

if TYPE_CHECKING:
    from visavis.evaluate import Evaluation
    from visavis.settings import Settings

__all__ = ["add_arguments", "add_common_arguments", "run"]


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
    _refuse_wrong_options(args)
    settings = engine_settings(args)
    _refuse_unwritable(args.out)
    evaluation = _evaluation(args, settings)
    # matplotlib keeps a list of the fonts that it finds, and reads this when it is first imported.
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))
    plots = _write_report(evaluation, args.out, plots=not args.no_plots)
    for point in evaluation.points:
        fmr, fnmr = point.fmr.rate, point.fnmr.rate
        print(
            f"similarity {point.similarity}: FMR {fmr.value:.2e} ({fmr.errors:,} of {fmr.trials:,}), "
            f"FNMR {100 * fnmr.value:.2f} % ({fnmr.errors:,} of {fnmr.trials:,})"
        )
    print(f"wrote {args.out / 'report.md'}, report.json and {len(plots)} plots")
    return 0


def _refuse_wrong_options(args: argparse.Namespace) -> None:
    if args.data.is_dir() and args.images:
        raise InvalidRequest("--images goes with a CSV file of pairs; a labelled folder holds its own images")
    if not args.data.is_dir() and args.pairs:
        raise InvalidRequest("--pairs goes with a labelled folder; these data are a list of pairs already")


def _refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that cannot be written before the long part; it is made when there is something to write."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InvalidRequest(f"{folder} cannot be written: {os.strerror(errno.EACCES)}")


def _evaluation(args: argparse.Namespace, settings: Settings) -> Evaluation:
    from visavis.evaluate import evaluate_folder, evaluate_pairs

    if args.data.is_dir():
        return evaluate_folder(
            args.data, groups=args.group, folds_from=args.pairs, errata=args.errata, calibration=args.calibration,
            settings=settings, replicates=args.replicates, resume=args.work,
        )  # fmt: skip
    return evaluate_pairs(
        args.data, images=args.images, groups=args.group, errata=args.errata, calibration=args.calibration,
        settings=settings, replicates=args.replicates, resume=args.work,
    )  # fmt: skip


def _write_report(evaluation: Evaluation, folder: Path, *, plots: bool) -> list[str]:
    """Write report.md, report.json and the plots; returns the names of the plots."""
    from visavis.evaluate import as_json, as_markdown, write_plots

    names: list[str] = []
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if plots:
            try:
                names = write_plots(evaluation, folder)
            except InvalidRequest as error:
                print(f"visavis: {error}; the report has none", file=sys.stderr)
        (folder / "report.md").write_text(as_markdown(evaluation, names), "utf-8")
        stored = json.dumps(as_json(evaluation), indent=1, allow_nan=False)
        (folder / "report.json").write_text(stored + "\n", "utf-8")
    return names


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """A folder or file that cannot be written is an error of the user's, so its message names the place."""
    try:
        yield
    except OSError as error:
        raise InvalidRequest(f"{place} cannot be written: {error.strerror}") from error
