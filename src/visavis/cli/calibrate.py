"""`visavis calibrate FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from visavis.cli.engine import engine_settings
from visavis.cli.evaluate import acquired, add_common_arguments, errata, writing
from visavis.errors import InvalidRequest
from visavis.evaluate.calibrate import Fit, Impostors, calibration_json, fit_scale, refuse_too_few
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
from visavis.evaluate.fused import fit_fused_shift, genuine_cosines
from visavis.evaluate.metrics import RULE_OF_30, Carried, Rate, carried
from visavis.evaluate.protocol import Groups, Protocol, read_folder
from visavis.evaluate.scale import PROMISES
from visavis.evaluate.scores import score_all
from visavis.evaluate.table import read_rows
from visavis.models.manifest import load_manifest

__all__ = ["add_arguments", "run"]

_SEX = "sex"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, help="a labelled folder: images.csv with image and identity, or one folder a person"
    )
    parser.add_argument(
        "--group", metavar="COLUMN",
        help="column whose values impostors must share (default: sex, where images.csv has it)",
    )  # fmt: skip
    parser.add_argument("--name", help="what the scale calls the data set (default: the folder's name)")
    add_common_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("calibration.json"), metavar="FILE", help="the scale (default: %(default)s)"
    )
    parser.add_argument(
        "--check-folds", action="store_true",
        help="write nothing; fit on all folds but one, count on that one, in turn, and say whether the promise is kept",
    )  # fmt: skip
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument(
        "--folds-from",
        type=Path,
        metavar="FILE",
        help="a CSV file of pairs whose folds to take (default: made from names)",
    )


def run(args: argparse.Namespace) -> int:
    if args.folds < 2:
        raise InvalidRequest("--folds must be 2 or more: one is left out, the others are fitted on")
    column = args.group or _default_group(args.folder)
    protocol = read_folder(args.folder, groups=[column] if column else [], errata=errata(args))
    fold = folds_from_pairs(protocol, args.folds_from) if args.folds_from else folds_of(protocol.identities, args.folds)
    fold = fold[protocol.identity]
    everyone = Groups(("",), np.zeros(len(protocol.images), np.int32))
    group = protocol.groups[column] if column else everyone
    refuse_too_few(_possible(protocol, group))
    settings = engine_settings(args)
    found = acquired(protocol, args.work, settings)
    scores = score_all(
        found.embeddings, protocol.identity, groups={FOLD: grouped_folds(group, fold)},
        left_out=protocol.left_out, usable=found.usable, quiet=not sys.stderr.isatty(),
    )  # fmt: skip
    people = len(protocol.identities)
    if args.check_folds:
        check = check_folds(scores, protocol.identity, group, fold, identities=people)
        print(check_as_text(check))
        return 0 if check.kept else 1
    impostors = impostors_of(scores, protocol.identity, group, fold)
    fit = fit_scale(impostors, identities=people)
    provenance = {
        "data_set": args.name or protocol.name,
        "images": int(found.usable.sum()),
        "identities": people,
        "group": column,
        "impostor_pairs": dict(zip(impostors.names, impostors.pairs.tolist(), strict=True)),
    }
    here = found.usable
    embeddings, identity = found.embeddings[here], protocol.identity[here]
    text = calibration_json(
        fit,
        model_sha256=load_manifest()["embedder"].sha256,
        accuracy=settings.accuracy,
        provenance=provenance,
        fused_shift=fit_fused_shift(embeddings, identity, group.codes[here]),
        genuine=genuine_cosines(embeddings, identity),
    )
    with writing(args.out):
        beside = args.out.with_name(f"{args.out.name}.part")
        beside.write_text(text, "utf-8")
        beside.replace(args.out)
    print(fit_as_text(fit))
    print(f"wrote {args.out}")
    return 0


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
    lines = ["similarity  promised FMR  cosine  95 %              false matches there"]
    for level in fit.levels:
        bounds = f"{level.interval.low:.3f} to {level.interval.high:.3f}"
        counted = ", ".join(f"{r.errors:,} of {r.of:,} {name}".rstrip() for name, r in level.counted.items())
        lines.append(
            f"{level.similarity:10}  {level.fmr:12.0e}  {level.cosine:.4f}  {bounds:16}  {counted}"
            + ("  (carried by the tail)" if level.extrapolated else "")
        )
    tails = "; ".join(f"{name} above {t.threshold:.3f}, scale {t.scale:.4f}".strip() for name, t in fit.tails.items())
    shape = next(iter(fit.tails.values())).shape
    lines.append(f"tail: shape {shape:.3f} ({fit.shape.low:.3f} to {fit.shape.high:.3f}); {tails}")
    return "\n".join(lines)


def check_as_text(check: FoldCheck) -> str:
    lines = [
        f"fitted on {check.folds - 1} folds, counted on the other, {check.folds} times",
        "similarity  group  FMR of unseen pairs         over promised  FMR within the fold         over promised",
    ]
    for one in check.checked:
        promised = PROMISES[one.similarity]
        unseen, apart = (_counted(rate, promised) for rate in (one.unseen, one.apart))
        lines.append(f"{one.similarity:10}  {one.group or 'all':5}  {unseen}{apart}".rstrip())
    lines.append(
        f"* thin: the promise makes fewer than {RULE_OF_30} false matches expected there, so chance alone moves it"
    )
    bars = "; ".join(f"{s} at {min(c):.3f} to {max(c):.3f}" for s, c in check.cosines.items())
    lines.append(f"cosines over the folds: {bars}")
    lines.append(
        f"FNMR at 80: {100 * check.fnmr.value:.2f} % ({check.fnmr.errors:,} of {check.fnmr.of:,} genuine pairs)"
    )
    verdict = "kept: everywhere" if check.kept else "not kept: not everywhere"
    lines.append(f"for unseen pairs the promise is {verdict} within a factor of {FACTOR:g}")
    return "\n".join(lines)


def _counted(rate: Rate, promised: float) -> str:
    mark = " " if carried(promised, rate.of) is Carried.YES else "*"
    return f"{rate.value:.2e} ({rate.errors:,} of {rate.of:,})".ljust(34) + f"{rate.value / promised:5.2f}{mark} "
