"""Encodes a drawing as PNG or JPEG."""

from __future__ import annotations

import io

from PIL import Image as Pil

from visavis.errors import InvalidRequest
from visavis.files import IMAGE_SUFFIXES
from visavis.inputs import short_repr

__all__ = ["check_suffix", "encoded"]

QUALITY = 90
"""Of a JPEG, 0..100, with its colours at full resolution: no halo shows around small text."""

COMPRESSION = 3
"""Of a PNG, 0..9. Photographs get hardly smaller at Pillow's default of 6, which takes twice as long."""


def check_suffix(suffix: str) -> None:
    """Check the suffix of a drawing before it is made.

    Raises:
        InvalidRequest: it is not one of `IMAGE_SUFFIXES`, in lower or upper case.

    Example:
        >>> check_suffix(".PNG")
    """
    if str(suffix).lower() not in IMAGE_SUFFIXES:
        raise InvalidRequest(f"suffix must be one of {', '.join(IMAGE_SUFFIXES)}, not {short_repr(suffix)}")


def encoded(canvas: Pil.Image, suffix: str) -> bytes:
    """The bytes of the image file: a PNG, or a JPEG for the other suffixes. The same canvas gives the same bytes."""
    file = io.BytesIO()
    if suffix.lower() == ".png":
        canvas.save(file, "PNG", compress_level=COMPRESSION)
    else:
        canvas.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()
