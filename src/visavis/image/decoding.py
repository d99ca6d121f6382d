"""Which decoder an image goes to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.errors import BadImage
from visavis.geometry import Size
from visavis.image import jpeg, png
from visavis.image.kinds import describe
from visavis.image.limits import DEFAULT_LIMITS, Limits
from visavis.image.pyramid import Image

__all__ = ["decode", "from_pixels"]

_DECODERS = {b"\xff\xd8\xff": jpeg.decode, b"\x89PNG\r\n\x1a\n": png.decode}


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Decode a JPEG or PNG, whatever it is called, into an upright image.

    A JPEG is turned by its EXIF orientation; a PNG is taken as it is stored. Transparency is dropped.

    Raises:
        BadImage: another format, or not a whole image.
        ImageTooLarge: over `limits`, as the header says; no pixel is decoded.
        ImageTooSmall: under `limits.smallest_side` on either side.
    """
    decoder = next((decoder for signature, decoder in _DECODERS.items() if data.startswith(signature)), None)
    if decoder is None:
        raise BadImage(f"the image is neither JPEG nor PNG; {describe(data)}")
    try:
        return decoder(data, limits)
    # Decoders raise many types of errors for damaged files. A `Warning` is raised where the caller has turned warnings
    # into errors.
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, Warning) as error:
        raise BadImage(f"the image is damaged or cut short: {error}") from error


def from_pixels(pixels: NDArray[np.uint8], limits: Limits = DEFAULT_LIMITS) -> Image:
    """An image of pixels that are decoded already.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright, not to be written to afterwards.

    Raises:
        ImageTooLarge, ImageTooSmall: as `decode`.
    """
    limits.check(Size(pixels.shape[1], pixels.shape[0]))
    return Image(pixels)
