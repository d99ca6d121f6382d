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
from visavis.cli.files import write_file
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
    help="With a CSV file of pairs: the folder of the images.",
    show_default="images beside it, or its folder",
)
@option(
    "--pairs",
    parse=values.existing_file,
    metavar="FILE",
    help="With a folder: a CSV file of pairs with folds, to get k-fold accuracy.",
)
@option(
    "--group",
    parse=values.nonempty,
    multiple=True,
    metavar="COLUMN",
    help="Also report error rates by this column of images.csv; may be repeated.",
)
@errata_option
@resume_option()
@option(
    "--out",
    parse=values.folder_to_make,
    default="visavis-report",
    metavar="FOLDER",
    help="Where report.html, report.md, report.json and the plots are written.",
)
@option(
    "--calibration",
    parse=values.existing_file,
    metavar="FILE",
    help="A scale of `visavis calibrate`.",
    show_default="the scale of the embedder",
)
@option(
    "--replicates",
    parse=partial(values.whole_number, most=1_000_000),
    default=1000,
    metavar="N",
    help="Bootstrap replicates behind the intervals; 0: no bootstrap intervals.",
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

    DATA is a labelled folder (images.csv with image and identity, or one folder for each person), of which every pair
    is compared; or a CSV file of pairs (source, target, same, and fold if there are folds).
    """
    from visavis.evaluate import evaluate_folder, evaluate_pairs

    if data.is_dir() and images:
        raise InvalidRequest("--images needs a CSV file of pairs; a labelled folder contains its images")
    if not data.is_dir() and pairs:
        raise InvalidRequest("--pairs needs a labelled folder, but DATA is a list of pairs already")
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
    # matplotlib reads this variable when it is imported, and writes its list of fonts into the folder.
    os.environ.setdefault("MPLCONFIGDIR", str(settings.home / "matplotlib"))
    plots = _write_report(evaluation, out, plots=not no_plots)
    for point in evaluation.points:
        fmr, fnmr = point.fmr.rate, point.fnmr.rate
        print(
            f"similarity {point.similarity}: FMR {fmr.value:.2e} ({fmr.errors:,} of {fmr.trials:,}), "
            f"FNMR {100 * fnmr.value:.2f} % ({fnmr.errors:,} of {fnmr.trials:,})"
        )
    print(f"wrote {out / 'report.html'}, report.md, report.json and {len(plots)} plots")
    return DONE


def _refuse_unwritable(folder: Path) -> None:
    """Check that a folder can be written, before the evaluation, which takes long. It is created after that."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InvalidRequest(f"{folder} cannot be written: {os.strerror(errno.EACCES)}")


def _write_report(evaluation: Evaluation, folder: Path, *, plots: bool) -> list[str]:
    """Write report.html, report.md, report.json and the plots, and return the names of the plots."""
    import json

    from visavis.evaluate import as_html, as_json, as_markdown, write_plots

    names: list[str] = []
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if plots:
            try:
                names = write_plots(evaluation, folder)
            except InvalidRequest as error:
                complain(f"{error}; the report has no plots")
        write_file(folder / "report.html", as_html(evaluation, {name: (folder / name).read_bytes() for name in names}))
        (folder / "report.md").write_text(as_markdown(evaluation, names), "utf-8")
        stored = json.dumps(as_json(evaluation), indent=1, allow_nan=False)
        (folder / "report.json").write_text(stored + "\n", "utf-8")
    return names


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Report a folder or file that cannot be written as an error of the user, with its name."""
    try:
        yield
    except OSError as error:
        raise InvalidRequest(f"{place} cannot be written: {error.strerror}") from error
