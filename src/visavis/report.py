"""Draws faces on their images."""

from __future__ import annotations

from collections.abc import Sequence

from visavis.comparison import Comparison
from visavis.drawing import Kind, Mark, Picture, check_suffix, compose_one, encoded, opened
from visavis.face import Face
from visavis.image import Image
from visavis.inputs import ImageInput

__all__ = ["draw_comparison", "draw_faces"]


def draw_comparison(
    source: Image | ImageInput | Sequence[Image | ImageInput],
    target: Image | ImageInput,
    comparison: Comparison,
    suffix: str = ".png",
    *,
    landmarks: bool = False,
) -> bytes:
    """Draw source and target side by side; the same as `Comparison.draw`.

    Args:
        source: as for `Comparison.draw`.
        target: as for `Comparison.draw`.
        comparison: of these images.
        suffix: the format: `.png`, `.jpg` or `.jpeg`, in lower or upper case.
        landmarks: whether the landmarks and the axes of the pose are drawn as well.

    Returns:
        The bytes of the image file.

    Raises:
        InvalidRequest, BadImage, ImageTooLarge, ImageTooSmall: as for `Comparison.draw`.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> source, target = Path("examples/photos/ardern_2018.jpg"), Path("examples/photos/ardern_2022.jpg")
        >>> drawing = visavis.draw_comparison(source, target, visavis.compare(source, target))
        >>> drawing[1:4]
        b'PNG'
    """
    return comparison.draw(source, target, suffix, landmarks=landmarks)


def draw_faces(
    image: Image | ImageInput, faces: Sequence[Face], suffix: str = ".png", *, landmarks: bool = False
) -> bytes:
    """Draw the faces of an image, numbered in their order, each with its confidence and its likeliest emotion.

    Where labels find no room, a legend lists the faces. The sizes are those of `Comparison.draw`.

    Args:
        image: the image of the faces, as for `Comparison.draw`.
        faces: in pixels of the image.
        suffix: as for `draw_comparison`.
        landmarks: as for `draw_comparison`.

    Returns:
        The bytes of the image file.

    Raises:
        InvalidRequest, BadImage, ImageTooLarge, ImageTooSmall: as for `Comparison.draw`.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> photo = Path("examples/photos/sunak.jpg")
        >>> with visavis.open_engine() as engine:
        ...     drawing = visavis.draw_faces(photo, engine.analyze(photo).faces, ".jpg")
        >>> drawing[:2].hex()
        'ffd8'
    """
    check_suffix(suffix)
    marks = [_mark(str(i), face) for i, face in enumerate(faces, 1)]
    return encoded(compose_one(Picture(opened(image), marks), landmarks=landmarks), suffix)


def _mark(name: str, face: Face) -> Mark:
    emotion = face.emotions[0].type.lower() if face.emotions else ""
    confidence = f"{face.confidence:.1f}"
    return Mark(face, Kind.SOURCE, name, f"{confidence} {emotion}".rstrip(), "confidence")
