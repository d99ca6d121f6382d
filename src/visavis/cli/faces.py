"""`visavis faces PHOTO`."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, engine_for_one, settings_options
from visavis.cli.files import ImageArgument, read_images, refuse_landmarks_alone, refuse_overwriting, write_file
from visavis.cli.options import argument, flag, landmarks_flag, option
from visavis.cli.process import DONE, complain
from visavis.cli.service import encoded, with_error_codes
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall

if TYPE_CHECKING:
    from visavis.analysis import Analysis
    from visavis.api.detect_faces import FaceAttribute
    from visavis.face import Attribute, Detail, Face
    from visavis.settings import Settings

__all__ = ["as_json", "faces"]


@click.command("faces", cls=Command)
@argument("image", parse=values.image, metavar="PHOTO")
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
@landmarks_flag
@settings_options(ENGINE)
def faces(
    *,
    settings: Settings,
    image: ImageArgument,
    json: bool,
    attributes: Collection[FaceAttribute],
    draw: Path | None,
    landmarks: bool,
) -> int:
    """Describe the faces of PHOTO, largest first and at most 100.

    The text has every field but the landmarks and the weaker emotions; --json has those too.

    A photo named - is read from standard input.
    """
    refuse_overwriting(draw, [image.path])
    refuse_landmarks_alone(draw, landmarks)
    (data,) = read_images([image])
    with engine_for_one(settings) as engine, with_error_codes() if json else nullcontext():
        try:
            analysis = engine.analyze(data, detail=_detail(json, attributes))
        except (BadImage, ImageTooLarge, ImageTooSmall) as error:
            raise type(error)(f"{image}: {error}") from error
    found = analysis.faces
    if draw is not None:
        from visavis.report import draw_faces

        write_file(draw, draw_faces(data, found, draw.suffix, landmarks=landmarks))
    if json:
        print(as_json(analysis, attributes))
    else:
        print("\n".join(_as_text(i, face) for i, face in enumerate(found, 1)) or f"no face was found in {image}")
    if analysis.more:
        complain(f"warning: {image} shows more faces; only the {len(found)} largest are listed")
    return DONE


def as_json(analysis: Analysis, attributes: Collection[FaceAttribute]) -> str:
    """The response to DetectFaces, byte for byte the same as from the server."""
    from visavis.api.detect_faces import render

    return encoded(render(analysis, attributes))


def _detail(json: bool, attributes: Collection[FaceAttribute]) -> Detail:
    from visavis.face import Detail

    if json:
        from visavis.api.detect_faces import detail_for

        return detail_for(attributes)
    return Detail.ALL


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
    lines += _attribute("smile", face.smile, "yes", "no")
    lines += _attribute("eyes", face.eyes_open, "open", "closed")
    lines += _attribute("mouth", face.mouth_open, "open", "closed")
    if (gaze := face.eye_direction) is not None:
        lines.append(
            f"  gaze      yaw {gaze.yaw:.0f}, pitch {gaze.pitch:.0f} degrees, confidence {gaze.confidence:.0f}"
        )
    return "\n".join(lines)


def _attribute(name: str, found: Attribute | None, if_true: str, if_false: str) -> list[str]:
    """The line of an attribute; none if it was not determined."""
    return [] if found is None else [f"  {name:10}{if_true if found.value else if_false}, {found.confidence:.0f}"]
