"""Fit `vision/data/gaze.json`, and print how well the gaze agrees with marked faces.

    python -m tools.fit_gaze [DATA] [--marks FILE] [--write]

The position of the eyeball's centre is fitted on all faces with a yaw within 6
degrees, on the assumption that they look into the camera on average. The marks state to which side some faces look.
They are used only to evaluate the result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tools.fitting import bootstrap, data_parser, identities, parse_data, refits, report, write

from visavis.analysis import Analyzer
from visavis.errors import VisavisError
from visavis.face import EyeDirection, Pose
from visavis.image import decode
from visavis.runtime import open_analyzer
from visavis.vision.gaze import (
    GAZE_FILE,
    NUMBERS,
    PUPIL_RADIUS,
    GazeNumbers,
    eye_direction,
    gaze_vectors,
    pupil_offsets,
)
from visavis.vision.openness import eyes_open
from visavis.vision.pose import pose_of

MARKS = Path(__file__).parent / "data/gaze_marks.json"
FRONTAL = 6.0  # degrees of yaw


@dataclass(frozen=True, slots=True)
class Gaze:
    """The gaze of one face.

    Attributes:
        pose: of the face.
        direction: of the gaze.
        offsets: (2, 2), see `pupil_offsets`.
        difference: (2,) yaw and pitch of the left eye minus those of the right eye, in degrees.
    """

    pose: Pose
    direction: EyeDirection
    offsets: NDArray[np.float64]
    difference: NDArray[np.float64]


def gazes(analyzer: Analyzer, files: Iterable[Path]) -> Iterator[tuple[str, Gaze]]:
    """Yield the name of each image and the gaze of its largest face, unless the eyes are too small."""
    orientation = analyzer.orientation
    for file in files:
        try:
            image = decode(file.read_bytes())
        except VisavisError as error:
            print(f"{file}: {error}")
            continue
        found = orientation.detect(image).largest_first(image.size)
        if not len(found):
            continue
        mesh = orientation.resolve(image, found.take(np.array([0])))[0].mesh.points
        eyes, pose = analyzer.pupils(image, mesh), pose_of(mesh)
        if eyes is None:
            continue
        direction = eye_direction(eyes.pupils, eyes.contours, mesh, pose, eyes_open(eyes.contours, pose))
        vectors = gaze_vectors(eyes.pupils, eyes.contours, mesh, pose)
        difference = np.degrees(vectors[0] - vectors[1])
        yield file.name, Gaze(pose, direction, pupil_offsets(eyes.pupils, eyes.contours, mesh, pose), difference)


def fitted(frontal: Sequence[Gaze]) -> GazeNumbers:
    """The numbers for which the average gaze of these frontal faces is into the camera."""
    x = np.mean([face.offsets[:, 0] for face in frontal], axis=0)
    # The mean pitch must be 0, so any other value is the error of the shipped number.
    error = np.mean([math.sin(math.radians(face.direction.pitch)) for face in frontal])
    return GazeNumbers(outward=float(x[1] - x[0]) / 2, upward=NUMBERS.upward + PUPIL_RADIUS * float(error))


def evaluated(faces: dict[str, Gaze], marks: dict[str, str | None]) -> Iterator[str]:
    """Lines about the faces that are marked as looking to a side or into the camera."""
    yaws = {
        side: [faces[name].direction.yaw for name, mark in marks.items() if mark == side] for side in marks.values()
    }
    left, right, camera = (np.array(yaws[side]) for side in ("left", "right", "camera"))
    yield f"marked: {len(left)} left, {len(right)} right, {len(camera)} camera, {len(yaws[None])} unclear"
    yield f"aside, and found on that side by 10 degrees or more: {(left <= -10).sum() + (right >= 10).sum()}"
    yield f"aside, and found on the other side or straight: {(left > -10).sum() + (right < 10).sum()}"
    yield f"into the camera: root mean square of yaw {math.sqrt((camera**2).mean()):.1f} degrees"


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--marks", type=Path, default=MARKS, help="the marked faces (default: %(default)s)")
    given = parse_data(parser)
    marks = {face["image"]: face["gaze"] for face in json.loads(given.marks.read_text("utf-8"))["faces"]}
    faces = dict(gazes(open_analyzer()[0], sorted((given.data / "lfw-dev/images").glob("*.jpg"))))
    frontal = {name: face for name, face in faces.items() if abs(face.pose.yaw) < FRONTAL}
    rows, people = list(frontal.values()), identities(given.data)
    numbers = {name: round(value, 4) for name, value in asdict(fitted(rows)).items()}
    interval = bootstrap(
        [people[name] for name in frontal], lambda drawn: list(asdict(fitted([rows[i] for i in drawn])).values())
    )
    print(f"{len(frontal)} frontal faces of {len(faces)}")
    difference = np.sqrt(np.mean([face.difference**2 for face in rows], axis=0))
    print(f"the two eyes of frontal faces differ by {difference.round(1)} degrees (root mean square of yaw, pitch)")
    print("\n".join(evaluated(faces, marks)))
    print(report(refits(asdict(NUMBERS), list(numbers.values()), interval), {}))
    if given.write:
        write(
            GAZE_FILE,
            numbers,
            origin="Chosen so that frontal faces look into the camera on average; the marks only check the result.",
            data={"set": f"lfw-dev, faces with a yaw within {FRONTAL:g} degrees", "faces": len(frontal)},
            networks=("detector", "mesh", "iris"),
            tool="python -m tools.fit_gaze",
        )


if __name__ == "__main__":
    main()
