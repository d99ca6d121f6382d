"""Fit brightness and sharpness to Amazon's recorded answers, `vision/data/reported_quality.json`.

    python -m tools.fit_reported_quality [DATA] [--cache FILE] [--write]

The logit of Amazon's value is a linear function of the logarithm of the face's mean luma, or of the logarithms of its
edges and its size in pixels. The coefficients have the least sum of absolute errors, because single faces are far off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import spearmanr
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_faces import Measurer, Table, cached, recorded_faces

from visavis.vision.quality.reported import (
    REPORTED_QUALITY_FILE,
    ReportedQualityNumbers,
    reported_brightness,
    reported_sharpness,
)

Floats = NDArray[np.float64]


def least_absolute(terms: Floats, values: Floats) -> list[float]:
    """The coefficients, (k,), with the least sum of absolute errors; `terms` is (n, k), `values` (n,)."""
    n, k = terms.shape
    # The errors are differences of two parts that are not negative, whose sum is minimised.
    solved = linprog(
        np.concatenate([np.zeros(k), np.ones(2 * n)]),
        A_eq=np.hstack([terms, np.eye(n), -np.eye(n)]),
        b_eq=values,
        bounds=[(None, None)] * k + [(0, None)] * (2 * n),
    )
    assert solved.x is not None
    return [float(v) for v in solved.x[:k]]


def logit(percent: Floats) -> Floats:
    share = np.clip(percent / 100, 1e-4, 1 - 1e-4)
    return np.log(share / (1 - share))


def fit(table: Table, rows: NDArray[np.intp]) -> list[float]:
    """a and b of the brightness, then a, b and c of the sharpness."""
    ones = np.ones(len(rows))
    luma, rms, side = (table[name][rows] for name in ("luma", "laplacian_rms", "side"))
    of_brightness = np.column_stack([ones, np.log(luma)])
    of_sharpness = np.column_stack([ones, np.log2(rms), np.log2(side)])
    return [
        *least_absolute(of_brightness, logit(table["brightness"][rows])),
        *least_absolute(of_sharpness, logit(table["sharpness"][rows])),
    ]


def main() -> None:
    args = parse(__doc__)

    def measure() -> Table:
        faces = [face for face in recorded_faces(args.data, Measurer()) if face.brightness is not None]
        rows = [
            (f.brightness, f.sharpness, f.ours.pixels.brightness, f.ours.pixels.laplacian_rms, f.ours.pixels.side)
            for f in faces
        ]
        return dict(zip(("brightness", "sharpness", "luma", "laplacian_rms", "side"), np.array(rows).T, strict=True))

    table = cached(args.cache, f"fit_reported_quality of {args.data}", measure)
    names = ("brightness a", "brightness b", "sharpness a", "sharpness b", "sharpness c")
    numbers = stored(REPORTED_QUALITY_FILE)["numbers"]
    shipped = dict(zip(names, [*numbers["brightness"], *numbers["sharpness"]], strict=True))
    every = np.arange(len(table["luma"]))
    fitted = fit(table, every)
    interval = bootstrap(every, lambda rows: fit(table, rows))
    new = ReportedQualityNumbers((fitted[0], fitted[1]), (fitted[2], fitted[3], fitted[4]))
    brightness = np.array([reported_brightness(luma, new) for luma in table["luma"].tolist()])
    sharpness = np.array(
        [
            reported_sharpness(rms, side, new)
            for rms, side in zip(table["laplacian_rms"].tolist(), table["side"].tolist(), strict=True)
        ]
    )
    effects = {
        name: f"median error {np.median(np.abs(ours - table[name])):.1f}, rank correlation "
        f"{spearmanr(ours, table[name]).statistic:.3f}"
        for name, ours in (("brightness", brightness), ("sharpness", sharpness))
    }
    print(f"{len(every)} recorded faces")
    print(report(refits(shipped, fitted, interval), effects))
    if args.write:
        rounded = [round(value, 3) for value in fitted]
        write(
            REPORTED_QUALITY_FILE,
            {"brightness": rounded[:2], "sharpness": rounded[2:]},
            origin="The least sum of absolute errors of the logits of Amazon's values; see the tool.",
            data={"set": "recorded responses of Amazon Rekognition with their images", "faces": len(every)},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_reported_quality",
        )


if __name__ == "__main__":
    main()
