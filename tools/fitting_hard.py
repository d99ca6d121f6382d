"""Hard faces of lfw-dev, for the tool that fits the confidence: turned, dark, blurred, tiny, covered and cut faces."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from bench.small_faces import backdrop
from numpy.typing import NDArray
from tools.camera import cut, defocused, dim, low_light
from tools.camera_occlusion import masked, rectangle
from tools.camera_photo import Photo
from tools.camera_yaw import turned_head
from tools.fitting import Arguments, Labelled, labelled
from tools.fitting_degraded import measured_rows
from tools.fitting_faces import Measured, Measurer, Table, cached, each, mesh_box

from visavis.image import Image, decode

__all__ = ["HARD", "hard_faces"]

IMAGES = 300

Random = np.random.Generator


def tiny(photo: Photo, strength: float, rng: Random) -> Photo:
    """The photo on a large scene, its face 20 to 60 pixels high."""
    height = 60 - 40 * strength * rng.uniform(0.5, 1)
    box = mesh_box(photo.points)
    small = photo.scaled(min(1.0, height / float(box[3] - box[1])), cv2.INTER_AREA)
    scene = backdrop()[:600, :800].astype(np.float32)
    h, w = small.pixels.shape[:2]
    top, left = int(rng.integers(0, 600 - h)), int(rng.integers(0, 800 - w))
    scene[top : top + h, left : left + w] = small.pixels
    return Photo(scene, small.points + np.array([left, top, 0], np.float32))


HARD: dict[str, Callable[[Photo, float, Random], Photo]] = {
    "turned head": turned_head,
    "dim": dim,
    "low light": low_light,
    "defocused": defocused,
    "masked": masked,
    "rectangle": rectangle,
    "cut": cut,
    "tiny": tiny,
}
"""Ways in which a face is hard to see, each at full strength."""


def hard_faces(args: Arguments, measurer: Measurer) -> Table:
    """A row for each detection of a face that is hard to see: `measured_rows` with `identity` and `how`.

    A face that the detector does not see has no row.
    """

    images = min(args.images, IMAGES)

    def measure() -> Table:
        works = [(image, how) for image in labelled(args.data, images, seed=2) for how in HARD]

        def one(work: tuple[Labelled, str]) -> Measured | None:
            image, how = work
            upright = decode(image.file.read_bytes())
            plain = measurer.largest(upright)
            if plain is None:
                return None
            rng = np.random.default_rng(zlib.crc32(f"{image.file.name} {how}".encode()))
            hard = HARD[how](Photo(upright.pixels.astype(np.float32), plain.mesh), 1.0, rng)
            return seen(measurer, hard)

        rows = [(work, face) for work, face in zip(works, each(one, works), strict=True) if face is not None]
        return {
            "identity": np.array([image.identity for (image, _), _ in rows]),
            "how": np.array([how for (_, how), _ in rows]),
            **measured_rows([face for _, face in rows]),
        }

    return cached(args.cache and args.cache.with_suffix(".hard.npz"), f"hard faces of {args.data}, {images}", measure)


def seen(measurer: Measurer, photo: Photo) -> Measured | None:
    """The detection nearest to the face of a photo, or None if none is within half of its size."""
    found = measurer.all(Image(np.ascontiguousarray(photo.pixels.round().astype(np.uint8))))
    middle = photo.points[:, :2].mean(axis=0)
    reach = 0.5 * float(np.ptp(photo.points[:, 1]))

    def away(face: Measured) -> float:
        offset: NDArray[np.float32] = face.mesh[:, :2].mean(axis=0) - middle
        return float(np.hypot(*offset))

    near = [face for face in found if away(face) < reach]
    return min(near, key=away) if near else None
