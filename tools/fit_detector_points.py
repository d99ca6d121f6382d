"""Fit where the detector's five points lie on the mean face, `vision/data/detector_points.json`.

    python -m tools.fit_detector_points [DATA] [--images N] [--cache FILE] [--write]

The mean face is laid on the mesh of each face of lfw-dev, turned, scaled and moved. The places in three dimensions
whose projections lie nearest to the detector's points, by least squares over all faces, are what `mean_face_through`
lays through a detection that the mesh network cannot read. Both sides of the face share one place, mirrored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_faces import Table, cached, sure_faces

from visavis.mean_face import DETECTOR_POINTS_FILE, mean_face
from visavis.orientation import UPRIGHT_PRESENCE
from visavis.vision.pose import rotation_between

Floats = NDArray[np.float64]

NAMES = ("eye x", "eye y", "eye z", "nose y", "nose z", "mouth x", "mouth y", "mouth z")
"""The free numbers; the right side has the left one's with the other sign of x, and the nose's x is 0."""


def projection_of(mesh: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """The matrix (2, 3) and the offset (2,) that bring the mean face onto a mesh (468, 3) in the image."""
    model, points = mean_face(), mesh.astype(np.float64)
    rotation = rotation_between(model, points)
    turned = (model - model.mean(axis=0)) @ rotation.T
    about = points - points.mean(axis=0)
    scale = float((turned * about).sum() / (turned**2).sum())
    matrix = scale * rotation[:2]
    return matrix, points.mean(axis=0)[:2] - matrix @ model.mean(axis=0)


FLIP = np.array([-1.0, 1.0, 1.0])


def rows_of(matrix: Floats, offset: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Ten equations, (10, 8) and (10,), for the free numbers, in interocular distances."""
    left = np.zeros((10, 8))
    for row, (column, sign) in {0: (0, 1), 1: (0, -1), 3: (5, 1), 4: (5, -1)}.items():
        left[2 * row : 2 * row + 2, column : column + 3] = matrix * (FLIP if sign < 0 else 1.0)
    left[4:6, 3:5] = matrix[:, 1:]
    scale = float(np.linalg.norm(matrix, axis=1).mean())
    return left / scale, (points - offset).ravel() / scale


def places_of(numbers: Floats) -> Floats:
    """(5, 3): eyes, nose and mouth corners, of the eight free numbers."""
    eye, nose, mouth = numbers[:3], np.array([0.0, *numbers[3:5]]), numbers[5:]
    return np.stack([eye, eye * FLIP, nose, mouth, mouth * FLIP])


def main() -> None:
    args = parse(__doc__)

    def measure() -> Table:
        faces = sure_faces(args, UPRIGHT_PRESENCE)
        rows = [(*rows_of(*projection_of(face.mesh), face.points), person) for face, person in faces]
        left, right, people = zip(*rows, strict=True)
        return {"left": np.array(left), "right": np.array(right), "people": np.array(people)}

    table = cached(args.cache, f"fit_detector_points of {args.data}, {args.images} images", measure)

    def fit(rows: NDArray[np.intp]) -> list[float]:
        left, right = table["left"][rows].reshape(-1, len(NAMES)), table["right"][rows].ravel()
        return [float(v) for v in np.linalg.lstsq(left, right, rcond=None)[0]]

    fitted = fit(np.arange(len(table["left"])))
    shipped_places = np.array(stored(DETECTOR_POINTS_FILE)["numbers"]["points"])
    shipped = dict(zip(NAMES, [*shipped_places[0], *shipped_places[2, 1:], *shipped_places[3]], strict=True))
    interval = bootstrap(table["people"], fit, replicates=60)
    off = table["left"] @ np.array(fitted) - table["right"]
    print(f"{len(off)} faces of {len(set(table['people'].tolist()))} people of lfw-dev")
    error = np.hypot(*off.reshape(-1, 5, 2).transpose(2, 0, 1)).mean(axis=0)
    effects = {"mean distance of the detector's points, in interocular distances": ", ".join(f"{e:.3f}" for e in error)}
    print(report(refits(shipped, fitted, interval), effects))
    if args.write:
        write(
            DETECTOR_POINTS_FILE,
            {"points": [[round(float(v), 3) for v in place] for place in places_of(np.array(fitted))]},
            origin="The places on the mean face that project nearest to the detector's points; see the tool.",
            data={"set": "lfw-dev", "faces": len(off)},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_detector_points",
        )


if __name__ == "__main__":
    main()
