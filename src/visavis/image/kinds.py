"""Names the kind of a file that is neither JPEG nor PNG, and says how to send an image instead.

Only the first bytes are read. They are not quoted in messages, because they may be private.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

__all__ = ["describe"]

_BYTES_READ = 1024
_MAX_DEPTH = 3
"""How many encodings inside each other are decoded, for example a data: URI of base64 of base64."""

_CONVERT = "convert it to JPEG or PNG"
_ONE_FRAME = "pass one frame of it as JPEG or PNG"
_BYTES = "pass the bytes of the image themselves"
_BINARY = "open and send it as binary"
_UNPACK = "unpack it and pass the image in it"
_FETCH = "fetch the image again"
_PAGE = "a server sent it in place of the image"


class _Kind(NamedTuple):
    """A kind of file.

    Attributes:
        pattern: a regular expression for the first bytes, in which a dot matches any byte.
        name: completes the sentence "it is ...".
        advice: what the caller should do.
    """

    pattern: bytes
    name: str
    advice: str


class _Wrapping(NamedTuple):
    """An encoding of bytes as text.

    Attributes:
        pattern: as for `_Kind`; its group `text` is the encoded part.
        name: as for `_Kind`.
        advice: as for `_Kind`.
        opened: decodes the group `text`; raises ValueError.
        certain: whether the pattern alone identifies the encoding, even if the decoded bytes are of no known kind.
    """

    pattern: bytes
    name: str
    advice: str
    opened: Callable[[bytes], bytes]
    certain: bool


_BINARIES = [
    _Kind(rb"\xff\xd8\xff", "a JPEG", ""),
    _Kind(rb"\x89PNG\r\n\x1a\n", "a PNG", ""),
    _Kind(rb"\xff(\xd8|\Z)", "a JPEG that is damaged in its first bytes", _FETCH),
    _Kind(rb"(\xef\xbf\xbd|\xc2\x89|\x89|\t|\?)PNG\r?\n", "a PNG that was read or sent as text", _BINARY),
    _Kind(rb"(\xef\xbf\xbd){2}|\xc3\xbf\xc3\x98\xc3\xbf|\?{4}", "a JPEG that was read or sent as text", _BINARY),
    _Kind(rb"GIF8[79]a", "a GIF", _CONVERT),
    _Kind(rb"RIFF....WEBP", "a WebP image", _CONVERT),
    _Kind(rb"....ftyp(hei[cxmsv]|hev[cmx]|mif1|msf1)", "a HEIC image", _CONVERT),
    _Kind(rb"....ftypavi[fs]", "an AVIF image", _CONVERT),
    _Kind(rb"....ftypcrx |FUJIFILMCCD-RAW|II(RO|RS|U\0)", "a raw image", _CONVERT),
    _Kind(rb"....(ftypqt  |moov|mdat|wide)", "a QuickTime film", _ONE_FRAME),
    _Kind(rb"....ftyp", "an MP4 film", _ONE_FRAME),
    _Kind(rb"\x1a\x45\xdf\xa3|RIFF....AVI ", "a film", _ONE_FRAME),
    _Kind(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 image", _CONVERT),
    _Kind(rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a", "a JPEG XL image", _CONVERT),
    _Kind(rb"II\xbc\x01", "a JPEG XR image", _CONVERT),
    _Kind(rb"II[*+]\0|MM\0[*+]", "a TIFF, or a raw image", _CONVERT),
    _Kind(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "a BMP", _CONVERT),
    _Kind(rb"\0\0[\x01\x02]\0[\x01-\xff]\0", "an icon (ICO)", _CONVERT),
    _Kind(rb"8BPS\0[\x01\x02]", "a Photoshop file (PSD)", _CONVERT),
    _Kind(rb"[\x8a\x8b][MJ]NG\r\n\x1a\n", "an MNG or JNG", _CONVERT),
    _Kind(rb"P[1-7]\s+[\d#]", "a Netpbm image", _CONVERT),
    _Kind(rb".{128}DICM", "a DICOM file", _CONVERT),
    _Kind(rb"\x93NUMPY", "a NumPy array in a file", "encode it as JPEG or PNG"),
    _Kind(rb"\x80[\x02-\x05][\x95c}\]]", "a Python pickle", "encode the image as JPEG or PNG"),
    _Kind(rb"%PDF-", "a PDF", "pass its page as JPEG or PNG"),
    _Kind(rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript", _CONVERT),
    _Kind(rb"\x1f\x8b[\x08]", "a gzip file", _UNPACK),
    _Kind(rb"PK(\x03\x04|\x05\x06)", "a ZIP archive, or a document that is one", _UNPACK),
    _Kind(rb"7z\xbc\xaf'\x1c|Rar!|\xfd7zXZ\0|BZh[1-9]|\x28\xb5\x2f\xfd|.{257}ustar", "an archive", _UNPACK),
    _Kind(rb"\xff\xfe|\xfe\xff", "text in UTF-16, as PowerShell writes it", _BINARY),
    _Kind(rb"\0+\Z", "nothing but zeros", _FETCH),
]

_TEXTS = [
    _Kind(rb"HTTP/\d[\d.]* ", "an HTTP response with its headers", "pass its body alone"),
    _Kind(rb"--[^\r\n]{1,120}\r?\nContent-", "a multipart form", "pass the file in it alone"),
    _Kind(rb"version https://git-lfs\.github\.com/", "a Git LFS pointer", "get the image with `git lfs pull`"),
    _Kind(rb"[./\w-]{0,200}annex/objects/", "a git-annex pointer", "get the image with `git annex get`"),
    _Kind(rb"(<!--.{0,500}?-->\s*)?<(?i:!doctype html|html|head|body|title)\b", "an HTML page", _PAGE),
    _Kind(rb"(<\?xml.{0,500}?)?(<!doctype svg.{0,300}?|<!DOCTYPE svg.{0,300}?)?<svg\b", "an SVG drawing", _CONVERT),
    _Kind(rb"(<\?xml.{0,200}?\?>\s*)?<Error>", "an XML error page, as S3 answers with", _PAGE),
    _Kind(rb"<\?xml|<!?[a-zA-Z][\w:.-]*[\s/>]", "an XML page", _PAGE),
    _Kind(rb"\{\s*[\"}]|\[\s*[\[{\"\d\]-]", "JSON", _BYTES),
    _Kind(rb"b['\"]\S|\\x[0-9a-f]{2}\\", "the printed form of Python bytes", _BYTES),
    _Kind(rb"\[object |(undefined|null|None|NaN)\s*\Z", "the printed form of a program's object", _BYTES),
    _Kind(rb"(?i:https?|s3|gs|ftps?|file|blob):[\w/]", "a URL", "fetch it and pass the bytes that come"),
    _Kind(rb"[^\0-\x1f]{1,400}\.(?i:jpe?g|png|heic|webp|gif|tiff?|bmp)\s*\Z", "the name of a file", _BYTES),
    _Kind(rb"(~?/|\.\.?/|[A-Za-z]:[\\/])[\w\\/. -]{1,400}\Z", "the name of a file", _BYTES),
    _Kind(rb"[A-Za-z0-9+/_-]{200,}={0,2}\s*\Z", "text that may be base64", _BYTES),
    _Kind(rb"[\t\n\r\x20-\x7e]+\Z", "plain text", _BYTES),
]


def _from_base64(text: bytes) -> bytes:
    digits = b"".join(text.replace(b"-", b"+").replace(b"_", b"/").split())
    return base64.b64decode(digits[: len(digits) // 4 * 4], validate=True)


def _from_hex(text: bytes) -> bytes:
    digits = b"".join(text.split())
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))


def _same(text: bytes) -> bytes:
    return text


_DECODED = "pass the decoded bytes"
_WRAPPINGS = [
    _Wrapping(rb"(\xef\xbb\xbf|\s)+(?P<text>.+)", "white space or a byte order mark before", _BINARY, _same, False),
    _Wrapping(rb"(?i:data:[^,]{0,200};base64),(?P<text>[\w+/=\s-]*)", "a data: URI of", _DECODED, _from_base64, True),
    _Wrapping(rb"(?i:data:)[^,]{0,200},(?P<text>.*)", "a data: URI of", _DECODED, unquote_to_bytes, True),
    _Wrapping(rb"[\"'](?P<text>[^\"']{8,})", "a quoted", _BYTES, _same, False),
    _Wrapping(rb"(0x|\\x|X')?(?P<text>[0-9A-Fa-f\s]{16,})", "hexadecimal text of", _DECODED, _from_hex, False),
    _Wrapping(rb"(?P<text>[\w+/\s-]{16,})", "base64 text of", _DECODED, _from_base64, False),
    _Wrapping(rb"(?P<text>[\w+/%-]{0,12}%(2[BbFf]|3[Dd])[\w+/%-]+)", "URL-encoded", _DECODED, unquote_to_bytes, False),
]


def describe(data: bytes) -> str:
    """Say what `data` is and what the caller should do.

    Example:
        >>> describe(b"GIF89a")
        'it is a GIF: convert it to JPEG or PNG'
    """
    if not data:
        return "it is empty"
    found = _layers(bytes(data[:_BYTES_READ]), _MAX_DEPTH)
    if not found:
        return "its first bytes are of no known format: pass the bytes of a JPEG or PNG file"
    name = " ".join(layer.name for layer in found)
    advice = dict.fromkeys(layer.advice for layer in found if layer.advice)
    return f"it is {name}: {' and '.join(advice)}"


def _layers(head: bytes, depth: int) -> list[_Kind | _Wrapping]:
    """The encodings of `head`, outermost first, and the kind of its content; empty if unknown."""
    if kind := _first(_BINARIES, head):
        return [kind]
    for wrapping in _WRAPPINGS if depth else []:
        found = re.match(wrapping.pattern, head, re.DOTALL)
        if found is None:
            continue
        try:
            inner = _layers(wrapping.opened(found["text"]), depth - 1)
        except ValueError:
            inner = []
        if inner and not (inner[-1] in _TEXTS and not wrapping.certain):
            return [wrapping, *inner]
        if wrapping.certain:
            return [wrapping, _UNKNOWN]
    kind = _first(_TEXTS, head.lstrip(b"\xef\xbb\xbf \t\r\n"))
    return [kind] if kind else []


_UNKNOWN = _Kind(b"", "something", "")


def _first(kinds: list[_Kind], head: bytes) -> _Kind | None:
    return next((kind for kind in kinds if re.match(kind.pattern, head, re.DOTALL)), None)
