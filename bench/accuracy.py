"""Verification accuracy on labelled pairs, by the usual k-fold protocol."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.embeddings import embed_folder

Floats = NDArray[np.float64]


def run(data: Path) -> None:
    folder = data / "lfw-dev"
    rows = list(csv.DictReader((folder / "pairs.csv").open()))
    names = sorted({row[side] for row in rows for side in ("source", "target")})
    embeddings = embed_folder(folder / "images", names)
    usable = [row for row in rows if row["source"] in embeddings and row["target"] in embeddings]
    cosines = np.array([embeddings[r["source"]] @ embeddings[r["target"]] for r in usable], np.float64)
    same = np.array([r["same"] == "1" for r in usable])
    fold = np.array([int(r["fold"]) for r in usable])
    print(f"{len(usable)} of {len(rows)} pairs, {len(np.unique(fold))} folds")
    accuracies = k_fold_accuracy(cosines, same, fold)
    print(f"accuracy          {100 * accuracies.mean():6.2f} +- {100 * accuracies.std(ddof=1):.2f}")
    print(f"EER               {100 * equal_error_rate(cosines, same):6.2f}")
    for rate in (1e-1, 1e-2, 1e-3):
        bar = np.quantile(cosines[~same], 1 - rate, method="higher")
        print(f"TAR at FMR {rate:<6.0e} {100 * (cosines[same] >= bar).mean():6.2f}   (cosine {bar:.3f})")


def k_fold_accuracy(cosines: Floats, same: NDArray[np.bool_], fold: NDArray[np.int_]) -> Floats:
    """One accuracy a fold, at the threshold that was best on the others."""
    grid = np.linspace(-0.2, 1, 1201)
    accuracies = []
    for k in np.unique(fold):
        here = fold == k
        right = ((cosines[~here, None] >= grid) == same[~here, None]).mean(axis=0)
        accuracies.append(((cosines[here] >= grid[right.argmax()]) == same[here]).mean())
    return np.array(accuracies)


def equal_error_rate(cosines: Floats, same: NDArray[np.bool_]) -> float:
    thresholds = np.sort(cosines)
    false_matches = (cosines[~same, None] >= thresholds).mean(axis=0)
    false_non_matches = (cosines[same, None] < thresholds).mean(axis=0)
    at = np.abs(false_matches - false_non_matches).argmin()
    return float(false_matches[at] + false_non_matches[at]) / 2
