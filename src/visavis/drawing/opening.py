"""Opens the images that a caller passes to be drawn."""

from __future__ import annotations

from visavis.image import Image, decode, from_pixels
from visavis.inputs import ImageInput, bytes_or_pixels

__all__ = ["opened"]


def opened(image: Image | ImageInput) -> Image:
    """Decode an image, if it is not decoded yet.

    Raises:
        InvalidRequest: the image has a type that is not accepted, or a file cannot be read.
        BadImage, ImageTooLarge, ImageTooSmall: the image cannot be decoded.
    """
    if isinstance(image, Image):
        return image
    data = bytes_or_pixels(image)
    return decode(data) if isinstance(data, bytes) else from_pixels(data)
