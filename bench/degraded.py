"""Measures the embedder on plain and degraded copies of a labelled set, degraded before detection.

For each way of degrading, both images of a pair are degraded ("both"), or only one is, as where a snapshot is compared
with a photo on file ("one"). The table has the false non-match rate at a false match rate of 1e-3, at the threshold of
this copy; and both error rates at the lowest promised similarity as shipped. Impostors are of the same sex.

The embedder is that of VISAVIS_EMBEDDER. With `--students FOLDER` it is, for each person, one that was trained without
that person (`bench.students`), and only pairs of people who were held out together count as impostors.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.degrade import DEGRADATIONS, degrade
from bench.students import analysed, engines_of
from visavis.calibration import Calibration
from visavis.evaluate.data.embeddings import Acquired
from visavis.evaluate.statistics.pair_scores import pair_scores
from visavis.runtime import open_calibration
from visavis.settings import Settings
from visavis.similarity_scale import LOWEST_PROMISED

IMAGES = 1200


def run(data: Path, students: Path | None = None) -> None:
    folder, settings = data / "lfw-dev", Settings.from_env()
    rows = sample(list(csv.DictReader((folder / "images.csv").open())))
    engine_of, group = engines_of([row["identity"] for row in rows], settings, students)
    calibration = open_calibration(settings)
    pairs = Pairs(rows, group)
    print(f"{len(rows)} images, {pairs.genuine.sum()} genuine pairs, {pairs.impostor.sum()} impostor pairs")
    print(
        f"{'':14}FNMR at FMR 1e-3 in %   at {LOWEST_PROMISED}: FMR, FNMR in %\n"
        f"{'':14}{'both':>10}{'one':>10}{'both':>20}{'one':>20}{'no face':>10}"
    )
    plain: Acquired | None = None
    strict: dict[str, list[float]] = {"both": [], "one": []}
    for how in DEGRADATIONS:
        files = ((engine_of(row["identity"]), (folder / "images" / row["image"]).read_bytes()) for row in rows)
        faces = analysed(((engine, degrade(data, how)) for engine, data in files), settings.threads)
        plain = plain or faces
        lines = {name: pairs.rates(first, faces, calibration) for name, first in (("both", faces), ("one", plain))}
        for name, line in lines.items():
            strict[name].append(line["fnmr_at_fmr_1e-3"])
        print(
            f"{how:14}" + "".join(f"{line['fnmr_at_fmr_1e-3']:10.2f}" for line in lines.values())
            + "".join(f"{line['fmr']:12.1e}{line['fnmr']:8.2f}" for line in lines.values())
            + f"{int((~faces.usable).sum()):10}",
            flush=True,
        )  # fmt: skip
        print(json.dumps({"how": how, **lines}), flush=True)
    print(f"{'mean':14}" + "".join(f"{np.mean(values):10.2f}" for values in strict.values()))


class Pairs:
    """The genuine and the impostor pairs of labelled images.

    Args:
        rows: identity and sex of each image.
        group: (n,) only images of one group make impostor pairs.
    """

    def __init__(self, rows: list[dict[str, str]], group: NDArray[np.intp]) -> None:
        identity, sex = (np.array([row[key] for row in rows]) for key in ("identity", "sex"))
        self.one, self.other = np.triu_indices(len(rows), 1)
        one, other = self.one, self.other
        self.genuine = identity[one] == identity[other]
        self.impostor = ~self.genuine & (sex[one] == sex[other]) & (group[one] == group[other])

    def strict_fnmr(self, vectors: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
        """The FNMR in % of embeddings (n, d) at their own FMR of 1e-3, over the pairs of images that are here, (n,)."""
        both = here[self.one] & here[self.other]
        cosines = np.einsum("nd,nd->n", vectors[self.one], vectors[self.other])
        strict = np.quantile(cosines[self.impostor & both], 1 - 1e-3)
        return 100 * float((cosines[self.genuine & both] < strict).mean())

    def rates(self, first: Acquired, second: Acquired, calibration: Calibration) -> dict[str, float]:
        """The error rates, each image of `first` with each other one of `second`; FNMR in %."""
        n = len(first.failures)
        embeddings = np.concatenate([first.embeddings, second.embeddings])
        quality = np.concatenate([first.quality, second.quality])
        usable = first.usable[self.one] & second.usable[self.other]
        genuine, impostor = (
            pair_scores(embeddings, quality, self.one[of & usable], self.other[of & usable] + n)
            for of in (self.genuine, self.impostor)
        )
        threshold = calibration.lowest_score(LOWEST_PROMISED)
        return {
            "fnmr_at_fmr_1e-3": 100 * float((genuine < np.quantile(impostor, 1 - 1e-3)).mean()),
            "fmr": float((impostor >= threshold).mean()),
            "fnmr": 100 * float((genuine < threshold).mean()),
        }


def sample(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Up to `IMAGES` images of people with several images."""
    counts = Counter(row["identity"] for row in rows)
    return [row for row in rows if counts[row["identity"]] > 1][:IMAGES]
