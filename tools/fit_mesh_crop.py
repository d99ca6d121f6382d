"""Fit where the first crop of the mesh lies, `vision/data/mesh_crop.json`.

    python -m tools.fit_mesh_crop [DATA] [--images N] [--write]

On each image of DATA/lfw-dev the mesh is read until it has converged. The crop that it then asks for is the truth. The
two factors of the side minimise the mean squared log ratio of the sides, by a search on a grid of 0.02; the two offsets
of the centre are a least-squares fit each, in the frame of the eyes.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from tools.fitting import Labelled, bootstrap, labelled, parse, refits, report, stored, write
from tools.fitting_faces import LIKELY_PRESENCE, Table, cached, mesh_crop, sure_faces

from visavis.face_mesh import CROP_SIDE, eye_centres
from visavis.geometry import square_crop
from visavis.image import Image, decode
from visavis.runtime import open_analyzer
from visavis.vision.mesh import MESH_CROP_FILE, MeshCropNumbers, crop_matrix_from_mesh, crop_square

Floats = NDArray[np.float64]

GRID = np.arange(3.0, 4.6, 0.02)
CHECKED = 200
"""Images on which the mesh is read with both sets of numbers."""


def terms(points: Floats) -> Floats:
    """What the crop is made of.

    Args:
        points: (n, 5, 2), the detector's eyes, nose and mouth corners

    Returns:
        (n, 3): interocular distance, and the offset from the eyes to the mouth along the eyes and down the face
    """
    eyes, mouth, axis = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1), points[:, 1] - points[:, 0]
    interocular = np.hypot(*axis.T)
    axis = axis / interocular[:, None]
    offset = mouth - eyes
    down = np.einsum("nd,nd->n", offset, np.stack([-axis[:, 1], axis[:, 0]], axis=1))
    return np.stack([interocular, np.einsum("nd,nd->n", offset, axis), np.abs(down)], axis=1)


def fit(points: Floats, crops: Floats) -> MeshCropNumbers:
    """The numbers of the first crop.

    Args:
        points: (n, 5, 2), the detector's points, in pixels
        crops: (n, 3), centre and side of the crop that the converged mesh asks for, in pixels
    """
    interocular, sideways, drop = terms(points).T
    axis = (points[:, 1] - points[:, 0]) / interocular[:, None]
    offset = crops[:, :2] - points[:, :2].mean(axis=1)
    along = np.einsum("nd,nd->n", offset, axis)
    down = np.einsum("nd,nd->n", offset, np.stack([-axis[:, 1], axis[:, 0]], axis=1))
    by_eyes, by_mouth = np.log(interocular / crops[:, 2]), np.log(drop / crops[:, 2])
    log_grid = np.log(GRID)
    errors = [
        ((np.maximum(e + by_eyes, log_grid[:, None] + by_mouth)) ** 2).mean(axis=1)  # one for each side_by_mouth
        for e in log_grid
    ]
    i, j = np.unravel_index(int(np.argmin(errors)), (len(GRID), len(GRID)))
    return MeshCropNumbers(
        side_by_eyes=float(GRID[i]),
        side_by_mouth=float(GRID[j]),
        sideways=float(along @ sideways / (sideways @ sideways)),
        down=float(down @ drop / (drop @ drop)),
    )


def misplaced(points: Floats, crops: Floats, numbers: MeshCropNumbers) -> Floats:
    """(n,) the distance of the crop's centre from the right one, and half the difference of their sides, in sides."""
    squares = [crop_square(five, numbers) for five in points]
    centres, sides = np.array([c for c, _, _ in squares]), np.array([s for _, s, _ in squares])
    return np.asarray(np.hypot(*(centres - crops[:, :2]).T) / crops[:, 2] + np.abs(sides / crops[:, 2] - 1) / 2)


def mesh_changes(images: list[Labelled], one: MeshCropNumbers, other: MeshCropNumbers) -> Floats:
    """How far the second reading of the mesh moves when the first crop is another.

    Returns:
        (n,) root mean square over the vertices, in interocular distances, for the largest face of each image
    """
    analyzer = open_analyzer()[0]

    def second_reading(image: Image, points: NDArray[np.float32], numbers: MeshCropNumbers) -> NDArray[np.float32]:
        centre, side, axis = crop_square(points, numbers)
        first = analyzer.mesh_model.read(image, square_crop(centre, side, axis, CROP_SIDE))
        return analyzer.mesh_model.read(image, crop_matrix_from_mesh(first.points[:, :2])).points

    moved = []
    for labelled_image in images:
        image = decode(labelled_image.file.read_bytes())
        found = analyzer.detector(image).largest_first(image.size)
        if len(found):
            before, after = (second_reading(image, found.points[0], numbers) for numbers in (one, other))
            left, right = eye_centres(before)
            distances = ((after - before)[:, :2] ** 2).sum(axis=1)
            moved.append(float(np.sqrt(distances.mean()) / np.hypot(*(right - left))))
    return np.array(moved)


def main() -> None:
    args = parse(__doc__)

    def measure() -> Table:
        rows = [(face.points, mesh_crop(face.mesh), person) for face, person in sure_faces(args, LIKELY_PRESENCE)]
        points, crops, people = zip(*rows, strict=True)
        return {"points": np.array(points), "crops": np.array(crops), "people": np.array(people)}

    table = cached(args.cache, f"fit_mesh_crop of {args.data}, {args.images} images", measure)
    points, crops = table["points"], table["crops"]
    shipped = MeshCropNumbers(**stored(MESH_CROP_FILE)["numbers"])
    fitted = fit(points, crops)

    def numbers(rows: NDArray[np.intp]) -> list[float]:
        return list(asdict(fit(points[rows], crops[rows])).values())

    interval = bootstrap(table["people"], numbers, replicates=60)
    print(f"{len(points)} faces of {len(set(table['people'].tolist()))} people of lfw-dev")
    off = {name: misplaced(points, crops, n) for name, n in {"shipped": shipped, "fitted": fitted}.items()}
    effects = {
        f"first crop off with the {name} numbers": f"median {100 * np.median(v):.2f} %, 95th percentile "
        f"{100 * np.quantile(v, 0.95):.2f} % of the crop's side"
        for name, v in off.items()
    }
    moved = mesh_changes(labelled(args.data, CHECKED), shipped, fitted)
    effects[f"second reading of the mesh would move, on {len(moved)} faces"] = (
        f"median {np.median(moved):.4f}, 95th percentile {np.quantile(moved, 0.95):.4f} interocular distances"
    )
    print(report(refits(asdict(shipped), list(asdict(fitted).values()), interval), effects))
    if args.write:
        write(
            MESH_CROP_FILE,
            {name: round(value, 2) for name, value in asdict(fitted).items()},
            origin="Fitted so that the crop from the detector's points agrees with the one that the converged mesh asks"
            " for; see the tool.",
            data={"set": "lfw-dev", "faces": len(points)},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_mesh_crop",
        )


if __name__ == "__main__":
    main()
