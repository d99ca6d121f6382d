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
    from visavis.evaluate.fitting.cross_validation import FoldCheck
    from visavis.evaluate.fitting.fit import Fit
    from visavis.evaluate.statistics.error_rates import Rate
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
    from visavis.evaluate import cross_validate_folder, fit_folder
    from visavis.runtime import chosen_embedder

    refuse_overwriting(args.out, [args.errata, args.work, args.folds_from, args.folder / "images.csv"])
    settings = engine_settings(args)
    embedder = chosen_embedder(settings)
    if args.check_folds:
        check = cross_validate_folder(
            args.folder, folds=args.folds, folds_from=args.folds_from, group=args.group, errata=args.errata,
            settings=settings, resume=args.work,
        )  # fmt: skip
        print(check_as_text(check))
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
    from visavis.evaluate import fit_folder
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


def fit_as_text(fit: Fit) -> str:
    from visavis.evaluate.statistics.pair_scores import SCORE

    lines = ["similarity  promised FMR  score   95 %              false matches there"]
    for level in fit.levels:
        bounds = f"{level.interval.low:.3f} to {level.interval.high:.3f}"
        counted = ", ".join(f"{r.errors:,} of {r.trials:,} {name}".rstrip() for name, r in level.counted.items())
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
    from visavis.evaluate.fitting.cross_validation import TOLERATED_FACTOR
    from visavis.evaluate.statistics.error_rates import RULE_OF_30
    from visavis.evaluate.statistics.pair_scores import SCORE

    lines = [
        f"fitted on {check.folds - 1} folds, counted on the other, {check.folds} times",
        "similarity  group  FMR of unseen pairs         over promised  FMR within the fold         over promised",
    ]
    for one in check.checked:
        promised = PROMISED_FMR[one.similarity]
        unseen, within = (_counted(rate, promised) for rate in (one.unseen, one.within_fold))
        lines.append(f"{one.similarity:10}  {one.group or 'all':5}  {unseen}{within}".rstrip())
    lines.append(
        f"* thin: the promise makes fewer than {RULE_OF_30} false matches expected there, so chance alone moves it"
    )
    bars = "; ".join(f"{s} at {min(c):.3f} to {max(c):.3f}" for s, c in check.scores.items())
    lines.append(f"scores over the folds ({SCORE}): {bars}")
    lines.append(
        f"FNMR at {LOWEST_PROMISED}: {100 * check.fnmr.value:.2f} % "
        f"({check.fnmr.errors:,} of {check.fnmr.trials:,} genuine pairs)"
    )
    verdict = "kept: everywhere" if check.kept else "not kept: not everywhere"
    lines.append(f"for unseen pairs the promise is {verdict} within a factor of {TOLERATED_FACTOR:g}")
    return "\n".join(lines)


def _counted(rate: Rate, promised: float) -> str:
    from visavis.evaluate.statistics.error_rates import Support, support_for

    mark = " " if support_for(promised, rate.trials) is Support.SUFFICIENT else "*"
    return f"{rate.value:.2e} ({rate.errors:,} of {rate.trials:,})".ljust(34) + f"{rate.value / promised:5.2f}{mark} "
