"""Parse functions for the values of options and arguments. Each maps text to a value, or raises `BadValue`.

The `parse` of every option with a value is one of these functions, one of `visavis.parsing`, or a choice of names.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from visavis.cli.files import ImageArgument
from visavis.files import IMAGE_SUFFIXES
from visavis.parsing import BadValue, device, folder_to_make, nonempty, number, one_of, path_prefix, whole_number

if TYPE_CHECKING:
    from visavis.api.detect_faces import FaceAttribute
    from visavis.api.response import FieldSet
    from visavis.face import QualityFilter

__all__ = [
    "FILES",
    "FOLDERS",
    "BadValue",
    "attribute_sets",
    "bucket",
    "device",
    "existing_file",
    "existing_folder",
    "face_attributes",
    "file_or_folder",
    "folder_to_make",
    "host",
    "host_name",
    "http_url",
    "image",
    "image_to_write",
    "inputs",
    "log_levels",
    "model_name",
    "nonempty",
    "number",
    "one_of",
    "origin",
    "output_file",
    "page_to_write",
    "path_prefix",
    "percent",
    "port",
    "proxy",
    "quality_filters",
    "region",
    "templates",
    "whole_number",
]

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))

_BUCKET = re.compile(r"[0-9A-Za-z.\-_]{3,255}")  # the pattern of the service model
_REGION = re.compile(r"(?![0-9]+\Z)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")  # botocore's rule: a label of a host name
_HOST = re.compile(r"[0-9A-Za-z_.:%-]+")
_MODEL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

percent = partial(number, least=0, most=100)

port = partial(whole_number, least=0, most=65535)


def image(text: str) -> ImageArgument:
    """An image to read: a file, or `-`, which means standard input."""
    return ImageArgument(
        None if text == "-" else _existing("an image file, or - for standard input", text, folder=False)
    )


def face_attributes(text: str) -> frozenset[FaceAttribute]:
    """Attributes of DetectFaces with commas between them. Upper and lower case are the same."""
    from visavis.api.detect_faces import FaceAttribute

    try:
        return frozenset(one_of(name, FaceAttribute) for name in text.split(","))
    except BadValue as error:
        raise BadValue(
            f"ALL, DEFAULT or names with commas between them, of {', '.join(list(FaceAttribute)[2:])}", text
        ) from error


def existing_file(text: str) -> Path:
    """A file that can be read. It may be a pipe or a device."""
    return _existing("a file that can be read", text, folder=False)


def existing_folder(text: str) -> Path:
    """A folder that can be read."""
    return _existing("a folder that can be read", text, folder=True)


def file_or_folder(text: str) -> Path:
    """A file or folder that can be read."""
    return _existing("a file or folder that can be read", text, folder=None)


def output_file(
    text: str, *, what: str = "a file that can be written", make_folder: bool = False, in_place: bool = False
) -> Path:
    """A file to write. If it exists, it must be a regular file.

    Args:
        text: the path.
        what: a description of a right value, which the error contains.
        make_folder: whether the folder may be missing, because it is created when the file is written.
        in_place: whether an existing file is opened and not replaced, so that its folder may be read-only.

    Raises:
        BadValue: the file cannot be written.
    """
    if not text.strip():
        raise BadValue(what, text)
    if text.endswith(SEPARATORS):
        raise BadValue(what, text, "it names a folder")
    path = Path(text)
    try:
        why = _not_writable(path, make_folder=make_folder, in_place=in_place)
    except OSError as error:
        raise BadValue(what, text, error.strerror or str(error)) from error
    if why:
        raise BadValue(what, text, why)
    return path


def _not_writable(path: Path, *, make_folder: bool, in_place: bool) -> str:
    """The reason why the file cannot be written; empty if it can."""
    if "\0" in str(path):
        return "it contains a zero byte"
    if path.is_dir():
        return "it is a folder"
    # Writing would replace a device or pipe by a regular file.
    if path.exists() and not path.is_file():
        return "it is a device or a pipe"
    if path.exists() and in_place:
        return "" if os.access(path, os.W_OK) else "Permission denied"
    folder = path.parent
    while make_folder and not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return "" if os.access(folder, os.W_OK) else f"the folder {folder} is read-only for this user"


def image_to_write(text: str) -> Path:
    """An image file to write. Its suffix determines the format."""
    return _ending_in(IMAGE_SUFFIXES, text)


def page_to_write(text: str) -> Path:
    """An HTML file to write."""
    return _ending_in((".html", ".htm"), text)


def _ending_in(suffixes: tuple[str, ...], text: str) -> Path:
    what = f"a file that can be written and ends in {', '.join(suffixes[:-1])} or {suffixes[-1]}"
    if Path(text).suffix.lower() not in suffixes:
        raise BadValue(what, text)
    return output_file(text, what=what)


def bucket(text: str) -> tuple[str, Path]:
    """The name of a bucket and the folder with its objects."""
    what = "NAME=FOLDER, with an existing folder"
    name, equals, folder = text.partition("=")
    if not equals:
        raise BadValue(what, text, "there is no =")
    if not folder:
        raise BadValue(what, text, "the folder is missing")
    if not _BUCKET.fullmatch(name):
        raise BadValue(what, text, "a bucket's name has 3 to 255 letters, digits, dots, hyphens and underscores")
    try:
        return name, existing_folder(folder)
    except BadValue as error:
        raise BadValue(what, text, f"the folder {error}") from error


def http_url(text: str) -> str:
    """The URL of a server: http or https, a host, and optionally a port and a path."""
    what = "a URL such as http://127.0.0.1:9000 or https://s3.example.com"
    try:
        parts = urlsplit(text)
        listens = parts.port
        host_ = parts.hostname or ""
    except ValueError as error:
        raise BadValue(what, text, str(error)) from error
    if parts.username is not None or parts.password is not None:
        raise BadValue(what, "...@" + parts.netloc.rpartition("@")[2], "it must not contain keys")
    right = parts.scheme in ("http", "https") and _HOST.fullmatch(host_) and listens != 0 and text.isprintable()
    if not right or parts.query or parts.fragment or re.search(r"\s", text):
        raise BadValue(what, text)
    return text


def region(text: str) -> str:
    """The name of a region of AWS or of a compatible service, or `any`."""
    if not _REGION.fullmatch(text):
        raise BadValue("a region's name such as us-east-1, or any", text)
    return text


def host(text: str) -> str:
    """A name or address of this machine, without a port."""
    if not _HOST.fullmatch(text):
        raise BadValue("a name or address of this machine such as 127.0.0.1, ::1 or localhost", text)
    return text


def host_name(text: str) -> str:
    """A host name or address that requests may contain."""
    from visavis.server.hosts import host_of

    return host_of(text)


def proxy(text: str) -> str:
    """The address or network of a proxy, or `*`."""
    from visavis.server.hosts import proxy_of

    return proxy_of(text)


def origin(text: str) -> str:
    """The origin of a web page, or `*`."""
    from visavis.server.hosts import origin_of

    return origin_of(text)


def model_name(text: str) -> str:
    """A name of a model."""
    if not _MODEL.fullmatch(text):
        raise BadValue("at most 32 lower-case letters, digits and hyphens, the first of which is not a hyphen", text)
    return text


def quality_filters() -> tuple[QualityFilter, ...]:
    """The names of the quality filters."""
    from visavis.face import QualityFilter

    return tuple(QualityFilter)


def attribute_sets() -> tuple[FieldSet, ...]:
    """The names of the sets of fields of a response."""
    from visavis.api.response import FieldSet

    return tuple(FieldSet)


def log_levels() -> tuple[str, ...]:
    """The levels of the server's log."""
    from visavis.server.logs import LEVELS

    return LEVELS


def templates() -> tuple[str, ...]:
    """The names of the alignment templates, which are positions of eyes, nose and mouth in an embedder's input."""
    from visavis.models.user_provided import TEMPLATES

    return TEMPLATES


def inputs() -> tuple[str, ...]:
    """The names of the input formats of embedders."""
    from visavis.models.user_provided import INPUTS

    return tuple(INPUTS)


def _existing(what: str, text: str, *, folder: bool | None) -> Path:
    if not text:
        raise BadValue(what, text, "it is empty")
    path = Path(text)
    try:
        path.stat()
        is_folder = path.is_dir()
    except OSError as error:
        raise BadValue(what, text, error.strerror or str(error)) from error
    except ValueError as error:  # a zero byte
        raise BadValue(what, text, str(error)) from error
    if folder is not None and is_folder != folder:
        raise BadValue(what, text, "it is a folder" if is_folder else "it is a file")
    if not os.access(path, os.R_OK | os.X_OK if is_folder else os.R_OK):
        raise BadValue(what, text, "Permission denied")
    return path


FILES: frozenset[object] = frozenset({image, existing_file, file_or_folder, output_file, image_to_write, page_to_write})
FOLDERS: frozenset[object] = frozenset({existing_folder, folder_to_make})
"""The functions with values that a shell completes as names of files and of folders."""
