"""Pictures with made-up faces, for tests of drawings."""

from __future__ import annotations

import numpy as np

from tests.unit.test_response import make_face
from visavis.drawing import Kind, Mark, Picture
from visavis.face import Face
from visavis.geometry import Box, Size
from visavis.image import Image

__all__ = ["made_up_faces", "marked_pictures"]


def made_up_faces(count: int, size: Size, *, seed: int = 0, side: float = 0.12) -> list[Face]:
    """Faces that overlap each other and the edges of their picture, always the same for a seed.

    Args:
        count: of the faces.
        size: of the picture.
        seed: of the random places.
        side: of the largest face, as a fraction of the longer side of the picture; the smallest is a third of it.
    """
    random = np.random.default_rng(seed)
    faces = []
    for _ in range(count):
        width = size.longer * side * random.uniform(1 / 3, 1)
        x, y = random.uniform(-0.3 * width, (size.width - 0.6 * width, size.height - 0.6 * width))
        faces.append(make_face(Box(x, y, x + width, y + 1.3 * width), size))
    return faces


def marked_pictures(
    faces: int, size: Size, *, matches: int = 0, seed: int = 0, side: float = 0.12
) -> tuple[Picture, Picture]:
    """A source and a target of a size, the target with some faces. The images have no pixels worth a look."""
    image = Image(np.zeros((1, 1, 3), np.uint8), size=size)
    middle = Box(0.4 * size.width, 0.3 * size.height, 0.6 * size.width, 0.6 * size.height)
    source = Picture(image, [Mark(make_face(middle, size), Kind.SOURCE, "S")])
    marks = [
        Mark(face, Kind.MATCH if i < matches else Kind.OTHER, str(i + 1), "99.99", "match", joined=i < matches)
        for i, face in enumerate(made_up_faces(faces, size, seed=seed, side=side))
    ]
    return source, Picture(image, marks)
