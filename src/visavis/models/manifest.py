"""Reads the list of models. A missing or wrong field raises an error that names it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, cast, get_args

from visavis.errors import ManifestError

__all__ = [
    "Build",
    "Manifest",
    "ModelFile",
    "Source",
    "UrlSource",
    "WheelSource",
    "WheelTags",
    "load_manifest",
    "parse_manifest",
    "parse_user_provided",
]

Format = Literal["onnx", "tflite"]
Layout = Literal["NCHW", "NHWC"]
Colour = Literal["RGB", "BGR"]
Template = Literal["arcface112"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WheelTags:
    """Which wheel of a release to download, because some releases have several for different platforms.

    Attributes:
        python: the version of Python, such as 3.12.
        abi: the ABI tag, such as cp312.
        platform: the platform tag, such as manylinux_2_28_x86_64.
    """

    python: str
    abi: str
    platform: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside a wheel of the package index. The package is never installed or imported.

    Attributes:
        package: the name of the package.
        version: its version.
        member: the path of the file inside the wheel.
        tags: the tags of the wheel; None if the release has one wheel for all platforms.
    """

    package: str
    version: str
    member: str
    tags: WheelTags | None

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at a URL, which begins with https://."""

    url: str

    def __str__(self) -> str:
        return self.url


Source: TypeAlias = WheelSource | UrlSource


@dataclass(frozen=True, slots=True)
class Build:
    """How the published file becomes a ready network that takes (n, h, w, 3) uint8 RGB.

    Attributes:
        format: the format of the published file.
        layout: the order of dimensions in the input of the published network.
        colour: the order of colours in the input of the published network.
        mean: m of (value - m) / s, which maps 0..255 to the range that the network was trained on.
        scale: s of the same formula; not 0.
    """

    format: Format
    layout: Layout
    colour: Colour
    mean: float
    scale: float

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that differ between builds."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The file of one network.

    Attributes:
        name: the name of the model.
        file: the name of the file.
        sha256: the SHA-256 of the file as its origin published it, 64 lowercase hexadecimal digits.
        size: the size of the file in bytes.
        licence: the licence of the network.
        origin: who published the network.
        build: how the file becomes a ready network.
        sources: the sources of the file, tried in order; empty if a user added the model.
        folder: the folder of a user's embedder; None if the model ships with visavis, because its file is in the cache.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    origin: str
    build: Build
    sources: tuple[Source, ...]
    folder: Path | None = None

    @property
    def user_provided(self) -> bool:
        """Whether a user added the model."""
        return self.folder is not None

    @property
    def remedy(self) -> str:
        """What to do if the file is missing or damaged, as a sentence."""
        if self.user_provided:
            return f"Put the file back, or run `visavis models remove {self.name}` and add it again."
        return "Delete it and run `visavis models fetch`."


@dataclass(frozen=True, slots=True)
class Manifest:
    """The models by name, in the order of the manifest."""

    models: Mapping[str, ModelFile]

    def __getitem__(self, name: str) -> ModelFile:
        try:
            return self.models[name]
        except KeyError:
            raise ManifestError(f"no model is named {name!r}; choose one of: {', '.join(self.models)}") from None


@cache
def load_manifest() -> Manifest:
    """Return the manifest that ships with visavis."""
    return parse_manifest((files("visavis.models") / "manifest.toml").read_text("utf-8"))


def parse_manifest(text: str) -> Manifest:
    """Read a manifest from its text.

    Raises:
        ManifestError: the text is not TOML, a field is missing or wrong, or two models have one name.
    """
    models: dict[str, ModelFile] = {}
    for i, table in enumerate(_tables(_toml(text), "model", "the manifest")):
        model = _shipped(table, f"model {i + 1}")
        if model.name in models:
            raise ManifestError(f"two models are named {model.name!r}")
        models[model.name] = model
    return Manifest(models)


def parse_user_provided(text: str, folder: Path) -> ModelFile:
    """Read the description of a user's embedder.

    Args:
        text: the content of embedder.toml.
        folder: the folder of the embedder. Its name is the name of the model.

    Raises:
        ManifestError: the text is not TOML, or a field is missing or wrong.
    """
    table, where = _toml(text), f"embedder {folder.name!r}"
    # Checked but not stored, because arcface112 is the only template so far. Another would need another crop.
    _choice(table, "template", Template, where)
    return _model(table, where, name=folder.name, file="model.onnx", sources=(), folder=folder)


def _toml(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"not TOML: {error}") from error


def _shipped(table: Mapping[str, object], where: str) -> ModelFile:
    name = _field(table, "name", str, where)
    where = f"model {name!r}"
    file = _field(table, "file", str, where)
    if not re.fullmatch(r"[\w.-]+", file):
        raise ManifestError(f"{where}: file must be a file name of letters, digits and ._- alone, not {file!r}")
    sources = tuple(_source(c, where) for c in _tables(table, "source", where))
    return _model(table, where, name=name, file=file, sources=sources)


def _model(
    table: Mapping[str, object],
    where: str,
    *,
    name: str,
    file: str,
    sources: tuple[Source, ...],
    folder: Path | None = None,
) -> ModelFile:
    sha256 = _field(table, "sha256", str, where)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ManifestError(f"{where}: sha256 must be 64 lower-case hexadecimal digits, not {sha256!r}")
    size = _field(table, "size", int, where)
    if size <= 0:
        raise ManifestError(f"{where}: size must be a positive number of bytes, not {size}")
    return ModelFile(
        name=name,
        file=file,
        sha256=sha256,
        size=size,
        licence=_field(table, "licence", str, where),
        origin=_field(table, "origin", str, where),
        build=_build(_field(table, "build", dict, where), where),
        sources=sources,
        folder=folder,
    )


def _build(table: Mapping[str, object], where: str) -> Build:
    where = f"{where}, build"
    scale = _field(table, "scale", float, where)
    if scale == 0:
        raise ManifestError(f"{where}: scale must be a number other than 0")
    return Build(
        format=_choice(table, "format", Format, where),
        layout=_choice(table, "layout", Layout, where),
        colour=_choice(table, "colour", Colour, where),
        mean=_field(table, "mean", float, where),
        scale=scale,
    )


def _source(table: Mapping[str, object], where: str) -> Source:
    where = f"{where}, source"
    if "url" in table:
        url = _field(table, "url", str, where)
        if not url.startswith("https://"):
            raise ManifestError(f"{where}: url must begin with https://, not {url!r}")
        return UrlSource(url)
    tags = table.get("wheel")
    return WheelSource(
        package=_field(table, "package", str, where),
        version=_field(table, "version", str, where),
        member=_field(table, "member", str, where),
        tags=None if tags is None else _tags(_field(table, "wheel", dict, where), where),
    )


def _tags(table: Mapping[str, object], where: str) -> WheelTags:
    return WheelTags(*(_field(table, key, str, f"{where}, wheel") for key in ("python", "abi", "platform")))


def _tables(table: Mapping[str, object], key: str, where: str) -> list[Mapping[str, object]]:
    value = table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        raise ManifestError(f"{where} must have at least one [[{key}]] table")
    return cast("list[Mapping[str, object]]", value)


def _field(table: Mapping[str, object], key: str, kind: type[T], where: str) -> T:
    if key not in table:
        raise ManifestError(f"{where}: {key!r} is missing")
    value = table[key]
    if type(value) is not kind:
        raise ManifestError(f"{where}: {key} must be {kind.__name__}, not {value!r}")
    return value


def _choice(table: Mapping[str, object], key: str, choices: object, where: str) -> T:  # type: ignore[type-var]
    value = _field(table, key, str, where)
    if value not in get_args(choices):
        raise ManifestError(f"{where}: {key} must be one of {', '.join(get_args(choices))}, not {value!r}")
    return cast("T", value)
