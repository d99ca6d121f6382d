"""Decodes the bytes of a JPEG or PNG to an upright RGB image. The size is checked before any pixel is decoded.

`decoding` chooses the decoder by the first bytes. `jpeg` and `png` read size and structure, so that no metadata reaches
a decoder. libjpeg-turbo and Pillow decode the pixels; only this package calls them. `kinds` names the kind of other
files.
"""

from visavis.image.decoding import decode, from_pixels
from visavis.image.jpeg import MIN_DECODED_SIDE
from visavis.image.limits import DEFAULT_LIMITS, Limits
from visavis.image.memory import DEFAULT_IMAGE_MEMORY, PixelMemory
from visavis.image.pyramid import Image

__all__ = [
    "DEFAULT_IMAGE_MEMORY",
    "DEFAULT_LIMITS",
    "MIN_DECODED_SIDE",
    "Image",
    "Limits",
    "PixelMemory",
    "decode",
    "from_pixels",
]
