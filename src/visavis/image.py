"""Bytes -> Image: told apart by content, bounded before decoding, turned upright, RGB.

The only user of picture decoders: Pillow's, and libjpeg-turbo itself for JPEG, which writes straight into an array and
can decode at a half, a quarter or an eighth of the size. Whatever libjpeg-turbo has any doubt about, Pillow decides.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall
from visavis.geometry import Matrix, Size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["DEFAULT_LIMITS", "ENOUGH", "Image", "Limits", "decode", "from_pixels"]

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

ENOUGH = 1280
"""Pixels of the longer side that a JPEG keeps when it is first decoded at a reduced scale: the most that any look at a
whole picture asks for. A face that is small in it has the picture decoded anew, as fine as that face needs."""

_COARSEST = 3
"""Halvings that libjpeg-turbo can do while decoding: a block of 8 x 8 becomes one pixel."""


class Image:
    """An upright picture, with halved copies of itself made when first needed. Threads may share it.

    Args:
        pixels: (height, width, 3) uint8 RGB, not to be written to; the picture, or a copy of it halved
            `halvings` times.
        size: of the whole picture; default: that of `pixels`.
        halvings: how often the sides of `pixels` were halved.
        finer: gives the picture halved less often, for the 0 to `halvings` - 1 it is asked for; may raise `BadImage`.
    """

    def __init__(
        self,
        pixels: Pixels,
        *,
        size: Size | None = None,
        halvings: int = 0,
        finer: Callable[[int], Pixels] | None = None,
    ) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"an image is (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
        self._size = size or Size(pixels.shape[1], pixels.shape[0])
        self._levels = {halvings: pixels}
        self._finer = finer
        self._lock = threading.Lock()

    @property
    def pixels(self) -> Pixels:
        """(height, width, 3) uint8 RGB, not to be written to."""
        return self._level(1)[0]

    @property
    def size(self) -> Size:
        return self._size

    @property
    def halvings(self) -> int:
        """How often the sides of the finest copy that is here were halved: 0 once the whole picture is here."""
        return min(self._levels)

    def resized(self, size: Size) -> Pixels:
        """The whole picture, reduced or enlarged to `size`: (size.height, size.width, 3) uint8."""
        import cv2

        # Averaging happens in the halved copies, so that the last step, by less than two, can be a cheap bilinear one.
        shrink = min(self.size.width / size.width, self.size.height / size.height)
        source, _ = self._level(shrink)
        return np.asarray(cv2.resize(source, (size.width, size.height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def warped(self, matrix: Matrix, size: Size) -> Pixels:
        """The picture moved by `matrix`, a similarity, and cut to `size`; black where there is no picture.

        Args:
            matrix: (2, 3), from this picture's frame to the crop's, both in continuous pixels.

        Returns:
            (size.height, size.width, 3) uint8 RGB.
        """
        import cv2

        (a, b, _), (c, d, _) = matrix.tolist()
        source, halvings = self._level(1 / math.sqrt(abs(a * d - b * c)))
        affine = matrix * (2**halvings, 2**halvings, 1)
        # OpenCV counts from the middle of the first pixel, we from its corner.
        affine[:, 2] += (affine[:, 0] + affine[:, 1]) / 2 - 0.5
        crop = cv2.warpAffine(
            source, affine, (size.width, size.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(crop, np.uint8)

    def _level(self, shrink: float) -> tuple[Pixels, int]:
        """The smallest halved copy still at least as fine as the picture reduced by `shrink`, and its halvings."""
        wanted = max(0, int(math.log2(shrink))) if shrink >= 1 else 0
        with self._lock:
            if wanted < min(self._levels) and self._finer is not None:
                self._levels[wanted] = self._finer(wanted)
            level = max(n for n in self._levels if n <= wanted)
            while level < wanted:
                halved = _halved(self._levels[level])
                if halved is None:
                    break
                level += 1
                self._levels[level] = halved
            return self._levels[level], level


def _halved(pixels: Pixels) -> Pixels | None:
    """Each pixel the mean of four; None where a side would vanish."""
    import cv2

    height, width = (n // 2 for n in pixels.shape[:2])
    if min(height, width) < 1:
        return None
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Decode a JPEG or PNG, whatever it is called, into an upright picture.

    A JPEG is turned by its EXIF orientation; a PNG is taken as it is stored. Transparency is dropped.

    Raises:
        BadImage: another format, or not a whole picture.
        ImageTooLarge: over `limits`, told by the header before any pixel is decoded.
        ImageTooSmall: under `limits.smallest_side` on either side.
    """
    # The plugins are called by name: Pillow's own `open` would try formats of its choosing, and guards against
    # bombs with a warning that is a setting of the whole process.
    jpeg = data.startswith(_JPEG)
    plugin: type[ImageFile]
    if jpeg:
        from PIL.JpegImagePlugin import JpegImageFile

        plugin = JpegImageFile
    elif data.startswith(_PNG):
        from PIL.PngImagePlugin import PngImageFile

        plugin = PngImageFile
        if _PNG_END not in data:  # Pillow is content without, though the last rows may be made up
            raise BadImage("the image is cut short: it is a PNG without an end")
    else:
        raise BadImage(f"the image is neither JPEG nor PNG; {_looks_like(data)}")
    try:
        with plugin(io.BytesIO(data)) as picture:
            _check_size(Size(*picture.size), limits)
            if jpeg:
                return _from_jpeg(data, picture)
            picture.load()
            return Image(_to_rgb(picture))
    # Pillow's decoders raise what their parsers meet; anything that comes out of foreign bytes is the bytes' fault.
    except (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, ArithmeticError) as error:
        raise BadImage(f"the image is damaged or cut short: {error}") from error


def from_pixels(pixels: Pixels, limits: Limits = DEFAULT_LIMITS) -> Image:
    """An image of pixels that are decoded already.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright, not to be written to afterwards.

    Raises:
        ImageTooLarge, ImageTooSmall: as `decode`.
    """
    _check_size(Size(pixels.shape[1], pixels.shape[0]), limits)
    return Image(pixels)


def _from_jpeg(data: bytes, picture: ImageFile) -> Image:
    """Args:
    picture: `data` as Pillow opened it, not loaded yet
    """
    orientation, stored = _orientation(picture), Size(*picture.size)
    halvings = _spare_halvings(stored, orientation)
    pixels = _turbo(data, stored, halvings) if picture.mode in ("RGB", "L") else None
    if pixels is None:
        picture.load()
        return Image(_upright(_to_rgb(picture), orientation))

    def finer(fewer: int) -> Pixels:
        again = _turbo(data, stored, fewer)
        if again is None:
            raise BadImage("the image is damaged: a part of it can be decoded at a reduced size only")
        return _upright(again, orientation)

    size = stored if orientation < 5 else Size(stored.height, stored.width)
    return Image(_upright(pixels, orientation), size=size, halvings=halvings, finer=finer)


def _spare_halvings(stored: Size, orientation: int) -> int:
    """How often the picture can be halved and still have `ENOUGH`."""
    halvings = min(_COARSEST, max(0, int(math.log2(stored.longer / ENOUGH))))
    # The last column and row of a reduced picture may reach beyond its edge. Turned, they could come to lie first, and
    # all places would be off by their rest.
    while orientation != 1 and (stored.width | stored.height) % 2**halvings:
        halvings -= 1
    return halvings


def _turbo(data: bytes, stored: Size, halvings: int) -> Pixels | None:
    """A JPEG by libjpeg-turbo, its sides divided by 2**`halvings` and rounded up; None where it has any complaint.

    At full size the pixels are Pillow's, which uses the same library but copies them three times, four bytes each.
    """
    import simplejpeg

    height, width = (-(-side >> halvings) for side in (stored.height, stored.width))
    pixels = np.empty((height, width, 3), np.uint8)
    try:
        # Of the sizes that the library has, it takes the smallest with these sides or more. It finds the sides out
        # anew, and refuses what does not fit.
        decoded = simplejpeg.decode_jpeg(
            data, "RGB", min_height=height, min_width=width, min_factor=2**halvings, buffer=pixels
        )
    except ValueError:
        return None
    return pixels if decoded.shape == pixels.shape else None


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
