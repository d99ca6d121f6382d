"""A decoded image, and its halved copies."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Matrix, Size

__all__ = ["Image", "Pixels"]

Pixels = NDArray[np.uint8]


class Image:
    """An upright image, with halved copies of itself made when first needed. Threads may share it.

    Args:
        pixels: (height, width, 3) uint8 RGB, not to be written to; the image, or a copy of it halved
            `halvings` times.
        size: of the whole image; default: that of `pixels`.
        halvings: how often the sides of `pixels` were halved.
        decode_finer: called with 0 to `halvings` - 1; returns the image halved that often. May raise `BadImage`.
    """

    def __init__(
        self,
        pixels: Pixels,
        *,
        size: Size | None = None,
        halvings: int = 0,
        decode_finer: Callable[[int], Pixels] | None = None,
    ) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"an image is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
        self._size = size or Size(pixels.shape[1], pixels.shape[0])
        self._levels = {halvings: pixels}
        self._decode_finer = decode_finer
        self._lock = threading.Lock()

    @property
    def pixels(self) -> Pixels:
        """(height, width, 3) uint8 RGB, not to be written to."""
        return self._level(1)[0]

    @property
    def size(self) -> Size:
        return self._size

    @property
    def halvings(self) -> int:
        """How often the sides of the finest copy that is here were halved: 0 once the whole image is here."""
        return min(self._levels)

    def resized(self, size: Size) -> Pixels:
        """The whole image, reduced or enlarged to `size`: (size.height, size.width, 3) uint8."""
        import cv2

        # Averaging happens in the halved copies, so that the last step, by less than two, can be a cheap bilinear one.
        shrink = min(self.size.width / size.width, self.size.height / size.height)
        source, _ = self._level(shrink)
        return np.asarray(cv2.resize(source, (size.width, size.height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def warped(self, matrix: Matrix, size: Size) -> Pixels:
        """The image moved by `matrix`, a similarity, and cut to `size`; black where there is no image.

        Args:
            matrix: (2, 3), from this image's frame to the crop's, both in continuous pixels.

        Returns:
            (size.height, size.width, 3) uint8 RGB.
        """
        import cv2

        (a, b, _), (c, d, _) = matrix.tolist()
        source, halvings = self._level(1 / math.sqrt(abs(a * d - b * c)))
        affine = matrix * (2**halvings, 2**halvings, 1)
        # OpenCV counts from the middle of the first pixel, we from its corner.
        affine[:, 2] += (affine[:, 0] + affine[:, 1]) / 2 - 0.5
        crop = cv2.warpAffine(
            source, affine, (size.width, size.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(crop, np.uint8)

    def _level(self, shrink: float) -> tuple[Pixels, int]:
        """The smallest halved copy still at least as fine as the image reduced by `shrink`, and its halvings."""
        wanted = max(0, int(math.log2(shrink))) if shrink >= 1 else 0
        with self._lock:
            if wanted < min(self._levels) and self._decode_finer is not None:
                self._levels[wanted] = self._decode_finer(wanted)
            level = max(n for n in self._levels if n <= wanted)
            while level < wanted:
                halved = _halved(self._levels[level])
                if halved is None:
                    break
                level += 1
                self._levels[level] = halved
            return self._levels[level], level


def _halved(pixels: Pixels) -> Pixels | None:
    """Each pixel the mean of four; None where a side would vanish."""
    import cv2

    height, width = (n // 2 for n in pixels.shape[:2])
    if min(height, width) < 1:
        return None
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
