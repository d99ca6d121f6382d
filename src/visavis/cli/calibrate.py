"""`visavis calibrate FOLDER`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, settings_options
from visavis.cli.files import refuse_overwriting, write_file
from visavis.cli.labelled import errata_option, resume_option
from visavis.cli.options import argument, flag, option
from visavis.cli.process import DIFFERENT, DONE

if TYPE_CHECKING:
    from visavis.calibration import Calibration
    from visavis.models.model_file import ModelFile
    from visavis.settings import Settings

__all__ = ["calibrate", "calibrate_own"]


@click.command("calibrate", cls=Command)
@argument("folder", parse=values.existing_folder, metavar="FOLDER")
@option(
    "--group",
    parse=values.nonempty,
    metavar="COLUMN",
    help="Column of images.csv; impostors have the same value in it.",
    show_default="sex, where images.csv has it",
)
@option(
    "--name",
    parse=values.nonempty,
    metavar="NAME",
    help="Name of the data set in the scale.",
    show_default="the folder's name",
)
@errata_option
@resume_option()
@option(
    "--out",
    parse=values.output_file,
    metavar="FILE",
    help="Where the scale is written.",
    show_default="calibration.json, or with an embedder of your own, its calibration",
)
@flag(
    "--check-folds",
    help="Write nothing; fit on all folds but one, count on that fold, in turn, and print if the promise is kept.",
)
@option(
    "--folds",
    parse=partial(values.whole_number, least=2, most=1000),
    default=5,
    metavar="N",
    help="With --check-folds: the number of folds.",
)
@option(
    "--folds-from",
    parse=values.existing_file,
    metavar="FILE",
    help="With --check-folds: a CSV file of pairs with folds.",
    show_default="made from the people's names",
)
@settings_options(ENGINE)
def calibrate(
    *,
    settings: Settings,
    folder: Path,
    group: str | None,
    name: str | None,
    errata: Path | None,
    resume: Path | None,
    out: Path | None,
    check_folds: bool,
    folds: int,
    folds_from: Path | None,
) -> int:
    """Fit the similarity scale to a labelled set of photos, or check that it holds.

    FOLDER has images.csv with image and identity, or one folder for each person.
    """
    from visavis.evaluate import cross_validate_folder, cross_validation_as_text, fit_as_text, fit_folder
    from visavis.runtime import chosen_embedder

    refuse_overwriting(out, [errata, resume, folds_from, folder / "images.csv"])
    embedder = chosen_embedder(settings)
    if check_folds:
        check = cross_validate_folder(
            folder, folds=folds, folds_from=folds_from, group=group, errata=errata, settings=settings, resume=resume
        )
        print(cross_validation_as_text(check))
        return DONE if check.kept else DIFFERENT
    fitted = fit_folder(folder, group=group, name=name, errata=errata, settings=settings, resume=resume)
    print(fit_as_text(fitted.fit))
    if embedder.user_provided and out is None:
        _keep_as_own(embedder, fitted.calibration)
        return DONE
    out = out or Path("calibration.json")
    write_file(out, fitted.calibration.to_json().encode())
    print(f"wrote {out}")
    return DONE


def calibrate_own(folder: Path, settings: Settings, *, group: str | None, resume: Path | None) -> None:
    """Fit a scale to `folder` and store it as the calibration of the user's embedder that `settings` choose."""
    from visavis.evaluate import fit_as_text, fit_folder
    from visavis.runtime import chosen_embedder

    fitted = fit_folder(folder, group=group, settings=settings, resume=resume)
    print(fit_as_text(fitted.fit))
    _keep_as_own(chosen_embedder(settings), fitted.calibration)


def _keep_as_own(embedder: ModelFile, calibration: Calibration) -> None:
    """Store a fitted calibration in the folder of the user's embedder."""
    from visavis.models.user_provided import calibration_file

    file = calibration_file(embedder)
    calibration.write(file)
    print(f"{embedder.name} is calibrated: {file}")
