"""Make `vision/data/mean_face.npy`, the mean face from which poses are computed.

    python tools/make_mean_face.py FOLDER_OF_PORTRAITS

It is the mean of all nearly frontal meshes in the folder, with level eyes and an interocular distance of 1, made
symmetrical. The pairs of mirrored vertices are determined from the mean itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import VisavisError
from visavis.face_mesh import eye_centres
from visavis.geometry import level_axes
from visavis.image import decode
from visavis.runtime import open_analyzer

OUT = Path(__file__).parent.parent / "src/visavis/vision/data/mean_face.npy"
FRONTAL = 0.06
"""The largest distance of the middle of the mesh from the middle of the eyes, as a part of the half width."""


def normalised(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `mesh` (468, 3) with the middle of the eyes at the origin, level eyes and an interocular distance of 1."""
    left, right = eye_centres(mesh).astype(np.float64)
    interocular = float(np.hypot(*(right - left)))
    turn = np.eye(3)
    turn[:2, :2] = level_axes(left, right)
    middle = np.array([*(left + right) / 2, 0.0])
    return np.asarray((mesh - middle) @ turn.T / interocular)


def symmetrical(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    mirrored = mean * [-1, 1, 1]
    partner = partners(np.linalg.norm(mean[:, None] - mirrored[None], axis=2))
    return (mean + mirrored[partner]) / 2


def partners(distance: NDArray[np.float64]) -> NDArray[np.intp]:
    """Pair the vertices by `distance` (n, n), nearest first. A vertex on the middle line is its own partner."""
    partner = np.full(len(distance), -1, np.intp)
    for flat in np.argsort(distance, axis=None, kind="stable"):
        one, other = np.unravel_index(flat, distance.shape)
        if partner[one] < 0 and partner[other] < 0:
            partner[one], partner[other] = other, one
    return partner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    stages, _ = open_analyzer()
    meshes = []
    for path in sorted(parser.parse_args().folder.glob("*.jpg")):
        try:
            image = decode(path.read_bytes())
        except VisavisError as error:
            print(f"{path}: {error}")
            continue
        found = stages.detector(image)
        if len(found) == 1:
            mesh = normalised(stages.mesh_model(image, found.points[0]).points)
            low, high = mesh[:, 0].min(), mesh[:, 0].max()
            if abs(high + low) < FRONTAL * (high - low):
                meshes.append(mesh)
    mean = symmetrical(np.mean(meshes, axis=0))
    mean[:, 2] -= mean[:, 2].mean()
    np.save(OUT, mean.astype(np.float32))
    print(f"{OUT}: the mean of {len(meshes)} faces")


if __name__ == "__main__":
    main()
