"""Fit what two poor faces cost a cosine, `quality_penalty.json`.

    python -m tools.fit_quality_penalty [DATA] [--images N] [--cache FILE] [--write]

Among strangers of the same sex whose images are degraded in the same way, the penalty per point is the lowest at which
no way has a false match rate over `MAX_FMR` at the score at which plain faces are promised 1e-3. The quality from which
there is no penalty was chosen by hand; the tool keeps it, and prints what other values would need and cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tools.fit_quality import scores_of
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_degraded import IMAGES, PLAIN, degraded_faces
from tools.fitting_faces import Table

from visavis.calibration import load_calibration
from visavis.cosine_adjustments import QUALITY_PENALTY_FILE, QualityPenaltyNumbers, quality_adjusted
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.similarity_scale import LOWEST_PROMISED
from visavis.vision.quality import NUMBERS as QUALITY

Floats = NDArray[np.float64]

MAX_FMR = 2e-3
HIGHEST = 0.02
"""Penalties per point above this are not considered."""
CANDIDATES = (70.0, 77.0, 84.0, 91.0, 98.0)


def needed(cosines: Floats, lost: Floats, threshold: float) -> Floats:
    """The penalty per point that brings each pair of strangers below the threshold, (n,).

    It is 0 where the pair is below already, and `inf` where no penalty brings it there.

    Args:
        cosines: (n,)
        lost: (n,) what a penalty of 1 per point takes from each cosine
        threshold: the lowest score that matches
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(cosines < threshold, 0.0, np.where(lost > 0, (cosines - threshold) / lost, np.inf))


def fit(needs: list[Floats], weights: list[Floats] | None = None, max_fmr: float = MAX_FMR) -> float:
    """The lowest penalty per point with which no way of degrading exceeds a false match rate.

    Args:
        needs: for each way, (n,) of `needed`
        weights: of the pairs; default: 1
        max_fmr: the rate
    """
    highest = 0.0
    for i, need in enumerate(needs):
        weight = np.ones(len(need)) if weights is None else weights[i]
        order = np.argsort(-need)
        share = np.cumsum(weight[order]) / max(float(weight.sum()), 1e-9)
        over = int(np.searchsorted(share, max_fmr, side="right"))
        highest = max(highest, float(need[order][over]) if over < len(need) else 0.0)
    return min(highest, HIGHEST)


class Pairs:
    """The pairs of a table that are degraded in one way."""

    def __init__(self, table: Table, scores: Floats, how: str) -> None:
        rows = np.flatnonzero(table["how"] == how)
        one, other = (rows[i] for i in np.triu_indices(len(rows), 1))
        same = table["identity"][one] == table["identity"][other]
        vectors = table["vector"].astype(np.float64)
        impostor = ~same & (table["sex"][one] == table["sex"][other])
        self.impostors = one[impostor], other[impostor]
        self.genuine = one[same], other[same]
        self._cosines = [np.einsum("nd,nd->n", vectors[a], vectors[b]) for a, b in (self.impostors, self.genuine)]
        self._qualities = [(scores[a], scores[b]) for a, b in (self.impostors, self.genuine)]

    def needs(self, full_quality: float, threshold: float) -> Floats:
        """Of the impostors; see `needed`."""
        adjusted = quality_adjusted(
            self._cosines[0], *self._qualities[0], QualityPenaltyNumbers(full_quality, 1.0), None
        )
        return needed(self._cosines[0], self._cosines[0] - adjusted, threshold)

    def rates(self, penalty: QualityPenaltyNumbers, threshold: float) -> tuple[float, float]:
        """FMR and FNMR at the threshold."""
        impostor, genuine = (
            quality_adjusted(cosines, *qualities, penalty)
            for cosines, qualities in zip(self._cosines, self._qualities, strict=True)
        )
        return float((impostor >= threshold).mean()), float((genuine < threshold).mean())


def main() -> None:
    args = parse(__doc__, images=IMAGES)
    table = degraded_faces(args)
    shipped = QualityPenaltyNumbers(**stored(QUALITY_PENALTY_FILE)["numbers"])
    scores, threshold = scores_of(table, QUALITY), load_calibration().lowest_score(LOWEST_PROMISED)
    pairs = {str(how): Pairs(table, scores, how) for how in np.unique(table["how"])}
    print(f"{len(scores)} faces, plain and degraded, of {len(set(table['identity'].tolist()))} people of lfw-dev")
    for full_quality in CANDIDATES:
        penalty = QualityPenaltyNumbers(
            full_quality, fit([pair.needs(full_quality, threshold) for pair in pairs.values()])
        )
        fnmr = pairs[PLAIN].rates(penalty, threshold)[1]
        print(
            f"full_quality {full_quality:g}: penalty_per_point {penalty.penalty_per_point:.4f}, "
            f"FNMR of plain faces {100 * fnmr:.2f} %"
        )
    needs = [pair.needs(shipped.full_quality, threshold) for pair in pairs.values()]
    fitted = QualityPenaltyNumbers(shipped.full_quality, fit(needs))

    def weighted(rows: NDArray[np.intp]) -> list[float]:
        count = np.bincount(rows, minlength=len(scores)).astype(np.float64)
        weights = [count[pair.impostors[0]] * count[pair.impostors[1]] for pair in pairs.values()]
        return [fit(needs, weights)]

    interval = bootstrap(table["identity"], weighted, replicates=100)
    compared = {"shipped": shipped, "fitted": fitted, "none": QualityPenaltyNumbers(shipped.full_quality, 0.0)}
    effects = {}
    for how, pair in pairs.items():
        rates = {name: pair.rates(penalty, threshold) for name, penalty in compared.items()}
        effects[f"FMR, FNMR at {LOWEST_PROMISED}, {how}"] = "; ".join(
            f"{name} {fmr:.1e}, {100 * fnmr:.2f} %" for name, (fmr, fnmr) in rates.items()
        )
    print(
        report(refits({"penalty_per_point": shipped.penalty_per_point}, [fitted.penalty_per_point], interval), effects)
    )
    if args.write:
        write(
            QUALITY_PENALTY_FILE,
            {"full_quality": shipped.full_quality, "penalty_per_point": round(fitted.penalty_per_point, 4)},
            origin=f"The lowest penalty with which no way of degrading exceeds a false match rate of {MAX_FMR:g}; "
            "full_quality was chosen by hand; see the tool.",
            data={"set": "lfw-dev, plain and degraded in nine ways", "faces": len(scores)},
            networks=("detector", "mesh", DEFAULT_EMBEDDER),
            tool="python -m tools.fit_quality_penalty",
        )


if __name__ == "__main__":
    main()
