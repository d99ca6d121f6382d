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
    from visavis.evaluate.calibrate import Fit
    from visavis.evaluate.folds import FoldCheck
    from visavis.evaluate.metrics import Rate
    from visavis.models.manifest import ModelFile
    from visavis.settings import Settings

__all__ = ["calibrate", "calibrate_own"]


@click.command("calibrate", cls=Command)
@argument("folder", parse=values.existing_folder, metavar="FOLDER")
@option(
    "--group",
    parse=values.nonempty,
    metavar="COLUMN",
    help="Column whose values impostors must share.",
    show_default="sex, where images.csv has it",
)
@option(
    "--name",
    parse=values.nonempty,
    metavar="NAME",
    help="What the scale calls the data set.",
    show_default="the folder's name",
)
@errata_option
@resume_option()
@option(
    "--out",
    parse=values.output_file,
    metavar="FILE",
    help="The scale.",
    show_default="calibration.json; an embedder of your own keeps it as its calibration",
)
@flag(
    "--check-folds",
    help="Write nothing; fit on all folds but one, count on that one, in turn, and say whether the promise is kept.",
)
@option(
    "--folds",
    parse=partial(values.whole_number, least=2, most=1000),
    default=5,
    metavar="N",
    help="How many: one is left out, the others are fitted on.",
)
@option(
    "--folds-from",
    parse=values.existing_file,
    metavar="FILE",
    help="A CSV file of pairs whose folds to take.",
    show_default="made from names",
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

    FOLDER has images.csv with image and identity, or one folder a person.
    """
    from visavis.evaluate import cross_validate_folder, fit_folder
    from visavis.runtime import chosen_embedder

    refuse_overwriting(out, [errata, resume, folds_from, folder / "images.csv"])
    embedder = chosen_embedder(settings)
    if check_folds:
        check = cross_validate_folder(
            folder, folds=folds, folds_from=folds_from, group=group, errata=errata, settings=settings, resume=resume
        )
        print(check_as_text(check))
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
    """Fit a scale to `folder` and keep it as the calibration of the user's own embedder that `settings` choose."""
    from visavis.evaluate import fit_folder
    from visavis.runtime import chosen_embedder

    fitted = fit_folder(folder, group=group, settings=settings, resume=resume)
    print(fit_as_text(fitted.fit))
    _keep_as_own(chosen_embedder(settings), fitted.calibration)


def _keep_as_own(embedder: ModelFile, calibration: Calibration) -> None:
    """Store a fitted calibration as an embedder's own."""
    from visavis.models.user_provided import calibration_file

    file = calibration_file(embedder)
    calibration.write(file)
    print(f"{embedder.name} is calibrated: {file}")


def fit_as_text(fit: Fit) -> str:
    from visavis.evaluate.pair_scores import SCORE

    lines = ["similarity  promised FMR  score   95 %              false matches there"]
    for level in fit.levels:
        bounds = f"{level.interval.low:.3f} to {level.interval.high:.3f}"
        counted = ", ".join(f"{r.errors:,} of {r.of:,} {name}".rstrip() for name, r in level.counted.items())
        lines.append(
            f"{level.similarity:10}  {level.fmr:12.0e}  {level.score:.4f}  {bounds:16}  {counted}"
            + ("  (carried by the tail)" if level.extrapolated else "")
        )
    tails = "; ".join(f"{name} above {t.threshold:.3f}, scale {t.scale:.4f}".strip() for name, t in fit.tails.items())
    shape = next(iter(fit.tails.values())).shape
    lines.append(f"tail: shape {shape:.3f} ({fit.shape.low:.3f} to {fit.shape.high:.3f}); {tails}")
    lines.append(f"score: {SCORE}")
    return "\n".join(lines)


def check_as_text(check: FoldCheck) -> str:
    from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR
    from visavis.evaluate.folds import FACTOR
    from visavis.evaluate.metrics import RULE_OF_30
    from visavis.evaluate.pair_scores import SCORE

    lines = [
        f"fitted on {check.folds - 1} folds, counted on the other, {check.folds} times",
        "similarity  group  FMR of unseen pairs         over promised  FMR within the fold         over promised",
    ]
    for one in check.checked:
        promised = PROMISED_FMR[one.similarity]
        unseen, apart = (_counted(rate, promised) for rate in (one.unseen, one.apart))
        lines.append(f"{one.similarity:10}  {one.group or 'all':5}  {unseen}{apart}".rstrip())
    lines.append(
        f"* thin: the promise makes fewer than {RULE_OF_30} false matches expected there, so chance alone moves it"
    )
    bars = "; ".join(f"{s} at {min(c):.3f} to {max(c):.3f}" for s, c in check.scores.items())
    lines.append(f"scores over the folds ({SCORE}): {bars}")
    lines.append(
        f"FNMR at {LOWEST_PROMISED}: {100 * check.fnmr.value:.2f} % "
        f"({check.fnmr.errors:,} of {check.fnmr.of:,} genuine pairs)"
    )
    verdict = "kept: everywhere" if check.kept else "not kept: not everywhere"
    lines.append(f"for unseen pairs the promise is {verdict} within a factor of {FACTOR:g}")
    return "\n".join(lines)


def _counted(rate: Rate, promised: float) -> str:
    from visavis.evaluate.metrics import Carried, carried

    mark = " " if carried(promised, rate.of) is Carried.YES else "*"
    return f"{rate.value:.2e} ({rate.errors:,} of {rate.of:,})".ljust(34) + f"{rate.value / promised:5.2f}{mark} "
