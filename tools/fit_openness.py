"""Fit `vision/data/openness.json` on marked faces, and print its accuracy.

    python -m tools.fit_openness [DATA] [--marks FILE] [--shrink N] [--write]

The marks state whether eyes and mouth of the largest face
of each image are open. Narrow eyes are over-represented among the marked faces, so each face is weighted by the number
of faces in its stratum for each marked one. The figures come from cross-validation in which no person is on both sides.
The numbers are then fitted on all marked faces. With `--shrink 4` all images are a quarter of their size, also in the
evaluation of the shipped numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tools.fitting import Refit, bootstrap, data_parser, identities, parse_data, refits, report, write

from visavis.analysis import Analyzer
from visavis.geometry import Size
from visavis.image import Image, decode
from visavis.runtime import open_analyzer
from visavis.vision.openness import NUMBERS, OPENNESS_FILE, eye_terms, mouth_terms
from visavis.vision.pose import pose_of

__all__ = ["Report", "cross_validated", "fit_logistic", "report_of"]

MARKS = Path(__file__).parent / "data/openness_marks.json"
FOLDS = 10
RIDGE = 1e-3
"""The penalty on standardised coefficients, per unit of weight. It keeps the fit finite if faces are separable."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Report:
    """The accuracy of probabilities. Shares are weighted to the population.

    Attributes:
        faces: number of faces.
        positive: number of faces of which the attribute is open.
        share: share of open ones in the population.
        accuracy: share of right values.
        balanced: mean of the shares of right values among open ones and among closed ones.
        ece: expected calibration error of the confidence, ten bins from 0.5 to 1.
        sure: share of faces with a confidence of at least 90.
        wrong_if_sure: share of wrong values among these faces.
    """

    faces: int
    positive: int
    share: float
    accuracy: float
    balanced: float
    ece: float
    sure: float
    wrong_if_sure: float


def fit_logistic(terms: Floats, labels: Floats, weights: Floats) -> Floats:
    """Fit a weighted logistic regression by Newton's method.

    Args:
        terms: (n, k).
        labels: (n,), 0 or 1.
        weights: (n,).

    Returns:
        The intercept and the coefficients (1 + k,).
    """
    mean = np.average(terms, axis=0, weights=weights)
    deviation = np.sqrt(np.average((terms - mean) ** 2, axis=0, weights=weights))
    design = np.column_stack([np.ones(len(terms)), (terms - mean) / deviation])
    share, penalty = weights / weights.sum(), RIDGE * np.diag([0.0] + [1.0] * terms.shape[1])
    solution = np.zeros(design.shape[1])
    for _ in range(50):
        p = _sigmoid(design @ solution)
        slope = design.T @ (share * (p - labels)) + penalty @ solution
        solution -= np.linalg.solve((design.T * (share * p * (1 - p))) @ design + penalty, slope)
    coefficients = solution[1:] / deviation
    return np.array([solution[0] - coefficients @ mean, *coefficients])


def cross_validated(terms: Floats, labels: Floats, weights: Floats, people: Sequence[str]) -> Floats:
    """The probability (n,) of each face, from a fit on other people."""
    names, codes = np.unique(people, return_inverse=True)
    folds = (np.random.default_rng(1).permutation(len(names)) % FOLDS)[codes]
    found = np.zeros(len(labels))
    for fold in range(FOLDS):
        here = folds == fold
        fitted = fit_logistic(terms[~here], labels[~here], weights[~here])
        found[here] = _sigmoid(fitted[0] + terms[here] @ fitted[1:])
    return found


def report_of(probabilities: Floats, labels: Floats, weights: Floats) -> Report:
    """Evaluate the probabilities (n,) of being open."""
    open_, right = labels > 0.5, (probabilities >= 0.5) == (labels > 0.5)
    confidence = np.maximum(probabilities, 1 - probabilities)
    bins = np.minimum(((confidence - 0.5) * 20).astype(int), 9)
    ece = sum(
        abs(float((weights[bins == b] * (confidence[bins == b] - right[bins == b])).sum())) for b in range(10)
    ) / float(weights.sum())
    sure = confidence >= 0.9
    return Report(
        faces=len(labels),
        positive=int(open_.sum()),
        share=_share(open_, weights),
        accuracy=_share(right, weights),
        balanced=(_share(right[open_], weights[open_]) + _share(right[~open_], weights[~open_])) / 2,
        ece=ece,
        sure=_share(sure, weights),
        wrong_if_sure=_share(~right[sure], weights[sure]),
    )


def _share(flags: NDArray[np.bool_], weights: Floats) -> float:
    return float(np.average(flags, weights=weights)) if len(flags) else float("nan")


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


@dataclass(frozen=True, slots=True)
class Measured:
    """The terms of one face; `eyes` is None if the eyes are too small."""

    eyes: tuple[float, ...] | None
    mouth: tuple[float, ...]


def measured(analyzer: Analyzer, file: Path, shrink: int) -> Measured | None:
    """The terms of the largest face of an image, reduced by the factor `shrink`; None if there is no face."""
    image, orientation = decode(file.read_bytes()), analyzer.orientation
    if shrink > 1:
        image = Image(image.resized(Size(image.size.width // shrink, image.size.height // shrink)))
    found = orientation.detect(image).largest_first(image.size)
    if not len(found):
        return None
    mesh = orientation.resolve(image, found.take(np.array([0])))[0].mesh.points
    eyes, pose = analyzer.pupils(image, mesh), pose_of(mesh)
    return Measured(None if eyes is None else eye_terms(eyes.contours, pose), mouth_terms(mesh, pose))


def weights_of(marks: dict[str, Any]) -> dict[str, float]:
    """The number of faces in the population for each marked face, by stratum."""
    strata = [face["stratum"] for face in marks["faces"]]
    return {name: stratum["population"] / strata.count(name) for name, stratum in marks["strata"].items()}


def fitted_on(
    name: str,
    marks: dict[str, Any],
    terms: Sequence[tuple[float, ...] | None],
    people: Sequence[str],
    shipped: Mapping[str, float],
) -> list[Refit]:
    """Fit one attribute, and print the accuracy of the new and the `shipped` numbers."""
    weights = weights_of(marks)
    rows = [
        (term, face[name], weights[face["stratum"]], person)
        for term, face, person in zip(terms, marks["faces"], people, strict=True)
        if term is not None
    ]
    clear = [row for row in rows if row[1] is not None]
    x = np.array([row[0] for row in clear])
    y, w = np.array([float(row[1]) for row in clear]), np.array([row[2] for row in clear])
    persons, old = [row[3] for row in clear], list(shipped.values())
    probabilities = cross_validated(x, y, w, persons)
    print(f"{name}, cross-validated by person, weighted: {report_of(probabilities, y, w)}")
    print(f"{name}, the same faces without weights: {report_of(probabilities, y, np.ones(len(y)))}")
    print(f"{name}, the shipped numbers, weighted: {report_of(_sigmoid(old[0] + x @ old[1:]), y, w)}")
    fitted = fit_logistic(x, y, w)
    unclear = np.array([row[0] for row in rows if row[1] is None])
    p = _sigmoid(fitted[0] + unclear @ fitted[1:])
    print(f"{name}, {len(p)} unclear faces: mean confidence {100 * np.maximum(p, 1 - p).mean():.0f}")
    interval = bootstrap(persons, lambda drawn: fit_logistic(x[drawn], y[drawn], w[drawn]).tolist())
    return refits(shipped, [round(v, 3) for v in fitted.tolist()], interval)


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--marks", type=Path, default=MARKS, help="the marked faces (default: %(default)s)")
    parser.add_argument("--shrink", type=int, default=1, help="the factor by which images are reduced (default: 1)")
    given = parse_data(parser)
    marks = json.loads(given.marks.read_text("utf-8"))
    people, images = identities(given.data), given.data / "lfw-dev/images"
    analyzer, _ = open_analyzer()
    faces = [measured(analyzer, images / face["image"], given.shrink) for face in marks["faces"]]
    who = [people[face["image"]] for face in marks["faces"]]
    found = []
    for name, terms in (
        ("eyes", [face.eyes if face else None for face in faces]),
        ("mouth", [face.mouth if face else None for face in faces]),
    ):
        shipped = {key: value for key, value in asdict(NUMBERS).items() if key.startswith(f"{name}_")}
        found += fitted_on(f"{name}_open", marks, terms, who, shipped)
    print(report(found, {}))
    if given.write:
        write(
            OPENNESS_FILE,
            {one.name: one.fitted for one in found},
            origin="Logistic regressions, each face weighted by what its stratum stands for; unclear faces left out.",
            data={
                "set": f"{marks['data_set']}, marked in {given.marks.name}",
                "faces": len(marks["faces"]),
                "eyes": count(marks, "eyes_open"),
                "mouth": count(marks, "mouth_open"),
            },
            networks=("detector", "mesh", "iris"),
            tool="python -m tools.fit_openness",
        )


def count(marks: dict[str, Any], key: str) -> dict[str, int]:
    """The number of faces with each mark."""
    values = {"open": True, "closed": False, "unclear": None}
    return {word: sum(face[key] is value for face in marks["faces"]) for word, value in values.items()}


if __name__ == "__main__":
    main()
