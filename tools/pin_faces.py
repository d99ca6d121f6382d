"""Pin the faces that tests/golden/test_pinned_faces.py expects.

    python -m tools.pin_faces

Run it after a change that moves boxes, landmarks, poses or confidences on purpose. It prints how far each has moved.
"""

from __future__ import annotations

import json
from pathlib import Path

from visavis.engine import Engine
from visavis.face import Attribute, Face
from visavis.runtime import open_engine

__all__ = ["pinned"]

ROOT = Path(__file__).parent.parent
FILE = ROOT / "tests/golden/faces.json"

Numbers = dict[str, list[float]]


def pinned(face: Face) -> Numbers:
    """Return the rounded numbers of a face, by name.

    Returns:
        box: left, top, width and height, in fractions of the image.
        pose: roll, yaw and pitch, in degrees.
        confidence: in percent.
        landmarks: x and y of each landmark in order, in fractions of the image.
        open: the probabilities that the eyes and that the mouth are open, in percent.
        gaze: yaw and pitch in degrees, confidence in percent.
    """
    box, size = face.box.relative_to(face.image_size), face.image_size
    points = [v for p in face.landmarks for v in (p.x / size.width, p.y / size.height)]
    return {
        "box": [round(v, 5) for v in (box.left, box.top, box.width, box.height)],
        "pose": [round(v, 2) for v in (face.pose.roll, face.pose.yaw, face.pose.pitch)],
        "confidence": [round(face.confidence, 4)],
        "landmarks": [round(v, 5) for v in points],
        "open": [round(open_percent(attribute), 3) for attribute in (face.eyes_open, face.mouth_open)],
        "gaze": [round(v, 2) for v in gaze_of(face)],
    }


def open_percent(attribute: Attribute | None) -> float:
    """The probability in percent that an attribute is true.

    Raises:
        ValueError: it was not computed.
    """
    if attribute is None:
        raise ValueError("the face must be analysed with Detail.ALL")
    return attribute.confidence if attribute.value else 100 - attribute.confidence


def gaze_of(face: Face) -> tuple[float, float, float]:
    """Yaw, pitch and confidence of the gaze.

    Raises:
        ValueError: the eyes are too small.
    """
    if face.eye_direction is None:
        raise ValueError("the eyes of the face must be large enough for a gaze")
    return face.eye_direction.yaw, face.eye_direction.pitch, face.eye_direction.confidence


def main() -> None:
    before: dict[str, Numbers] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    with open_engine() as engine:
        now = {path.stem: of_photo(engine, path) for path in sorted((ROOT / "examples/photos").glob("*.jpg"))}
    for key in next(iter(now.values())):
        moved = [
            abs(new - old)
            for name, numbers in now.items()
            if name in before
            for new, old in zip(numbers[key], before[name].get(key, ()), strict=False)
        ]
        print(f"{key}: moved by at most {max(moved, default=float('nan')):g}")
    FILE.write_text(as_text(now), "utf-8")


def of_photo(engine: Engine, path: Path) -> Numbers:
    return pinned(engine.analyze(path.read_bytes()).faces[0])


def as_text(faces: dict[str, Numbers]) -> str:
    """Format the numbers as JSON, with one entry in each line."""
    photos = (
        f' "{name}": {{\n' + ",\n".join(f'  "{key}": {json.dumps(row)}' for key, row in numbers.items()) + "\n }"
        for name, numbers in faces.items()
    )
    return "{\n" + ",\n".join(photos) + "\n}\n"


if __name__ == "__main__":
    main()
