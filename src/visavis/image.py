"""Bytes -> Image: told apart by content, bounded before decoding, turned upright, RGB.

The only user of Pillow's decoders.
"""

from __future__ import annotations

import io
import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall
from visavis.geometry import Matrix, Size

__all__ = ["DEFAULT_LIMITS", "Image", "Limits", "decode"]

Pixels = NDArray[np.uint8]

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_ORIENTATION_TAG = 0x0112  # EXIF 2.32, section 4.6.4


@dataclass(frozen=True, slots=True)
class Limits:
    """What is decoded at all.

    smallest_side: pixels; CompareFaces' documented minimum for both sides
    longest_side, pixels: our own guard against decompression bombs
    """

    smallest_side: int = 80
    longest_side: int = 20_000
    pixels: int = 100_000_000


DEFAULT_LIMITS = Limits()


class Image:
    """An upright picture, with halved copies of itself made when first needed.

    pixels: (height, width, 3) uint8 RGB, not to be written to
    """

    def __init__(self, pixels: Pixels) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"an image is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
        self._levels = [pixels]
        self._lock = threading.Lock()

    @property
    def pixels(self) -> Pixels:
        return self._levels[0]

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)

    def resized(self, size: Size) -> Pixels:
        """The whole picture, reduced or enlarged to `size`: (size.height, size.width, 3) uint8."""
        import cv2

        # Averaging happens in the halved copies, so that the last step, by less than two, can be a cheap bilinear one.
        shrink = min(self.size.width / size.width, self.size.height / size.height)
        source = self._level(shrink)
        return np.asarray(cv2.resize(source, (size.width, size.height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def warped(self, matrix: Matrix, size: Size) -> Pixels:
        """The picture moved by `matrix`, a similarity, and cut to `size`; black where there is no picture.

        Args:
            matrix: (2, 3), from this picture's frame to the crop's, both in continuous pixels.

        Returns:
            (size.height, size.width, 3) uint8 RGB.
        """
        import cv2

        shrink = 1 / math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
        source = self._level(shrink)
        halvings = round(math.log2(self.size.width / source.shape[1]))
        linear = matrix[:, :2] * 2**halvings
        # OpenCV counts from the middle of the first pixel, we from its corner.
        shift = matrix[:, 2] + linear @ (0.5, 0.5) - 0.5
        affine = np.column_stack([linear, shift])
        crop = cv2.warpAffine(
            source, affine, (size.width, size.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(crop, np.uint8)

    def _level(self, shrink: float) -> Pixels:
        """The smallest halved copy that is still at least as fine as the picture reduced by `shrink`."""
        import cv2

        wanted = max(0, int(math.log2(shrink))) if shrink >= 1 else 0
        with self._lock:
            while len(self._levels) <= wanted:
                height, width = (n // 2 for n in self._levels[-1].shape[:2])
                if min(height, width) < 1:
                    break
                even = self._levels[-1][: 2 * height, : 2 * width]
                self._levels.append(
                    np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
                )
            return self._levels[min(wanted, len(self._levels) - 1)]


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Decode a JPEG or PNG, whatever it is called, into an upright picture.

    A JPEG is turned by its EXIF orientation; a PNG is taken as it is stored. Transparency is dropped.

    Raises:
        BadImage: another format, or not a whole picture.
        ImageTooLarge: over `limits`, told by the header before any pixel is decoded.
        ImageTooSmall: under `limits.smallest_side` on either side.
    """
    from PIL import ImageFile, JpegImagePlugin, PngImagePlugin

    # The plugins are called by name: Pillow's own `open` would try formats of its choosing, and guards against
    # bombs with a warning that is a setting of the whole process.
    plugin: type[ImageFile.ImageFile]
    if data.startswith(_JPEG):
        plugin = JpegImagePlugin.JpegImageFile
    elif data.startswith(_PNG):
        plugin = PngImagePlugin.PngImageFile
        if _PNG_END not in data:  # Pillow is content without, though the last rows may be made up
            raise BadImage("the image is cut short: it is a PNG without an end")
    else:
        raise BadImage(f"the image is neither JPEG nor PNG; {_looks_like(data)}")
    try:
        with plugin(io.BytesIO(data)) as picture:
            _check_size(Size(*picture.size), limits)
            # Read before the pixels: decoding a PNG reads the chunks behind them, an eXIf among them.
            orientation = _orientation(picture) if plugin is JpegImagePlugin.JpegImageFile else 1
            picture.load()
            pixels = _to_rgb(picture)
    # Pillow's decoders raise what their parsers meet; anything that comes out of foreign bytes is the bytes' fault.
    except (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, ArithmeticError) as error:
        raise BadImage(f"the image is damaged or cut short: {error}") from error
    return Image(_upright(pixels, orientation))


def _check_size(size: Size, limits: Limits) -> None:
    if size.longer > limits.longest_side or size.pixels > limits.pixels:
        raise ImageTooLarge(
            f"the image is {size.width} x {size.height} pixels; at most {limits.longest_side} a side "
            f"and {limits.pixels / 1e6:g} million in all are decoded"
        )
    if min(size.width, size.height) < limits.smallest_side:
        raise ImageTooSmall(
            f"the image is {size.width} x {size.height} pixels; both sides must be at least {limits.smallest_side}"
        )


def _orientation(picture: object) -> int:
    """1 to 8; what cannot be read counts as upright, as viewers do."""
    try:
        value = picture.getexif().get(_ORIENTATION_TAG, 1)  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001  # a hostile EXIF block may fail in any way, and says nothing of the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(picture: object) -> Pixels:
    from PIL import Image as Pil

    assert isinstance(picture, Pil.Image)
    if picture.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        grey = (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode == "P":
        # Through RGBA, or a palette with transparent entries warns.
        picture = picture.convert("RGBA")
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation; each names where the stored first row and column belong."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _looks_like(data: bytes) -> str:
    if not data:
        return "it is empty"
    known = {
        b"GIF8": "GIF",
        b"BM": "BMP",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"%PDF": "PDF",
        b"<svg": "SVG",
        b"/9j/": "a JPEG in base64: pass the bytes themselves",
        b"iVBORw0KGgo": "a PNG in base64: pass the bytes themselves",
    }
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "it looks like WebP"
    if data[4:8] == b"ftyp":
        return "it looks like HEIC, AVIF or a film"
    kind = next((name for magic, name in known.items() if data.startswith(magic)), None)
    return f"it looks like {kind}" if kind else "its first bytes are of no known image format"
