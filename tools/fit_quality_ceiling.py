"""Fit how high a cosine the poorer of two faces supports, `quality_ceiling.json`.

    python -m tools.fit_quality_ceiling [DATA] [--images N] [--cache FILE] [--write]

Among the pairs of two images of one person, plain and degraded in nine ways, the ceiling is the line over the quality
score of the poorer face below which `SHARE` of the cosines lie (quantile regression).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tools.fit_quality import scores_of
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_degraded import IMAGES, degraded_faces
from tools.fitting_faces import Table

from visavis.calibration import load_calibration
from visavis.cosine_adjustments import QUALITY_CEILING_FILE, QualityCeilingNumbers, quality_adjusted
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR
from visavis.vision.quality import NUMBERS as QUALITY

Floats = NDArray[np.float64]

SHARE = 0.75
"""With 0.9 half as few scores are lowered; with 0.5, FNMR at 99 rises by 5 % instead of 0.5 %."""
FLOOR = 0.36
"""The ceiling is above this cosine at any quality, so that no match at similarity 80 is lost. On the shipped scales the
score of 80 is at most 0.353."""
BIN = 5.0
"""Points of quality. The quantile of each bin of pairs is found first, because some qualities have many more pairs."""


def fit(cosines: Floats, poorer: Floats, weights: Floats | None = None) -> list[float]:
    """The ceiling at a quality of 0, and its rise per point.

    Args:
        cosines: (n,), of pairs of one person
        poorer: (n,), the quality score of the poorer face
        weights: (n,); default: 1
    """
    weights = np.ones(len(cosines)) if weights is None else weights
    bins = np.floor(poorer / BIN)
    # Every bin counts alike.
    sums = np.bincount(bins.astype(np.intp), weights)
    share = weights / np.maximum(sums[bins.astype(np.intp)], 1e-12)

    def pinball(line: Floats) -> float:
        if line[0] < FLOOR:
            return math.inf
        above = cosines - line[0] - line[1] * poorer / 100
        return float((share * np.maximum(SHARE * above, (SHARE - 1) * above)).sum())

    lowest, rise = minimize(pinball, [0.4, 0.45], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6}).x
    return [float(lowest), float(rise) / 100]


def genuine_pairs(table: Table) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of each two faces of one person on different images."""
    firsts, seconds = [], []
    for person in np.unique(table["identity"]):
        rows = np.flatnonzero(table["identity"] == person)
        i, j = np.triu_indices(len(rows), 1)
        different = table["image"][rows[i]] != table["image"][rows[j]]
        firsts.append(rows[i][different])
        seconds.append(rows[j][different])
    return np.concatenate(firsts), np.concatenate(seconds)


def main() -> None:
    args = parse(__doc__, images=IMAGES)
    table = degraded_faces(args)
    quality = scores_of(table, QUALITY)
    one, other = genuine_pairs(table)
    vectors = table["vector"].astype(np.float64)
    cosines, poorer = np.einsum("nd,nd->n", vectors[one], vectors[other]), np.minimum(quality[one], quality[other])
    shipped = QualityCeilingNumbers(**stored(QUALITY_CEILING_FILE)["numbers"])
    fitted = QualityCeilingNumbers(*fit(cosines, poorer))

    def weighted(rows: NDArray[np.intp]) -> list[float]:
        count = np.bincount(rows, minlength=len(quality)).astype(np.float64)
        return fit(cosines, poorer, count[one] * count[other])

    interval = bootstrap(table["identity"], weighted, replicates=20)
    calibration = load_calibration()
    effects = {}
    for similarity in PROMISED_FMR:
        threshold = calibration.lowest_score(similarity)
        missed = {
            name: 100 * (quality_adjusted(cosines, quality[one], quality[other], ceiling=ceiling) < threshold).mean()
            for name, ceiling in (("no ceiling", None), ("shipped", shipped), ("fitted", fitted))
        }
        effects[f"FNMR at {similarity}"] = ", ".join(f"{name} {rate:.2f} %" for name, rate in missed.items())
    lowest = calibration.lowest_score(LOWEST_PROMISED)
    effects["ceiling at a quality of 0"] = f"{fitted.lowest:.3f}; the score of {LOWEST_PROMISED} is {lowest:.3f}"
    print(f"{len(cosines)} pairs of {len(set(table['identity'].tolist()))} people of lfw-dev")
    print(
        report(
            refits(
                {"lowest": shipped.lowest, "per_point": shipped.per_point}, [fitted.lowest, fitted.per_point], interval
            ),
            effects,
        )
    )
    if args.write:
        write(
            QUALITY_CEILING_FILE,
            {"lowest": round(fitted.lowest, 4), "per_point": round(fitted.per_point, 5)},
            origin=f"The line below which {SHARE:.0%} of the cosines of one person lie, over the quality score of the "
            "poorer face; see the tool.",
            data={"set": "lfw-dev, plain and degraded in nine ways", "pairs": len(cosines)},
            networks=("detector", "mesh", DEFAULT_EMBEDDER),
            tool="python -m tools.fit_quality_ceiling",
        )


if __name__ == "__main__":
    main()
