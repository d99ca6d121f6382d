"""Fit the proportions of the box, `vision/data/box.json`.

    python -m tools.fit_box [DATA] [--cache FILE] [--write]

The factors on the mesh's extents have the highest mean IoU with Amazon's boxes over the faces of DATA/recorded that are
turned by at most `MAX_YAW` and on which the mesh is sure. The interval is a bootstrap over faces.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from bench.answers import iou
from numpy.typing import NDArray
from scipy.optimize import minimize
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_faces import LIKELY_PRESENCE, Measurer, Table, cached, recorded_faces

from visavis.vision.landmarks import BOX_FILE, BoxNumbers, box_around

Floats = NDArray[np.float64]

MAX_YAW = 45.0
"""Degrees; beyond it the extents of the mesh are those of one side of the face."""


def overlaps(meshes: NDArray[np.float32], boxes: Floats, numbers: BoxNumbers) -> Floats:
    """(n,) the IoU of the box of each mesh, (n, 468, 3), with another, (n, 4): left, top, right, bottom."""
    ours = [box_around(mesh, numbers) for mesh in meshes]
    corners = np.array([[box.left, box.top, box.right, box.bottom] for box in ours])
    return np.array([iou(one, other) for one, other in zip(corners, boxes, strict=True)])


def fit(meshes: NDArray[np.float32], boxes: Floats, start: BoxNumbers) -> BoxNumbers:
    """The factors with the highest mean IoU."""

    def cost(values: Floats) -> float:
        return 1 - float(overlaps(meshes, boxes, BoxNumbers(*(float(v) for v in values))).mean())

    first = np.array(list(asdict(start).values()))
    best = minimize(cost, first, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5})
    return BoxNumbers(*(float(v) for v in best.x))


def main() -> None:
    args = parse(__doc__)

    def measure() -> Table:
        faces = [
            face
            for face in recorded_faces(args.data, Measurer())
            if abs(face.pose.yaw) <= MAX_YAW and face.ours.presence >= LIKELY_PRESENCE
        ]
        return {"meshes": np.array([f.ours.mesh for f in faces]), "boxes": np.array([f.box for f in faces])}

    table = cached(args.cache, f"fit_box of {args.data}", measure)
    meshes, boxes = table["meshes"], table["boxes"]
    shipped = BoxNumbers(**stored(BOX_FILE)["numbers"])
    fitted = fit(meshes, boxes, shipped)

    def numbers(rows: NDArray[np.intp]) -> list[float]:
        return list(asdict(fit(meshes[rows], boxes[rows], shipped)).values())

    interval = bootstrap(np.arange(len(boxes)), numbers, replicates=60)
    print(f"{len(boxes)} recorded faces")
    effects = {}
    for name, one in {"shipped": shipped, "fitted": fitted}.items():
        found = overlaps(meshes, boxes, one)
        effects[f"IoU with the {name} numbers"] = (
            f"median {np.median(found):.3f}, 10th percentile {np.quantile(found, 0.1):.3f}, lowest {found.min():.3f}"
        )
    print(report(refits(asdict(shipped), list(asdict(fitted).values()), interval), effects))
    if args.write:
        write(
            BOX_FILE,
            {name: round(value, 3) for name, value in asdict(fitted).items()},
            origin="The factors with the highest mean IoU with Amazon's boxes; see the tool.",
            data={"set": "recorded responses of Amazon Rekognition with their images", "faces": len(boxes)},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_box",
        )


if __name__ == "__main__":
    main()
