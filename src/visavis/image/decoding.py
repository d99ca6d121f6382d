"""Chooses the decoder of an image by its first bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.errors import BadImage
from visavis.geometry import Size
from visavis.image import jpeg, png
from visavis.image.kinds import describe
from visavis.image.limits import DEFAULT_LIMITS, Limits
from visavis.image.memory import Allowance
from visavis.image.pyramid import Image

__all__ = ["decode", "from_pixels"]

_DECODERS = {b"\xff\xd8\xff": jpeg.decode, b"\x89PNG\r\n\x1a\n": png.decode}


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS, allowance: Allowance | None = None) -> Image:
    """Decode a JPEG or PNG to an upright image.

    The EXIF orientation of a JPEG is applied, that of a PNG is not. Transparency is dropped.

    Args:
        data: the bytes of the file. Its format is recognised by content.
        limits: of the size in the header, checked before any pixel is decoded.
        allowance: the time and the memory that the image may take. Default: no limit.

    Raises:
        BadImage: the format is another one, or the image is damaged or incomplete.
        ImageTooLarge: the size is above `limits`, or decoding takes too much time or memory.
        ImageTooSmall: one side is below `limits.smallest_side`.
        TimedOut, Cancelled: as for `Allowance.take`.

    Example:
        image = decode(Path("a.jpg").read_bytes())
    """
    decoder = next((decoder for signature, decoder in _DECODERS.items() if data.startswith(signature)), None)
    if decoder is None:
        raise BadImage(f"the image is neither JPEG nor PNG; {describe(data)}")
    try:
        return decoder(data, limits, allowance or Allowance())
    # Decoders raise errors of many types on damaged files. They raise a `Warning` if the program turns warnings into
    # errors.
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, Warning) as error:
        raise BadImage(f"the image is damaged or cut short: {error}") from error


def from_pixels(
    pixels: NDArray[np.uint8], limits: Limits = DEFAULT_LIMITS, allowance: Allowance | None = None
) -> Image:
    """Make an image from decoded pixels.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright; must not be written to afterwards.
        limits: of the size.
        allowance: the time that the work may take. Default: no limit.

    Raises:
        ImageTooLarge, ImageTooSmall: as for `decode`.
    """
    limits.check(Size(pixels.shape[1], pixels.shape[0]))
    return Image(pixels, check=(allowance or Allowance()).check)
