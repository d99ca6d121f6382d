"""Decodes bytes to an upright RGB image, recognised by content, with its size checked before decoding.

`decoding` chooses the decoder by the first bytes. `jpeg` and `png` read size and structure themselves, so that metadata
never reaches a decoder, and leave the pixels to libjpeg-turbo and Pillow, which nothing outside this package calls.
`kinds` names a file that is neither JPEG nor PNG.
"""

from visavis.image.decoding import decode, from_pixels
from visavis.image.jpeg import MIN_DECODED_SIDE
from visavis.image.limits import DEFAULT_LIMITS, Limits
from visavis.image.pyramid import Image

__all__ = ["DEFAULT_LIMITS", "MIN_DECODED_SIDE", "Image", "Limits", "decode", "from_pixels"]
