"""`visavis calibrate FOLDER`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, Calibration
from visavis.cli import values
from visavis.cli.engine import engine_settings
from visavis.cli.evaluate import acquired, add_common_arguments, errata
from visavis.cli.files import refuse_overwriting, write_file
from visavis.cli.process import DIFFERENT, DONE
from visavis.evaluate.acquire import Acquired
from visavis.evaluate.calibrate import Fit, Impostors, fit_scale, refuse_too_few
from visavis.evaluate.errata import NO_ERRATA, Errata
from visavis.evaluate.folds import (
    FACTOR,
    FOLD,
    FoldCheck,
    check_folds,
    folds_from_pairs,
    folds_of,
    grouped_folds,
    impostors_of,
)
from visavis.evaluate.fused import fit_fused_shift, genuine_scores
from visavis.evaluate.metrics import RULE_OF_30, Carried, Rate, carried
from visavis.evaluate.pair_scores import SCORE
from visavis.evaluate.protocol import Codes, Groups, Protocol, read_folder
from visavis.evaluate.scores import Scores, score_all
from visavis.evaluate.table import read_rows
from visavis.models.manifest import ModelFile
from visavis.models.user_provided import calibration_file, input_of
from visavis.runtime import chosen_embedder
from visavis.settings import Settings

__all__ = ["Labelled", "add_arguments", "calibrate_own", "labelled", "run"]

_SEX = "sex"


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


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A labelled folder that is large enough to carry a scale.

    column: whose values impostors share; None: all are impostors of each other
    group:  the images' values of it
    fold:   (n,) int32, of each image
    """

    protocol: Protocol
    column: str | None
    group: Groups
    fold: Codes


def run(args: argparse.Namespace) -> int:
    refuse_overwriting(args.out, [args.errata, args.work, args.folds_from, args.folder / "images.csv"])
    settings = engine_settings(args)
    embedder = chosen_embedder(settings)
    data = labelled(
        args.folder, column=args.group, errata=errata(args), folds=args.folds, folds_from=args.folds_from
    )  # fmt: skip
    found = acquired(data.protocol, args.work, settings)
    if args.check_folds:
        people = len(data.protocol.identities)
        check = check_folds(scored(data, found), data.protocol.identity, data.group, data.fold, identities=people)
        print(check_as_text(check))
        return DONE if check.kept else DIFFERENT
    fit, calibration = fitted(data, found, embedder, accuracy=settings.accuracy, name=args.name)
    print(fit_as_text(fit))
    if embedder.user_provided and args.out is None:
        keep_as_own(embedder, calibration)
        return 0
    out = args.out or Path("calibration.json")
    write_file(out, calibration.to_json().encode())
    print(f"wrote {out}")
    return 0


def calibrate_own(data: Labelled, settings: Settings, *, work: Path | None) -> None:
    """Fit a scale to `data` and keep it as the calibration of the user's own embedder that `settings` choose."""
    embedder = chosen_embedder(settings)
    found = acquired(data.protocol, work, settings)
    fit, calibration = fitted(data, found, embedder, accuracy=settings.accuracy, name=None)
    print(fit_as_text(fit))
    keep_as_own(embedder, calibration)


def keep_as_own(embedder: ModelFile, calibration: Calibration) -> None:
    """Store a fitted calibration as an embedder's own."""
    file = calibration_file(embedder)
    calibration.write(file)
    print(f"{embedder.name} is calibrated: {file}")


def labelled(
    folder: Path, *, column: str | None, errata: Errata = NO_ERRATA, folds: int = 5, folds_from: Path | None = None
) -> Labelled:
    """Read a folder, and refuse one too small before the long part.

    Raises:
        InvalidRequest: it is not a labelled folder, or has too few people.
    """
    column = column or _default_group(folder)
    protocol = read_folder(folder, groups=[column] if column else [], errata=errata)
    fold = folds_from_pairs(protocol, folds_from) if folds_from else folds_of(protocol.identities, folds)
    everyone = Groups(("",), np.zeros(len(protocol.images), np.int32))
    group = protocol.groups[column] if column else everyone
    refuse_too_few(_possible(protocol, group))
    return Labelled(protocol, column, group, fold[protocol.identity])


def scored(data: Labelled, found: Acquired) -> Scores:
    return score_all(
        found.embeddings, found.quality, data.protocol.identity, groups={FOLD: grouped_folds(data.group, data.fold)},
        left_out=data.protocol.left_out, usable=found.usable, quiet=not sys.stderr.isatty(),
    )  # fmt: skip


def fitted(
    data: Labelled, found: Acquired, embedder: ModelFile, *, accuracy: str, name: str | None
) -> tuple[Fit, Calibration]:
    """The fit, and the calibration made of it."""
    people = len(data.protocol.identities)
    impostors = impostors_of(scored(data, found), data.protocol.identity, data.group, data.fold)
    fit = fit_scale(impostors, identities=people)
    provenance: dict[str, object] = {
        "data_set": name or data.protocol.name,
        "images": int(found.usable.sum()),
        "identities": people,
        "group": data.column,
        "impostor_pairs": dict(zip(impostors.names, impostors.pairs.tolist(), strict=True)),
    }
    if embedder.user_provided:
        provenance |= {"embedder": embedder.name, "input": input_of(embedder.build)}
    here = found.usable
    embeddings, quality, identity = found.embeddings[here], found.quality[here], data.protocol.identity[here]
    calibration = fit.calibration(
        model_sha256=embedder.sha256,
        accuracy=accuracy,
        provenance=provenance,
        fused_shift=fit_fused_shift(embeddings, quality, identity, data.group.codes[here]),
        genuine=genuine_scores(embeddings, quality, identity),
    )
    return fit, calibration


def _default_group(folder: Path) -> str | None:
    labels = folder / "images.csv"
    if not labels.is_file():
        return None
    first = next(read_rows(labels, ("image", "identity")), None)
    return _SEX if first is not None and first.has(_SEX) else None


def _possible(protocol: Protocol, group: Groups) -> Impostors:
    """The pairs there would be if every picture gave an embedding: a set too small is refused before the long part."""
    names = [value for value in group.values if value or len(group.values) == 1]
    counts = []
    for name in names:
        images = np.bincount(protocol.identity[group.codes == group.values.index(name)]).astype(np.int64)
        counts.append((images.sum() ** 2 - (images**2).sum()) // 2)
    empty = np.empty(0, np.int32)
    return Impostors(tuple(names), np.array(counts)[:, None], np.empty(0), empty, empty, empty)


def fit_as_text(fit: Fit) -> str:
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
    mark = " " if carried(promised, rate.of) is Carried.YES else "*"
    return f"{rate.value:.2e} ({rate.errors:,} of {rate.of:,})".ljust(34) + f"{rate.value / promised:5.2f}{mark} "
