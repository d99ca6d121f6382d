"""`visavis calibrate FOLDER`."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.cli import values
from visavis.cli.engine import engine_settings
from visavis.cli.evaluate import add_common_arguments
from visavis.cli.files import refuse_overwriting, write_file
from visavis.cli.process import DIFFERENT, DONE

if TYPE_CHECKING:
    from visavis.calibration import Calibration
    from visavis.models.manifest import ModelFile
    from visavis.settings import Settings

__all__ = ["add_arguments", "calibrate_own", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=values.existing_folder, metavar="FOLDER",
        help="a labelled folder: images.csv with image and identity, or one folder a person",
    )  # fmt: skip
    parser.add_argument(
        "--group", type=values.nonempty, metavar="COLUMN",
        help="column whose values impostors must share (default: sex, where images.csv has it)",
    )  # fmt: skip
    parser.add_argument(
        "--name", type=values.nonempty, help="what the scale calls the data set (default: the folder's name)"
    )
    add_common_arguments(parser)
    parser.add_argument(
        "--out", type=values.output_file, metavar="FILE",
        help="the scale (default: calibration.json; an embedder of your own keeps it as its calibration)",
    )  # fmt: skip
    parser.add_argument(
        "--check-folds", action="store_true",
        help="write nothing; fit on all folds but one, count on that one, in turn, and say whether the promise is kept",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=partial(values.whole_number, least=2, most=1000), default=5, metavar="N",
        help="how many: one is left out, the others are fitted on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--folds-from",
        type=values.existing_file,
        metavar="FILE",
        help="a CSV file of pairs whose folds to take (default: made from names)",
    )


def run(args: argparse.Namespace) -> int:
    from visavis.evaluate import cross_validate_folder, cross_validation_as_text, fit_as_text, fit_folder
    from visavis.runtime import chosen_embedder

    refuse_overwriting(args.out, [args.errata, args.work, args.folds_from, args.folder / "images.csv"])
    settings = engine_settings(args)
    embedder = chosen_embedder(settings)
    if args.check_folds:
        check = cross_validate_folder(
            args.folder, folds=args.folds, folds_from=args.folds_from, group=args.group, errata=args.errata,
            settings=settings, resume=args.work,
        )  # fmt: skip
        print(cross_validation_as_text(check))
        return DONE if check.kept else DIFFERENT
    fitted = fit_folder(
        args.folder, group=args.group, name=args.name, errata=args.errata, settings=settings, resume=args.work
    )
    print(fit_as_text(fitted.fit))
    if embedder.own and args.out is None:
        _keep_as_own(settings, embedder, fitted.calibration)
        return DONE
    out = args.out or Path("calibration.json")
    write_file(out, fitted.calibration.to_json().encode())
    print(f"wrote {out}")
    return DONE


def calibrate_own(folder: Path, settings: Settings, *, group: str | None, resume: Path | None) -> None:
    """Fit a scale to `folder` and keep it as the calibration of the user's own embedder that `settings` choose."""
    from visavis.evaluate import fit_as_text, fit_folder
    from visavis.runtime import chosen_embedder

    fitted = fit_folder(folder, group=group, settings=settings, resume=resume)
    print(fit_as_text(fitted.fit))
    _keep_as_own(settings, chosen_embedder(settings), fitted.calibration)


def _keep_as_own(settings: Settings, embedder: ModelFile, calibration: Calibration) -> None:
    """Store a fitted calibration as an embedder's own."""
    from visavis.runtime import open_store

    file = open_store(settings).calibration(embedder)
    calibration.write(file)
    print(f"{embedder.name} is calibrated: {file}")
