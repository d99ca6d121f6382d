"""`visavis evaluate DATA`."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, settings_options
from visavis.cli.labelled import errata_option, resume_option
from visavis.cli.options import argument, flag, option
from visavis.cli.process import DONE, complain
from visavis.errors import InvalidRequest

if TYPE_CHECKING:
    from visavis.evaluate import Evaluation
    from visavis.settings import Settings

__all__ = ["evaluate"]


@click.command("evaluate", cls=Command)
@argument("data", parse=values.file_or_folder, metavar="DATA")
@option(
    "--images",
    parse=values.existing_folder,
    metavar="FOLDER",
    help="Where the images of a CSV file of pairs lie.",
    show_default="beside it",
)
@option(
    "--pairs",
    parse=values.existing_file,
    metavar="FILE",
    help="With a folder: pairs with folds among its images, for k-fold accuracy.",
)
@option(
    "--group",
    parse=values.nonempty,
    multiple=True,
    metavar="COLUMN",
    help="Tell figures apart by this column of images.csv; may be repeated.",
)
@errata_option
@resume_option()
@option(
    "--out",
    parse=values.folder_to_make,
    default="visavis-report",
    metavar="FOLDER",
    help="Where report.json, report.md and the plots go.",
)
@option(
    "--calibration",
    parse=values.existing_file,
    metavar="FILE",
    help="A scale of `visavis calibrate`.",
    show_default="the embedder's",
)
@option(
    "--replicates",
    parse=partial(values.whole_number, most=1_000_000),
    default=1000,
    metavar="N",
    help="How often people are drawn anew for the intervals; 0 for never.",
)
@flag("--no-plots", help="Write no plots.")
@settings_options(ENGINE)
def evaluate(
    *,
    settings: Settings,
    data: Path,
    images: Path | None,
    pairs: Path | None,
    group: tuple[str, ...],
    errata: Path | None,
    resume: Path | None,
    out: Path,
    calibration: Path | None,
    replicates: int,
    no_plots: bool,
) -> int:
    """Measure error rates on labelled photos and write a report.

    DATA is a labelled folder (images.csv with image and identity, or one folder a person), of which every pair is
    compared; or a CSV file of pairs (source, target, same, and fold if there are folds).
    """
    from visavis.evaluate import evaluate_folder, evaluate_pairs

    if data.is_dir() and images:
        raise InvalidRequest("--images goes with a CSV file of pairs; a labelled folder holds its own images")
    if not data.is_dir() and pairs:
        raise InvalidRequest("--pairs goes with a labelled folder; these data are a list of pairs already")
    _refuse_unwritable(out)
    call = partial(evaluate_folder, folds_from=pairs) if data.is_dir() else partial(evaluate_pairs, images=images)
    evaluation = call(
        data,
        groups=group,
        errata=errata,
        calibration=calibration,
        settings=settings,
        replicates=replicates,
        resume=resume,
    )
    # matplotlib keeps a list of the fonts that it finds, and reads this when it is first imported.
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))
    plots = _write_report(evaluation, out, plots=not no_plots)
    for point in evaluation.points:
        fmr, fnmr = point.fmr.rate, point.fnmr.rate
        print(
            f"similarity {point.similarity}: FMR {fmr.value:.2e} ({fmr.errors:,} of {fmr.trials:,}), "
            f"FNMR {100 * fnmr.value:.2f} % ({fnmr.errors:,} of {fnmr.trials:,})"
        )
    print(f"wrote {out / 'report.md'}, report.json and {len(plots)} plots")
    return DONE


def _refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that cannot be written before the long part; it is made when there is something to write."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InvalidRequest(f"{folder} cannot be written: {os.strerror(errno.EACCES)}")


def _write_report(evaluation: Evaluation, folder: Path, *, plots: bool) -> list[str]:
    """Write report.md, report.json and the plots; returns the names of the plots."""
    import json

    from visavis.evaluate import as_json, as_markdown, write_plots

    names: list[str] = []
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if plots:
            try:
                names = write_plots(evaluation, folder)
            except InvalidRequest as error:
                complain(f"{error}; the report has none")
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
