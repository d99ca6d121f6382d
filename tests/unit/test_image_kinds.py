"""The error names the kind of a file that is neither JPEG nor PNG, and says what to do."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import pytest

from tests.conftest import encode, gradient
from visavis.errors import BadImage
from visavis.image import decode
from visavis.image.kinds import describe

JPEG, PNG = encode(gradient(), "JPEG"), encode(gradient())


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", data)
    return out.getvalue()


def base64_of(data: bytes) -> bytes:
    return base64.b64encode(data)


CASES = {
    "gif": (encode(gradient(), "GIF"), "a GIF: convert"),
    "bmp": (encode(gradient(), "BMP"), "a BMP: convert"),
    "webp": (encode(gradient(), "WEBP"), "a WebP image: convert"),
    "tiff": (encode(gradient(), "TIFF"), "a TIFF"),
    "pdf": (encode(gradient(), "PDF"), "a PDF: pass its page"),
    "ico": (encode(gradient(), "ICO"), "an icon"),
    "ppm": (encode(gradient(), "PPM"), "a Netpbm image"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image: convert it to JPEG"),
    "heif": (b"\0\0\0\x18ftypmif1\0\0\0\0", "a HEIC image"),
    "avif": (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
    "mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", "an MP4 film: pass one frame"),
    "mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", "a QuickTime film"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    "j2k": (b"\xff\x4f\xff\x51\0\0", "a JPEG 2000 image"),
    "jxl": (b"\xff\x0a\x10\x20", "a JPEG XL image"),
    "psd": (b"8BPS\0\1\0\0", "a Photoshop file"),
    "gzip": (gzip.compress(JPEG), "a gzip file: unpack"),
    "zip": (zipped(JPEG), "a ZIP archive"),
    "html": (b"<!DOCTYPE html>\n<html><body>404</body>", "an HTML page: a server sent it"),
    "html after a newline": (b"\n\n<html>", "an HTML page"),
    "s3 error": (b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>', "an XML error page"),
    "xml": (b'<?xml version="1.0"?><feed/>', "an XML page"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing"),
    "json": (b'{"message": "Forbidden"}', "JSON"),
    "json numbers": (b"[255, 216, 255]", "JSON"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer: get the image"),
    "path": (b"photos/me.jpg", "the name of a file"),
    "bare path": (b"/home/me/photo", "the name of a file"),
    "url": (b"https://example.com/me?id=1", "a URL: fetch it"),
    "text": (b"hello, world", "plain text"),
    "python": (repr(JPEG).encode(), "the printed form of Python bytes"),
    "utf-16": (b"\xff\xfea\0b\0", "text in UTF-16"),
    "as text": (JPEG.decode("utf-8", "replace").encode(), "a JPEG that was read or sent as text"),
    "as latin": (JPEG.decode("latin-1").encode(), "a JPEG that was read or sent as text"),
    "png as text": (PNG.replace(b"\r\n", b"\n"), "a PNG that was read or sent as text"),
    "newline": (b"\n" + JPEG, "white space or a byte order mark before a JPEG"),
    "crlf": (b"\r\n" + PNG, "white space or a byte order mark before a PNG"),
    "bom": (b"\xef\xbb\xbf" + JPEG, "white space or a byte order mark before a JPEG"),
    "data": (b"data:image/jpeg;base64," + base64_of(JPEG), "a data: URI of a JPEG: pass the decoded bytes"),
    "data of nothing": (b"data:,", "a data: URI"),
    "base64": (base64_of(JPEG), "base64 text of a JPEG: pass the decoded bytes"),
    "base64 in lines": (base64.encodebytes(PNG), "base64 text of a PNG"),
    "base64 for URLs": (base64.urlsafe_b64encode(JPEG), "base64 text of a JPEG"),
    "base64 twice": (base64_of(base64_of(PNG)), "base64 text of base64 text of a PNG"),
    "base64 of data": (base64_of(b"data:image/png;base64," + base64_of(PNG)), "base64 text of a data: URI of a PNG"),
    "base64 of heic": (base64_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "base64 text of a HEIC image"),
    "hex": (JPEG.hex().encode(), "hexadecimal text of a JPEG"),
    "hex of postgres": (b"\\x" + PNG.hex().encode(), "hexadecimal text of a PNG"),
    "zeros": (bytes(5000), "nothing but zeros"),
    "empty": (b"", "empty"),
    "two bytes": (b"\xff\xd8", "a JPEG that is damaged in its first bytes"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_image_is_refused_by_what_it_is(case: str) -> None:
    data, name = CASES[case]
    with pytest.raises(BadImage) as refused:
        decode(data)
    assert f"the image is neither JPEG nor PNG; it is {name}" in str(refused.value)


def test_unknown_bytes_are_called_unknown() -> None:
    assert describe(bytes(range(128, 250))).startswith("its first bytes are of no known format")


def test_a_refusal_never_quotes_what_it_read() -> None:
    for data in [b"the-secret-name.jpg", b"https://secret", b"<secret>", b'{"secret": 1}', base64_of(b"secret" * 40)]:
        assert "secret" not in describe(data)
        assert "c2Vjc" not in describe(data)


def test_only_the_beginning_is_looked_at() -> None:
    assert describe(b"a" * 2000 + JPEG) == describe(b"a" * 2000)


def test_text_within_text_is_followed_only_so_far() -> None:
    data = JPEG
    for _ in range(10):
        data = base64_of(data)
    assert "JPEG" not in describe(data).removesuffix("pass the bytes of the image themselves")
