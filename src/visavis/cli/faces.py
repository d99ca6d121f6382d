"""`visavis faces PHOTO`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, settings_options
from visavis.cli.files import Photo, read_photos, refuse_overwriting, write_file
from visavis.cli.options import argument, flag, option
from visavis.cli.process import DONE, complain
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall

if TYPE_CHECKING:
    from visavis.analysis import Analysis
    from visavis.api.detect_faces import FaceAttribute
    from visavis.face import Face
    from visavis.settings import Settings

__all__ = ["as_json", "faces"]


@click.command("faces", cls=Command)
@argument("photo", parse=values.photo, metavar="PHOTO")
@flag("--json", help="Print Rekognition's response to DetectFaces as JSON.")
@option(
    "--attributes",
    parse=values.face_attributes,
    default="ALL",
    metavar="ALL|DEFAULT|NAME,NAME",
    help="With --json: ALL members, the DEFAULT ones, or these and the named ones, such as SMILE,EYES_OPEN.",
)
@option(
    "--draw",
    parse=values.image_to_write,
    metavar="OUT.png|OUT.jpg",
    help="Write the photo with the faces drawn on it, as PNG or JPEG.",
)
@settings_options(ENGINE)
def faces(
    *, settings: Settings, photo: Photo, json: bool, attributes: Collection[FaceAttribute], draw: Path | None
) -> int:
    """Show every field of the faces of PHOTO, largest first and at most 100.

    A photo named - is read from standard input.
    """
    from visavis.api.detect_faces import detail_for
    from visavis.face import Detail
    from visavis.image import decode
    from visavis.report import draw_faces
    from visavis.runtime import open_engine

    refuse_overwriting(draw, [photo.path])
    (image,) = read_photos([photo])
    with open_engine(settings, once=True) as engine:
        try:
            analysis = engine.analyze(image, detail=detail_for(attributes) if json else Detail.ALL)
        except (BadImage, ImageTooLarge, ImageTooSmall) as error:
            raise type(error)(f"{photo}: {error}") from error
    found = analysis.faces
    if draw is not None:
        write_file(draw, draw_faces(decode(image), found, draw.suffix))
    if json:
        print(as_json(analysis, attributes))
    else:
        print("\n".join(_as_text(i, face) for i, face in enumerate(found, 1)) or f"no face was found in {photo}")
    if analysis.more:
        complain(f"warning: {photo} shows more faces; only the {len(found)} largest are listed")
    return DONE


def as_json(analysis: Analysis, attributes: Collection[FaceAttribute]) -> str:
    """The response to DetectFaces, byte for byte the same as from the server."""
    from visavis.api.detect_faces import render
    from visavis.aws.wire import encode

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
