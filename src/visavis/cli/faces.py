"""`visavis faces PHOTO`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.cli.files import read_picture, write_file
from visavis.face import Face
from visavis.image import decode
from visavis.report import draw_faces
from visavis.runtime import open_engine

__all__ = ["add_arguments", "as_json", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path)
    add_engine_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print every field as JSON; places in pixels")
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="write the photo with the faces drawn on it")


def run(args: argparse.Namespace) -> int:
    picture = read_picture(args.photo)
    with open_engine(engine_settings(args), once=True) as engine:
        faces = engine.analyze(picture).faces
    if args.draw is not None:
        write_file(args.draw, draw_faces(decode(picture), faces))
    if args.json:
        print(json.dumps({"faces": [as_json(face) for face in faces]}))
    else:
        print("\n".join(_as_text(i, face) for i, face in enumerate(faces, 1)) or f"no face was found in {args.photo}")
    return 0


def as_json(face: Face) -> dict[str, object]:
    """Every field but the embedding; places in pixels of the upright picture."""
    return {
        "box": asdict(face.box),
        "confidence": face.confidence,
        "landmarks": {point.type.value: [point.x, point.y] for point in face.landmarks},
        "pose": asdict(face.pose),
        "quality": asdict(face.quality),
        "emotions": {e.type.value: e.confidence for e in face.emotions},
        "smile": None if face.smile is None else asdict(face.smile),
    }


def _as_text(number: int, face: Face) -> str:
    box, pose, quality = face.box, face.pose, face.quality
    place = f"{box.width:.0f} x {box.height:.0f} pixels at {box.left:.0f},{box.top:.0f}"
    lines = [
        f"face {number:<5}{place}, confidence {face.confidence:.2f}",
        f"  pose      roll {pose.roll:.0f}, yaw {pose.yaw:.0f}, pitch {pose.pitch:.0f} degrees",
        f"  quality   {quality.score:.0f}: brightness {quality.brightness:.0f}, sharpness {quality.sharpness:.0f}",
    ]
    if quality.reasons:
        lines.append("  poor in   " + ", ".join(quality.reasons))
    if face.emotions:
        lines.append("  looks     " + ", ".join(f"{e.type.lower()} {e.confidence:.0f}" for e in face.emotions[:3]))
    if face.smile is not None:
        lines.append(f"  smile     {'yes' if face.smile.value else 'no'}, {face.smile.confidence:.0f}")
    return "\n".join(lines)
