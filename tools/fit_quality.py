"""Fit the quality score, `vision/data/quality.json`.

    python -m tools.fit_quality [DATA] [--images N] [--cache FILE] [--write]

Each image of people of DATA/lfw-dev who have several is taken plain and degraded in nine ways (`bench.degrade`).

- Sharpness: the logistic gives the median `laplacian_rms` of the plain faces a sharpness of 60, and that of the faces
  blurred by 4 pixels one of 20.
- Score: least squares of the mean cosine with the other, plain images of the person on the terms of `quality_terms`.
- Typical norm: the median embedding norm.
- Range of the score: `DROPPED` of these faces are below the thresholds of AUTO and HIGH, before the penalties for pose
  and size.

The thresholds of the filters were set by hand. The tool keeps them, and prints what they drop and what that saves.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray
from tools.fitting import bootstrap, parse, refits, report, write
from tools.fitting_degraded import IMAGES, PLAIN, degraded_faces, rows_of
from tools.fitting_faces import Table

from visavis.face import QualityFilter
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.vision.quality import NUMBERS as SHIPPED
from visavis.vision.quality import QUALITY_FILE, PixelQuality, QualityInputs, QualityNumbers, quality_of, quality_terms

Floats = NDArray[np.float64]
Rows = list[tuple[PixelQuality, QualityInputs]]

PLAIN_SHARPNESS, BLURRED_SHARPNESS = 60.0, 20.0
DROPPED = {QualityFilter.AUTO: 0.04, QualityFilter.HIGH: 0.43}
"""Chosen: what the two filters dropped of the plain and degraded faces when their thresholds were set."""


def fit_logistic(plain: Floats, blurred: Floats) -> tuple[float, float]:
    """a and b of the sharpness, from the `laplacian_rms` of plain and of blurred faces."""
    high, low = (math.log(s / (100 - s)) for s in (PLAIN_SHARPNESS, BLURRED_SHARPNESS))
    sharp, soft = (math.log2(float(np.median(values))) for values in (plain, blurred))
    b = (high - low) / (sharp - soft)
    return high - b * sharp, b


def fit_range(expected: Floats) -> tuple[float, float]:
    """The expected cosines at the scores 0 and 100, from those of the faces, (n,)."""
    (auto, high), scores = np.quantile(expected, list(DROPPED.values())), [SHIPPED.thresholds[f] for f in DROPPED]
    per_point = (high - auto) / (scores[1] - scores[0])
    return float(auto - scores[0] * per_point), float(auto + (100 - scores[0]) * per_point)


def design(rows: Rows) -> Floats:
    """(n, 7): a one and the terms of each face, divided by their scales."""
    return np.array([[1.0, *(v / scale for v, scale in quality_terms(*row).values())] for row in rows])


def fit(terms: Floats, cosines: Floats) -> list[float]:
    """Intercept and coefficients by least squares; `terms` is (n, k), `cosines` (n,)."""
    return [float(v) for v in np.linalg.lstsq(terms, cosines, rcond=None)[0]]


def cosines_with_others(table: Table) -> Floats:
    """(n,) the mean cosine of each face with the plain faces of the person on other images; NaN where there is none."""
    plain = np.flatnonzero(table["how"] == PLAIN)
    cosines = table["vector"].astype(np.float64) @ table["vector"][plain].T
    counts = (table["identity"][:, None] == table["identity"][plain]) & (
        table["image"][:, None] != table["image"][plain]
    )
    with np.errstate(invalid="ignore"):
        return np.asarray((cosines * counts).sum(axis=1) / np.where(counts.any(axis=1), counts.sum(axis=1), np.nan))


def fitted_numbers(table: Table, cosines: Floats, chosen: NDArray[np.intp] | slice = slice(None)) -> QualityNumbers:
    """The numbers that the chosen rows of a table give, with the shipped thresholds."""
    how, rms = table["how"][chosen], table["laplacian_rms"][chosen]
    logistic = fit_logistic(rms[how == PLAIN], rms[how == "blur"])
    terms = design(rows_of(table, logistic))
    kept = np.arange(len(cosines))[chosen]
    kept = kept[np.isfinite(cosines[kept])]
    intercept, *slopes = fit(terms[kept], cosines[kept])
    return replace(
        SHIPPED,
        intercept=intercept,
        coefficients=dict(zip(SHIPPED.coefficients, slopes, strict=True)),
        score_range=fit_range(terms[kept] @ np.array([intercept, *slopes])),
        sharpness_logistic=logistic,
        typical_norm=float(np.median(table["norm"][chosen])),
    )


def flat(numbers: QualityNumbers) -> dict[str, float]:
    """The fitted part of the numbers."""
    a, b = numbers.sharpness_logistic
    fitted = {"intercept": numbers.intercept} | numbers.coefficients
    low, high = numbers.score_range
    fitted |= {"sharpness a": a, "sharpness b": b, "typical_norm": numbers.typical_norm}
    return fitted | {"cosine at score 0": low, "cosine at score 100": high}


def scores_of(table: Table, numbers: QualityNumbers) -> Floats:
    """(n,) the quality scores."""
    return np.array([quality_of(*row, numbers).score for row in rows_of(table, numbers.sharpness_logistic)])


def filters(table: Table, scores: Floats) -> list[str]:
    """A line for each filter: the part of the faces that it drops, and the FNMR of those left at an FMR of 1e-3."""
    vectors = table["vector"].astype(np.float32)
    same = table["identity"][:, None] == table["identity"]
    genuine = np.triu(same & (table["image"][:, None] != table["image"]), 1)
    impostor = np.triu(~same & (table["sex"][:, None] == table["sex"]), 1)
    cosines = vectors @ vectors.T
    lines = []
    for name in QualityFilter:
        kept = scores >= SHIPPED.thresholds[name]
        both = kept[:, None] & kept
        threshold = np.quantile(cosines[impostor & both], 1 - 1e-3)
        fnmr = float((cosines[genuine & both] < threshold).mean())
        lines.append(f"{name}: drops {100 * (1 - kept.mean()):.1f} %, then FNMR {100 * fnmr:.2f} % at FMR 1e-3")
    return lines


def main() -> None:
    args = parse(__doc__, images=IMAGES)
    table = degraded_faces(args)
    cosines = cosines_with_others(table)
    fitted = fitted_numbers(table, cosines)

    def numbers(rows: NDArray[np.intp]) -> list[float]:
        return list(flat(fitted_numbers(table, cosines, rows)).values())

    interval = bootstrap(table["identity"], numbers, replicates=100)
    people = len(set(table["identity"].tolist()))
    print(f"{len(table['how'])} faces, plain and degraded, of {people} people of lfw-dev")
    old, new = scores_of(table, SHIPPED), scores_of(table, fitted)
    threshold = SHIPPED.thresholds["AUTO"]
    effects = {
        "quality score would change by": f"median {np.median(new - old):+.1f}, 90 % of faces by less than "
        f"{np.quantile(np.abs(new - old), 0.9):.1f}",
        "faces on the other side of AUTO": f"{100 * ((old >= threshold) != (new >= threshold)).mean():.1f} %",
        "faces at either end of the shipped score": f"{100 * (old <= 0).mean():.1f} % at 0, "
        f"{100 * (old >= 100).mean():.1f} % at 100",
    }
    print(report(refits(flat(SHIPPED), list(flat(fitted).values()), interval), effects))
    print("shipped thresholds, shipped score:", *filters(table, old), sep="\n  ")
    print("shipped thresholds, fitted score:", *filters(table, new), sep="\n  ")
    if args.write:
        write(
            QUALITY_FILE,
            rounded(asdict(fitted)),
            origin="Least squares on the cosine with the other images of the person; the thresholds were set by hand; "
            "see the tool.",
            data={"set": "lfw-dev, plain and degraded in nine ways", "faces": len(table["how"]), "people": people},
            networks=("detector", "mesh", DEFAULT_EMBEDDER),
            tool="python -m tools.fit_quality",
        )


def rounded(numbers: dict[str, object]) -> dict[str, object]:
    """Numbers with four decimals."""

    def one(value: object) -> object:
        if isinstance(value, dict):
            return {name: one(item) for name, item in value.items()}
        if isinstance(value, (tuple, list)):
            return [one(item) for item in value]
        return round(float(value), 4)  # type: ignore[arg-type]

    return {name: one(value) for name, value in numbers.items()}


if __name__ == "__main__":
    main()
