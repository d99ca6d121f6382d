"""Draws faces on their images: boxes, landmarks, pose axes and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.comparison import Comparison
from visavis.errors import InvalidRequest
from visavis.face import Face, LandmarkType, Pose
from visavis.files import IMAGE_SUFFIXES
from visavis.geometry import Size
from visavis.image import Image, decode, from_pixels
from visavis.inputs import ImageInput, bytes_or_pixels, short_repr

__all__ = ["Label", "draw_comparison", "draw_faces", "shown"]

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

_MAX_SIDE = 1400  # pixels; faces of a larger image are drawn on a reduced copy

_GREEN, _ORANGE, _BLUE, _WHITE, _BLACK = (60, 200, 90), (240, 140, 30), (70, 150, 255), (255, 255, 255), (0, 0, 0)
_AXES: tuple[Colour, Colour, Colour] = ((235, 70, 70), _GREEN, _BLUE)  # the face's x, y and z axis


@dataclass(frozen=True, slots=True)
class Label:
    """A face to draw.

    Attributes:
        face: in pixels of the image.
        text: drawn above the box.
        colour: of the box, RGB, 0..255 each.
    """

    face: Face
    text: str
    colour: Colour


def draw_comparison(
    source: Image | ImageInput, target: Image | ImageInput, comparison: Comparison, suffix: str = ".png"
) -> bytes:
    """Draw source and target side by side: the source's face blue, matches green, other faces orange.

    An image over 1400 pixels wide or high is drawn smaller.

    Args:
        source: the image of the first source: a JPEG or PNG as bytes, a path or an open file, RGB pixels (h, w, 3)
            uint8, or a decoded `Image`.
        target: the image of the target, likewise.
        comparison: of the two images.
        suffix: the format: `.png`, `.jpg` or `.jpeg`, in lower or upper case.

    Returns:
        The bytes of the image file.

    Raises:
        InvalidRequest: the suffix is another one, an image has a type that is not accepted, or a file cannot be read.
        BadImage, ImageTooLarge, ImageTooSmall: an image cannot be decoded.
        RuntimeError: OpenCV cannot encode the drawing.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> source, target = Path("examples/photos/ardern_2018.jpg"), Path("examples/photos/ardern_2022.jpg")
        >>> drawing = visavis.draw_comparison(source, target, visavis.compare(source, target))
        >>> drawing[1:4]
        b'PNG'
    """
    _check_suffix(suffix)
    faces = [Label(m.face, f"{shown(m.similarity)} match", _GREEN) for m in comparison.matches]
    faces += [Label(m.face, f"{shown(m.similarity)} no match", _ORANGE) for m in comparison.unmatched]
    left = _drawn(source, [Label(comparison.source, "source", _BLUE)])
    right = _drawn(target, faces)
    height = max(left.shape[0], right.shape[0])
    gap = np.full((height, 12, 3), 255, np.uint8)
    return _encoded(np.hstack([_padded(left, height), gap, _padded(right, height)]), suffix)


def draw_faces(image: Image | ImageInput, faces: Sequence[Face], suffix: str = ".png") -> bytes:
    """Draw the faces of an image, numbered in their order.

    Args:
        image: the image of the faces, as for `draw_comparison`.
        faces: in pixels of the image.
        suffix: as for `draw_comparison`.

    Returns:
        The bytes of the image file.

    Raises:
        InvalidRequest, BadImage, ImageTooLarge, ImageTooSmall, RuntimeError: as for `draw_comparison`.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> photo = Path("examples/photos/sunak.jpg")
        >>> with visavis.open_engine() as engine:
        ...     drawing = visavis.draw_faces(photo, engine.analyze(photo).faces, ".jpg")
        >>> drawing[:2].hex()
        'ffd8'
    """
    _check_suffix(suffix)
    labels = [Label(face, _described(i, face), _GREEN) for i, face in enumerate(faces, 1)]
    return _encoded(_drawn(image, labels), suffix)


def _described(number: int, face: Face) -> str:
    text = f"{number}: {face.confidence:.1f}"
    if face.emotions:
        text += f" {face.emotions[0].type.lower()}"
    return text


def _check_suffix(suffix: str) -> None:
    if str(suffix).lower() not in IMAGE_SUFFIXES:
        raise InvalidRequest(f"suffix must be one of {', '.join(IMAGE_SUFFIXES)}, not {short_repr(suffix)}")


def _decoded(image: Image | ImageInput) -> Image:
    if isinstance(image, Image):
        return image
    data = bytes_or_pixels(image)
    return decode(data) if isinstance(data, bytes) else from_pixels(data)


def _drawn(given: Image | ImageInput, labels: Sequence[Label]) -> Pixels:
    image = _decoded(given)
    scale = min(1.0, _MAX_SIDE / image.size.longer)
    size = Size(round(image.size.width * scale), round(image.size.height * scale))
    canvas = image.resized(size).copy()
    for label in labels:
        _draw_face(canvas, label, scale)
    return canvas


def _draw_face(canvas: Pixels, label: Label, scale: float) -> None:
    import cv2

    box, face = label.face.box, label.face
    side = scale * max(box.width, box.height)
    line = max(1, round(side / 150))
    top_left = round(box.left * scale), round(box.top * scale)
    bottom_right = round(box.right * scale), round(box.bottom * scale)
    cv2.rectangle(canvas, top_left, bottom_right, label.colour, line, cv2.LINE_AA)
    for point in face.landmarks:
        centre = round(point.x * scale), round(point.y * scale)
        cv2.circle(canvas, centre, max(1, round(side / 120)), _WHITE, -1, cv2.LINE_AA)
    nose = face.landmark(LandmarkType.NOSE)
    if nose is not None:
        for tip, colour in zip(_axes(face.pose), _AXES, strict=True):
            end = round(nose.x * scale + tip[0] * side / 3), round(nose.y * scale + tip[1] * side / 3)
            cv2.line(canvas, (round(nose.x * scale), round(nose.y * scale)), end, colour, line + 1, cv2.LINE_AA)
    _write(canvas, label.text, top_left, max(0.4, min(1.2, side / 350)), label.colour)


def _axes(pose: Pose) -> NDArray[np.float64]:
    """The directions on the screen of the face's axes (to the viewer's right, up, out of the face): (3, 2)."""
    roll, yaw, pitch = (math.radians(a) for a in (pose.roll, pose.yaw, pose.pitch))
    turn_pitch = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    turn_yaw = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    turn_roll = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    # Screen frame: x right, y down, z towards the viewer. Looking up moves the nose towards negative y.
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    return np.asarray((turn_roll @ turn_yaw @ turn_pitch @ axes.T).T[:, :2])


def _write(canvas: Pixels, text: str, at: tuple[int, int], size: float, colour: Colour) -> None:
    import cv2

    thick = max(1, round(size * 1.5))
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    # Above the box, or inside it if there is no room above; never beyond the right edge.
    x = max(0, min(at[0], canvas.shape[1] - width - 4))
    y = at[1] - 4 if at[1] > height + below + 6 else at[1] + height + below
    y = max(height + 2, y)
    cv2.rectangle(canvas, (x, y - height - 4), (x + width + 4, y + below), colour, -1)
    cv2.putText(canvas, text, (x + 2, y - 2), cv2.FONT_HERSHEY_SIMPLEX, size, _BLACK, thick, cv2.LINE_AA)


def shown(similarity: float) -> str:
    """A similarity as text with two decimals, rounded down, so that only a similarity of 100 is shown as 100.00.

    Example:
        >>> shown(99.999)
        '99.99'
    """
    return f"{math.floor(similarity * 100) / 100:.2f}"


def _padded(image: Pixels, height: int) -> Pixels:
    return np.pad(image, ((0, height - image.shape[0]), (0, 0), (0, 0)), constant_values=255)


def _encoded(rgb: Pixels, suffix: str) -> bytes:
    import cv2

    done, data = cv2.imencode(suffix.lower(), rgb[:, :, ::-1])
    if not done:
        raise RuntimeError(f"OpenCV did not encode a {suffix} image")
    return data.tobytes()
