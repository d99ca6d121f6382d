"""`visavis faces PHOTO`."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from visavis.analysis import Analysis
from visavis.api.detect_faces import FaceAttribute, detail_for, render
from visavis.aws.wire import encode
from visavis.cli import values
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.cli.files import read_photos, refuse_overwriting, write_file
from visavis.cli.process import complain
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall
from visavis.face import Face
from visavis.image import decode
from visavis.report import draw_faces
from visavis.runtime import open_engine

__all__ = ["add_arguments", "as_json", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=values.photo, metavar="PHOTO", help="- for standard input")
    add_engine_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print Rekognition's response to DetectFaces as JSON")
    parser.add_argument(
        "--attributes", type=values.face_attributes, default=FaceAttribute.ALL, metavar="ALL|DEFAULT|NAME,NAME",
        help="with --json: all members, the default ones, or with these the ones named, such as SMILE,EYES_OPEN",
    )  # fmt: skip
    parser.add_argument(
        "--draw", type=values.picture_to_write, metavar="OUT.png|OUT.jpg",
        help="write the photo with the faces drawn on it, as the kind of picture that the suffix says",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    refuse_overwriting(args.draw, [args.photo.path])
    settings = engine_settings(args)
    (picture,) = read_photos([args.photo])
    with open_engine(settings, once=True) as engine:
        try:
            attributes = args.attributes if args.json else [FaceAttribute.ALL]
            analysis = engine.analyze(picture, detail=detail_for(attributes))
        except (BadImage, ImageTooLarge, ImageTooSmall) as error:
            raise type(error)(f"{args.photo}: {error}") from error
    faces = analysis.faces
    if args.draw is not None:
        write_file(args.draw, draw_faces(decode(picture), faces, args.draw.suffix))
    if args.json:
        print(as_json(analysis, args.attributes))
    else:
        print("\n".join(_as_text(i, face) for i, face in enumerate(faces, 1)) or f"no face was found in {args.photo}")
    if analysis.more:
        complain(f"warning: {args.photo} shows more faces; only the {len(faces)} largest are listed")
    return 0


def as_json(analysis: Analysis, attributes: Collection[FaceAttribute]) -> str:
    """The response to DetectFaces, as every other door gives it."""
    return encode(render(analysis, attributes)).decode()


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
