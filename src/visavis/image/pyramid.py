"""A decoded image with its halved copies: an image pyramid."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Matrix, Size

__all__ = ["Image", "Pixels", "in_strips"]

Pixels = NDArray[np.uint8]

_STRIP_ROWS = 256


class Image:
    """An upright image and its halved copies, which are made at first use. Threads may share it.

    Args:
        pixels: (height, width, 3) uint8 RGB, the image halved `halvings` times. It must not be written to.
        size: of the whole image. Default: that of `pixels`.
        halvings: how often the sides of `pixels` were halved.
        decode_finer: called with 0 to `halvings` - 1; returns the image halved that often. It may raise `BadImage`.
        check: called before each use of the image; raises an error if the work on it must end.

    Raises:
        ValueError: `pixels` has another shape or dtype.
    """

    def __init__(
        self,
        pixels: Pixels,
        *,
        size: Size | None = None,
        halvings: int = 0,
        decode_finer: Callable[[int], Pixels] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"an image is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
        self._size = size or Size(pixels.shape[1], pixels.shape[0])
        self._levels = {halvings: pixels}
        self._decode_finer = decode_finer
        self._check = check
        self._lock = threading.Lock()

    @property
    def pixels(self) -> Pixels:
        """The whole image, (height, width, 3) uint8 RGB. It must not be written to."""
        return self._level(1)[0]

    @property
    def size(self) -> Size:
        """The size of the whole image."""
        return self._size

    @property
    def halvings(self) -> int:
        """How often the finest copy in memory was halved; 0 once the whole image was decoded."""
        return min(self._levels)

    def resized(self, size: Size, out: Pixels | None = None) -> Pixels:
        """Resize the whole image.

        Args:
            size: wanted.
            out: (size.height, size.width, 3) uint8, where the pixels are written and which is returned. Default: a new
                array.

        Returns:
            (size.height, size.width, 3) uint8 RGB.
        """
        import cv2

        # The halved copies average pixels. The last step is by a factor below two, so cheap bilinear interpolation is
        # enough.
        shrink = min(self.size.width / size.width, self.size.height / size.height)
        source, _ = self._level(shrink)
        resized = cv2.resize(source, (size.width, size.height), out, interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, np.uint8)

    def warped(self, matrix: Matrix, size: Size) -> Pixels:
        """Cut a crop out of the image.

        Args:
            matrix: the crop matrix, (2, 3), a similarity transform from this image to the crop, both in continuous
                pixels.
            size: of the crop.

        Returns:
            (size.height, size.width, 3) uint8 RGB, black outside the image.

        Example:
            eye = image.warped(square_crop(centre, 60, np.array([1.0, 0.0]), 64), Size(64, 64))
        """
        import cv2

        (a, b, _), (c, d, _) = matrix.tolist()
        source, halvings = self._level(1 / math.sqrt(abs(a * d - b * c)))
        affine = matrix * (2**halvings, 2**halvings, 1)
        # OpenCV's origin is the centre of the first pixel; here it is the corner of that pixel.
        affine[:, 2] += (affine[:, 0] + affine[:, 1]) / 2 - 0.5
        crop = cv2.warpAffine(
            source, affine, (size.width, size.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(crop, np.uint8)

    def _level(self, shrink: float) -> tuple[Pixels, int]:
        """The smallest halved copy that is at least as large as the image reduced by `shrink`, and its halvings."""
        # Every stage takes its crops from the image, so the work ends between any two of them.
        self._check()
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


def in_strips(size: Size, rows: Callable[[int, int], Pixels]) -> Pixels:
    """Copy an image strip by strip, because a conversion of the whole would take its memory several times.

    Args:
        size: of the image.
        rows: returns the rows from the first number up to the second, (n, size.width, 3) uint8.
    """
    pixels = np.empty((size.height, size.width, 3), np.uint8)
    for top in range(0, size.height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, size.height)
        pixels[top:bottom] = rows(top, bottom)
    return pixels


def _halved(pixels: Pixels) -> Pixels | None:
    """The image at half the size, each pixel the mean of four; None if a side would be 0."""
    import cv2

    height, width = (n // 2 for n in pixels.shape[:2])
    if min(height, width) < 1:
        return None
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
