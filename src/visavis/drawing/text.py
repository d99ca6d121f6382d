"""Text, in the scalable font that Pillow contains, so that a drawing needs no font file and is the same everywhere."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

__all__ = ["SMALLEST", "font", "printable", "text_width"]

SMALLEST = 14
"""Pixels: the smallest font size. Digits are then ten pixels high, and still legible on a screen at 1:1."""


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, Aileron Regular, at a size in pixels.

    Raises:
        TypeError: this Pillow was built without FreeType, which no published wheel is.
    """
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):  # pragma: no cover - needs a Pillow of one's own
        raise TypeError("drawings need a Pillow with FreeType; install the wheel from PyPI")
    return found


def text_width(text: str, size: int) -> float:
    """The width of a line of text in pixels.

    Example:
        >>> text_width("99.98", 40) > 2 * text_width("99", 20)
        True
    """
    return font(size).getlength(text)


def printable(text: str) -> str:
    """`text` with `?` for each character that the font lacks, which are those outside ASCII.

    Example:
        >>> printable("Zoë.jpg")
        'Zo?.jpg'
    """
    return text.encode("ascii", "replace").decode()
