"""Bytes -> Image: recognised by content, bounded before decoding, turned upright, RGB.

`decoding` looks at the first bytes and chooses. `jpeg` and `png` find out size and structure themselves, so that
metadata never reaches a decoder, and leave the pixels to libjpeg-turbo and Pillow, which nothing outside this package
calls. `kinds` names what is neither JPEG nor PNG.
"""

from visavis.image.decoding import decode, from_pixels
from visavis.image.jpeg import MIN_DECODED_SIDE
from visavis.image.limits import DEFAULT_LIMITS, Limits
from visavis.image.pyramid import Image

__all__ = ["DEFAULT_LIMITS", "MIN_DECODED_SIDE", "Image", "Limits", "decode", "from_pixels"]
