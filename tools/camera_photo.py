"""A photo of one face, as the degradations that train the embedder pass it on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import eye_centres

__all__ = ["Photo", "clipped"]


@dataclass(frozen=True, slots=True)
class Photo:
    """The pixels of a photo, and where the face is.

    Attributes:
        pixels: (height, width, 3) float32 RGB, 0..255.
        points: (468, 3) float32, the vertices of the face mesh in pixels; z grows away from the camera.
    """

    pixels: NDArray[np.float32]
    points: NDArray[np.float32]

    @property
    def interocular(self) -> float:
        """The distance of the eye centres in pixels."""
        left, right = eye_centres(self.points)
        return float(np.hypot(*(right - left)))

    def with_pixels(self, pixels: object) -> Photo:
        """The same face in other pixels of the same size. Values outside 0..255 are cut."""
        return Photo(clipped(pixels), self.points)

    def scaled(self, factor: float, interpolation: int) -> Photo:
        """The photo in another size; `interpolation` is one of OpenCV's."""
        height, width = self.pixels.shape[:2]
        size = max(8, round(width * factor)), max(8, round(height * factor))
        pixels = clipped(cv2.resize(self.pixels, size, interpolation=interpolation))
        scale = np.array([size[0] / width, size[1] / height, factor], np.float32)
        return Photo(pixels, self.points * scale)


def clipped(pixels: object) -> NDArray[np.float32]:
    """As float32 between 0 and 255."""
    return np.clip(np.asarray(pixels, np.float32), 0, 255)
