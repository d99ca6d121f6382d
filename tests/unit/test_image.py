from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image as Pil

from tests.conftest import encode, gradient
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall
from visavis.geometry import Size
from visavis.image import Image, Limits, decode

GRADIENT = np.asarray(gradient())


@pytest.mark.parametrize(
    "data",
    [
        encode(gradient()),
        encode(gradient().convert("RGBA")),
        encode(gradient(), "JPEG", quality=95),
        encode(gradient(), "JPEG", quality=95, progressive=True),
        encode(gradient(), "JPEG", quality=95, subsampling=0),
        encode(gradient().convert("CMYK"), "JPEG", quality=95),
        encode(gradient().quantize(256)),
    ],
    ids=["png", "rgba", "jpeg", "progressive", "444", "cmyk", "palette"],
)
def test_colour_images_of_every_kind_give_their_colours(data: bytes) -> None:
    pixels = decode(data).pixels
    assert pixels.shape == (90, 120, 3)
    assert np.abs(pixels.astype(int) - GRADIENT).mean() < 8


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_images_give_equal_channels(mode: str) -> None:
    pixels = decode(encode(gradient().convert("L").convert(mode))).pixels
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    deep = np.tile(np.linspace(0, 65535, 120).astype(np.uint16), (90, 1))
    pixels = decode(encode(Pil.fromarray(deep))).pixels
    assert (pixels[0, :, 0] == deep[0] >> 8).all()


def test_a_palette_with_transparency_keeps_its_colours_and_warns_of_nothing() -> None:
    image = gradient().quantize(64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = decode(encode(image, transparency=bytes(range(64)))).pixels
    assert (pixels == np.asarray(image.convert("RGB"))).all()


def test_an_interlaced_png_is_its_plain_self(photo: object) -> None:
    # A 1-bit Adam7 image of 80 x 80 white pixels, made by hand, because Pillow does not write interlaced files.
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x, y, dx, dy in passes:
        width, height = len(range(x, 80, dx)), len(range(y, 80, dy))
        rows += (b"\0" + b"\xff" * ((width + 7) // 8)) * height
    header = struct.pack(">IIBBBBB", 80, 80, 1, 0, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert (decode(data).pixels == 255).all()


def stored_as(orientation: int) -> bytes:
    """A JPEG that is upright after `orientation` is applied."""
    undo = {
        2: Pil.Transpose.FLIP_LEFT_RIGHT, 3: Pil.Transpose.ROTATE_180, 4: Pil.Transpose.FLIP_TOP_BOTTOM,
        5: Pil.Transpose.TRANSPOSE, 6: Pil.Transpose.ROTATE_90,
        7: Pil.Transpose.TRANSVERSE, 8: Pil.Transpose.ROTATE_270,
    }  # fmt: skip
    image = gradient().transpose(undo[orientation]) if orientation in undo else gradient()
    exif = Pil.Exif()
    exif[0x0112] = orientation
    return encode(image, "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_upright_by_its_exif_orientation(orientation: int) -> None:
    pixels = decode(stored_as(orientation)).pixels
    assert pixels.shape == (90, 120, 3)
    assert np.abs(pixels.astype(int) - GRADIENT).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation: int) -> None:
    assert decode(stored_as(orientation)).size == Size(120, 90)


def test_a_png_is_not_turned_by_an_exif_chunk() -> None:
    exif = Pil.Exif()
    exif[0x0112] = 6
    assert decode(encode(gradient(), exif=exif)).size == Size(120, 90)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_an_image_cut_short_is_refused(kind: str, kept: float) -> None:
    data = encode(gradient(400, 300), kind)
    with pytest.raises(BadImage):
        decode(data[: int(len(data) * kept)])


def test_limits_are_inclusive() -> None:
    data = encode(gradient(120, 90))
    assert decode(data, Limits(smallest_side=90, longest_side=120, pixels=120 * 90)).size == Size(120, 90)
    with pytest.raises(ImageTooSmall, match="at least 91 are needed"):
        decode(data, Limits(smallest_side=91))
    with pytest.raises(ImageTooLarge, match="120 x 90"):
        decode(data, Limits(longest_side=119))
    with pytest.raises(ImageTooLarge):
        decode(data, Limits(pixels=120 * 90 - 1))


def test_a_warp_that_only_shifts_moves_whole_pixels() -> None:
    image = Image(GRADIENT.copy())
    crop = image.warped(np.array([[1.0, 0, -10], [0, 1, -20]]), Size(30, 40))
    assert (crop == GRADIENT[20:60, 10:40]).all()


def test_outside_the_image_a_warp_is_black() -> None:
    crop = Image(np.full((90, 120, 3), 255, np.uint8)).warped(np.array([[1.0, 0, 50], [0, 1, 0]]), Size(100, 90))
    assert (crop[:, :50] == 0).all()
    assert (crop[:, 50:] == 255).all()


@pytest.mark.parametrize("scale", [0.9, 0.5, 0.3, 0.11])
def test_a_reducing_warp_stays_in_place_and_averages(scale: float) -> None:
    # A linear gradient shows a shift by a fraction of a pixel. The noise must average out and not alias.
    noise = np.random.default_rng(0).integers(-40, 40, (400, 600, 3))
    ramp = np.linspace(60, 190, 600)[None, :, None] + noise
    image = Image(ramp.clip(0, 255).astype(np.uint8))
    size = Size(int(600 * scale), int(400 * scale))
    crop = image.warped(np.array([[scale, 0, 0], [0, scale, 0]]), size).astype(float)
    expected = 60 + 130 * (np.arange(size.width) + 0.5) / scale / 600
    middle = slice(8, -8)
    assert np.abs(crop.mean(axis=(0, 2))[middle] - expected[middle]).max() < 6
    assert crop[:, middle].std(axis=0).mean() < 25 * max(scale, 0.3) + 2


def jpeg_of_size(width: int, height: int, orientation: int = 1) -> bytes:
    """A large JPEG with structure of every size that is upright after `orientation` is applied."""
    chance = np.random.default_rng(1)
    coarse = Pil.fromarray(chance.integers(0, 255, (height // 40, width // 40, 3), np.uint8))
    image = coarse.resize((width, height), Pil.Resampling.BICUBIC)
    exif = Pil.Exif()
    exif[0x0112] = orientation
    undo = {3: Pil.Transpose.ROTATE_180, 6: Pil.Transpose.ROTATE_90}
    image = image.transpose(undo[orientation]) if orientation in undo else image
    return encode(image, "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize(("width", "height"), [(2560, 1920), (2563, 1921), (5121, 3001)])
def test_a_large_jpeg_shows_the_same_at_a_reduced_scale_as_whole(width: int, height: int) -> None:
    data = jpeg_of_size(width, height)
    reduced, whole = decode(data), Image(np.asarray(Pil.open(io.BytesIO(data))))
    assert reduced.size == whole.size == Size(width, height)
    if (width | height) % 4 == 0:  # else a halved copy loses a last column, and they differ by a part of a pixel
        a, b = (image.resized(Size(640, 480)).astype(int) for image in (reduced, whole))
        assert np.abs(a - b).mean() < 1
    # A crop at half scale, then a crop at full scale, for which the image is decoded again.
    for scale in (0.3, 1.0):
        matrix = np.array([[scale, 0, -scale * (width - 300)], [0, scale, -scale * (height - 300)]])
        side = Size(int(300 * scale), int(300 * scale))
        a, b = (image.warped(matrix, side).astype(int) for image in (reduced, whole))
        assert np.abs(a - b).mean() < 2
    assert (reduced.pixels == whole.pixels).all()


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize(("width", "height"), [(2560, 2560), (2570, 2566), (2571, 2569)])
def test_a_large_turned_jpeg_lies_where_it_lies_whole(orientation: int, width: int, height: int) -> None:
    image = decode(jpeg_of_size(width, height, orientation))
    seen = image.resized(Size(width // 4, height // 4)).astype(int)
    upright = Image(np.asarray(Pil.open(io.BytesIO(jpeg_of_size(width, height)))))
    straight = upright.resized(Size(width // 4, height // 4))
    assert np.abs(seen - straight).mean() < 1.5


def test_a_large_jpeg_is_not_decoded_whole_for_what_a_part_of_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    import simplejpeg

    decoded: list[int] = []
    real = simplejpeg.decode_jpeg

    def noted(*args: object, min_factor: int, **sides: int) -> np.ndarray:
        decoded.append(min_factor)
        return np.asarray(real(*args, min_factor=min_factor, **sides))

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted)
    image = decode(jpeg_of_size(5120, 3840))
    image.resized(Size(1280, 960))
    image.warped(np.array([[0.2, 0, 0], [0, 0.2, 0]]), Size(100, 100))
    assert decoded == [4]
    image.warped(np.array([[0.5, 0, 0], [0, 0.5, 0]]), Size(100, 100))
    image.warped(np.array([[0.4, 0, 0], [0, 0.4, 0]]), Size(100, 100))
    assert decoded == [4, 2]
    assert image.pixels.shape == (3840, 5120, 3)
    assert decoded == [4, 2, 1]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}])
def test_a_jpeg_has_the_pixels_that_pillow_gives_it(mode: str, options: dict[str, object]) -> None:
    data = encode(gradient().convert(mode), "JPEG", quality=85, **options)
    assert (decode(data).pixels == np.asarray(Pil.open(io.BytesIO(data)).convert("RGB"))).all()


def test_a_jpeg_with_stray_bytes_that_others_show_is_taken() -> None:
    # Some cameras write a few bytes between the last block and the end; libjpeg warns and continues.
    data = encode(gradient(), "JPEG", quality=90)
    stray = data[:-2] + b"\x12\x34\x56" + data[-2:]
    assert np.abs(decode(stray).pixels.astype(int) - GRADIENT).mean() < 8


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.999])
def test_a_large_jpeg_cut_short_is_refused_at_once(kept: float) -> None:
    data = jpeg_of_size(2600, 2000)
    with pytest.raises(BadImage, match="cut short"):
        decode(data[: int(len(data) * kept)])


def test_pixels_of_another_shape_are_no_image() -> None:
    with pytest.raises(ValueError, match=r"\(height, width, 3\) uint8"):
        Image(np.zeros((5, 5), np.uint8))
