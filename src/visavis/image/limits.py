"""The smallest and largest image, checked before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.errors import ImageTooLarge, ImageTooSmall
from visavis.geometry import Size

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The sizes of images that are decoded.

    Attributes:
        smallest_side: pixels, the minimum of both sides, as documented for CompareFaces.
        longest_side: pixels, the maximum of both sides; protects against decompression bombs.
        pixels: the maximum number of pixels; protects against decompression bombs.

    Example:
        >>> DEFAULT_LIMITS.check(Size(640, 480))
        >>> DEFAULT_LIMITS.check(Size(640, 40))
        Traceback (most recent call last):
        visavis.errors.ImageTooSmall: 640 x 40 pixels, at least 80 are needed on either side
    """

    smallest_side: int = 80
    longest_side: int = 20_000
    pixels: int = 100_000_000

    def check(self, size: Size) -> None:
        """Check a size.

        Raises:
            ImageTooLarge: a side or the number of pixels is above its limit.
            ImageTooSmall: a side is below `smallest_side`.
        """
        if size.longer > self.longest_side or size.pixels > self.pixels:
            raise ImageTooLarge(
                f"{size.width} x {size.height} pixels, at most {self.longest_side} a side "
                f"and {self.pixels / 1e6:g} million in all are decoded"
            )
        if min(size.width, size.height) < self.smallest_side:
            raise ImageTooSmall(
                f"{size.width} x {size.height} pixels, at least {self.smallest_side} are needed on either side"
            )


DEFAULT_LIMITS = Limits()
