"""Fit `vision/data/gaze.json`, and print how well the gaze agrees with marked faces.

    python -m tools.fit_gaze tools/data/gaze_marks.json --data FOLDER

FOLDER contains `lfw-dev/images/`. The position of the eyeball's centre is fitted on all faces with a yaw within 6
degrees, on the assumption that they look into the camera on average. The marks state to which side some faces look.
They are used only to evaluate the result. With `--write` the numbers are written to the package.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analyzer
from visavis.errors import VisavisError
from visavis.face import EyeDirection, Pose
from visavis.files import writing_atomically
from visavis.image import decode
from visavis.runtime import open_analyzer, open_store
from visavis.settings import Settings
from visavis.vision.gaze import NUMBERS, PUPIL_RADIUS, GazeNumbers, eye_direction, gaze_vectors, pupil_offsets
from visavis.vision.openness import eyes_open
from visavis.vision.pose import pose_of

OUT = Path(__file__).parent.parent / "src/visavis/vision/data/gaze.json"
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
        mesh = orientation.resolve(image, found.boxes[0], found.points[0], float(found.scores[0])).mesh.points
        eyes, pose = analyzer.pupils(image, mesh), pose_of(mesh)
        if eyes is None:
            continue
        direction = eye_direction(eyes.pupils, eyes.contours, mesh, pose, eyes_open(eyes.contours, pose))
        vectors = gaze_vectors(eyes.pupils, eyes.contours, mesh, pose)
        difference = np.degrees(vectors[0] - vectors[1])
        yield file.name, Gaze(pose, direction, pupil_offsets(eyes.pupils, eyes.contours, mesh, pose), difference)


def fitted(faces: Iterable[Gaze]) -> GazeNumbers:
    """The numbers for which the average gaze of frontal faces is into the camera."""
    frontal = [face for face in faces if abs(face.pose.yaw) < FRONTAL]
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with lfw-dev/")
    parser.add_argument("--write", action="store_true", help="write the numbers into the package")
    given = parser.parse_args()
    marks = {face["image"]: face["gaze"] for face in json.loads(given.marks.read_text("utf-8"))["faces"]}
    faces = dict(gazes(open_analyzer()[0], sorted((given.data / "lfw-dev/images").glob("*.jpg"))))
    numbers = fitted(faces.values())
    numbers = GazeNumbers(round(numbers.outward, 4), round(numbers.upward, 4))
    frontal = [face for face in faces.values() if abs(face.pose.yaw) < FRONTAL]
    print(f"{len(frontal)} frontal faces of {len(faces)}\nfitted:  {numbers}\nshipped: {NUMBERS}")
    difference = np.sqrt(np.mean([face.difference**2 for face in frontal], axis=0))
    print(f"the two eyes of frontal faces differ by {difference.round(1)} degrees (root mean square of yaw, pitch)")
    print("\n".join(evaluated(faces, marks)))
    if given.write:
        write(numbers, len(frontal))


def write(numbers: GazeNumbers, count: int) -> None:
    """Write the numbers with their origin, the date and the SHA-256 of the networks."""
    models = open_store(Settings.from_env()).manifest.models
    content = {
        "numbers": asdict(numbers),
        "origin": "Chosen so that frontal faces look into the camera on average; the marks only check the result.",
        "data": {"set": f"lfw-dev, faces with a yaw within {FRONTAL:g} degrees", "faces": count},
        "date": datetime.now(UTC).date().isoformat(),
        "networks": {network: models[network].sha256 for network in ("detector", "mesh", "iris")},
        "tool": "python -m tools.fit_gaze tools/data/gaze_marks.json --data FOLDER --write",
    }
    with writing_atomically(OUT) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
