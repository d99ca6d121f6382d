"""Fit the proportions of the box, `vision/data/box.json`.

    python -m tools.fit_box [DATA] [--images N] [--write]

The factors on the mesh's extents bring the medians over the near-frontal faces of DATA/lfw-dev to those of recorded
answers of Amazon: `TARGETS`. Those were counted on more recordings than DATA/recorded holds; the tool counts them again
on what is there and prints both.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from tools.fitting import Labelled, bootstrap, labelled, parse, refits, report, stored, write
from tools.fitting_faces import Measured, Measurer, Recorded, Table, cached, each, recorded_faces

from visavis.face_mesh import MOUTH_CORNERS, eye_centres
from visavis.image import decode
from visavis.orientation import LIKELY_PRESENCE
from visavis.vision.landmarks import BOX_FILE, BoxNumbers, level_frame

Floats = NDArray[np.float64]

TARGETS = (2.21, 2.86, 0.38)
"""Medians over recorded answers: the box's width over the interocular distance, its height over the distance from
the midpoint of the eyes to the mouth, and the height of the eyes in it, from the top."""

MAX_TURN, MAX_PITCH = 8.0, 10.0
"""Degrees of roll and yaw, and of pitch about that of a face that looks straight ahead, of a near-frontal face."""


def extents(face: Measured) -> list[float]:
    """Width of the mesh over the interocular distance, and its extents above and below the eyes over eyes to mouth."""
    middle, frame = level_frame(face.mesh)
    levelled = (face.mesh[:, :2] - middle) @ frame.T
    eyes = eye_centres(face.mesh)
    interocular = float(np.hypot(*(eyes[1] - eyes[0])))
    mouth = face.mesh[list(MOUTH_CORNERS), :2].mean(axis=0)
    down = float(np.hypot(*(mouth - eyes.mean(axis=0))))
    low, high = levelled.min(axis=0), levelled.max(axis=0)
    return [float(high[0] - low[0]) / interocular, -float(low[1]) / down, float(high[1]) / down]


def near_frontal(face: Measured, pitch_zero: float) -> bool:
    pose = face.pose
    turned = max(abs(pose.yaw), abs(pose.roll)) >= MAX_TURN or abs(pose.pitch - pitch_zero) >= MAX_PITCH
    return not turned and face.presence >= LIKELY_PRESENCE


def fit(table: Floats, targets: tuple[float, float, float] = TARGETS) -> BoxNumbers:
    """The factors that bring the medians of a table of `extents`, (n, 3), to the targets.

    The median of a height is not the sum of the medians of its parts, so the height is corrected until it is right.
    """
    width, height, eye_line = targets
    across, up, down = np.median(table, axis=0)
    above, below = eye_line * height / up, (1 - eye_line) * height / down
    for _ in range(50):
        heights = above * table[:, 1] + below * table[:, 2]
        line = float(np.median(above * table[:, 1] / heights))
        scale = height / float(np.median(heights))
        above, below = scale * above * eye_line / line, scale * below * (1 - eye_line) / (1 - line)
    return BoxNumbers(sideways=float(width / across), above=float(above), below=float(below))


def amazons(faces: list[Recorded]) -> Floats:
    """(n, 3) what `TARGETS` are medians of, of Amazon's own boxes and points, for its near-frontal faces."""
    rows = []
    for face in faces:
        left, right, *mouth = (face.landmarks[n] for n in ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight"))
        eyes = (left + right) / 2
        if max(abs(face.pose.roll), abs(face.pose.yaw)) < MAX_TURN:
            size = face.box[2:] - face.box[:2]
            down = float(np.hypot(*(np.mean(mouth, axis=0) - eyes)))
            width = float(size[0] / np.hypot(*(right - left)))
            rows.append([width, float(size[1]) / down, float((eyes[1] - face.box[1]) / size[1])])
    return np.array(rows).reshape(-1, 3)


def main() -> None:
    args = parse(__doc__, images=1500)
    pitch_zero = float(stored("vision/data/pose.json")["numbers"]["pitch_zero"])

    def measure() -> Table:
        measurer = Measurer()

        def one(image: Labelled) -> tuple[list[float], str] | None:
            face = measurer.largest(decode(image.file.read_bytes()))
            return (extents(face), image.identity) if face is not None and near_frontal(face, pitch_zero) else None

        rows = [row for row in each(one, labelled(args.data, args.images)) if row is not None]
        table, people = zip(*rows, strict=True)
        recorded = amazons(recorded_faces(args.data, measurer))
        return {"extents": np.array(table), "people": np.array(people), "recorded": recorded}

    table = cached(args.cache, f"fit_box of {args.data}, {args.images} images", measure)
    extent, recorded = table["extents"], table["recorded"]
    shipped = BoxNumbers(**stored(BOX_FILE)["numbers"])
    fitted = fit(extent)

    def numbers(rows: NDArray[np.intp]) -> list[float]:
        return list(asdict(fit(extent[rows])).values())

    interval = bootstrap(table["people"], numbers)
    print(f"{len(extent)} near-frontal faces of {len(set(table['people'].tolist()))} people of lfw-dev")
    if len(recorded):
        medians = zip(np.median(recorded, axis=0), recorded.std(axis=0), strict=True)
        again = ", ".join(f"{median:.2f} +- {deviation:.2f}" for median, deviation in medians)
        print(f"targets {TARGETS}; of {len(recorded)} near-frontal recorded faces they are {again}")
    width = float(np.median(extent[:, 0]) * abs(fitted.sideways - shipped.sideways))
    heights = [float(np.median(extent[:, 1] * n.above + extent[:, 2] * n.below)) for n in (shipped, fitted)]
    effects = {
        "median width of a box would change by": f"{width:.3f} interocular distances",
        "median height of a box would change by": f"{abs(heights[1] - heights[0]):.3f} distances from eyes to mouth",
    }
    print(report(refits(asdict(shipped), list(asdict(fitted).values()), interval), effects))
    if args.write:
        write(
            BOX_FILE,
            {name: round(value, 3) for name, value in asdict(fitted).items()},
            origin=f"The factors bring the medians to those of recorded answers, {TARGETS}: width in interocular "
            "distances, height in distances from eyes to mouth, height of the eyes in the box; see the tool.",
            data={"set": "lfw-dev, near-frontal faces", "faces": len(extent)},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_box",
        )


if __name__ == "__main__":
    main()
