"""Fit `calibration.json`: from the cosine of two embeddings to a similarity with a stated false match rate.

    python tools/fit_calibration.py FOLDER      # images/, images.csv with the columns image, identity, sex

Impostor cosines are those of all pairs of different identities of one sex, the harder ones. Up to a rate of 1e-5 their
quantiles are taken as they are; beyond, -log10 of the rate is carried on as the parabola that fits it best from 1e-2.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
from pathlib import Path

import numpy as np
from bench.embeddings import embed_folder
from numpy.typing import NDArray

from visavis import __version__
from visavis.models.manifest import load_manifest

OUT = Path(__file__).parent.parent / "src/visavis/calibration.json"

SCALE = {0.0: 0.0, 1.0: 25.0, 2.0: 58.0, 3.0: 80.0, 4.0: 90.0, 5.0: 97.0, 6.0: 99.0, 7.0: 99.6}
"""-log10 of the false match rate -> similarity. From 3 on it is the promise; below, a smooth way down to 0."""

SUSPICIOUS = 0.6
"""Impostor pairs above this cosine are listed: on public data they are mostly mislabelled or duplicate pictures."""


def impostors(
    embeddings: NDArray[np.float32], identity: NDArray[np.str_], sex: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Cosines of all pairs of different identities of one sex, sorted."""
    parts = []
    for one in np.unique(sex):
        of = sex == one
        cosines, names = embeddings[of] @ embeddings[of].T, identity[of]
        upper = np.triu_indices(len(names), 1)
        parts.append(cosines[upper][names[upper[0]] != names[upper[1]]])
    return np.sort(np.concatenate(parts))


def curve(cosines: NDArray[np.float32]) -> list[list[float]]:
    rates = 10.0 ** -np.linspace(0.05, 5, 100)
    at = np.quantile(cosines, 1 - rates)
    known = -np.log10(rates)
    tail = np.polynomial.Polynomial.fit(at[known >= 2], known[known >= 2], 2)
    grid = np.linspace(-0.2, 0.9, 221)
    strangeness = np.where(grid <= at[-1], np.interp(grid, at, known, left=0), tail(grid))
    strangeness = np.maximum.accumulate(strangeness)
    similarity = smooth(np.array(list(SCALE)), np.array(list(SCALE.values())), strangeness)
    inner = [[round(float(c), 4), round(float(s), 4)] for c, s in zip(grid, similarity, strict=True) if 0 < s < 100]
    return [[-1.0, 0.0], *inner, [1.0, 100.0]]


def smooth(x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A monotone cubic through (x, y), levelling off towards 100 beyond the last point (Fritsch and Carlson, 1980)."""
    steps, slopes = np.diff(x), np.diff(y) / np.diff(x)
    inner = (
        3
        * (steps[:-1] + steps[1:])
        / ((2 * steps[1:] + steps[:-1]) / slopes[:-1] + (steps[1:] + 2 * steps[:-1]) / slopes[1:])
    )
    tangents = np.concatenate([slopes[:1], inner, [(100 - y[-1]) * 1.0]])
    i = np.clip(np.searchsorted(x, at, "right") - 1, 0, len(steps) - 1)
    t = (np.minimum(at, x[-1]) - x[i]) / steps[i]
    inside = (
        (2 * t**3 - 3 * t**2 + 1) * y[i] + (t**3 - 2 * t**2 + t) * steps[i] * tangents[i]
        + (3 * t**2 - 2 * t**3) * y[i + 1] + (t**3 - t**2) * steps[i] * tangents[i + 1]
    )  # fmt: skip
    beyond = 100 - (100 - y[-1]) * np.exp(-(at - x[-1]).clip(0))
    return np.asarray(np.where(at > x[-1], beyond, inside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = list(csv.DictReader((folder / "images.csv").open()))
    found = embed_folder(folder / "images", [row["image"] for row in rows])
    here = np.array([row["image"] in found for row in rows])
    identity, sex = (np.array([row[k] for row in rows])[here] for k in ("identity", "sex"))
    embeddings = np.stack(list(found.values()))
    cosines = impostors(embeddings, identity, sex)
    for rate in (1e-2, 1e-3, 1e-4, 1e-5):
        print(f"FMR {rate:.0e} at cosine {np.quantile(cosines, 1 - rate):.4f}")
    print(f"{(cosines > SUSPICIOUS).sum()} impostor pairs above {SUSPICIOUS}")
    stored = {
        "model_sha256": load_manifest()["embedder"].sha256,
        "provenance": {
            "data_set": f"{folder.resolve().name}: Labeled Faces in the Wild, folds 1 to 5, grey crops",
            "images": int(here.sum()),
            "identities": len(np.unique(identity)),
            "same_sex_impostor_pairs": len(cosines),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "visavis": __version__,
        },
        "curve": curve(cosines),
    }
    OUT.write_text(
        json.dumps(stored, indent=1).replace(",\n   ", ",").replace("[\n   ", "[").replace("\n  ]", "]") + "\n"
    )
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
