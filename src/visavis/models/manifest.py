"""Reads the list of models. A missing or wrong field raises an error that names it."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar, cast, get_args

from visavis.errors import ManifestError
from visavis.models.model_file import (
    Build,
    Colour,
    Format,
    Layout,
    ModelFile,
    Source,
    Template,
    UrlSource,
    WeightUpdate,
    WheelSource,
    WheelTags,
)

__all__ = ["Manifest", "load_manifest", "parse_manifest", "parse_user_provided"]

T = TypeVar("T")

_LARGEST_SIZE = 2 << 30
"""Bytes. An .onnx file is one message of Protocol Buffers, which cannot be larger."""


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
        where = f"model {i + 1}"
        model = _updated(table, where, models) if "base" in table else _shipped(table, where)
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
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not TOML: {error}") from error


def _shipped(table: Mapping[str, object], where: str) -> ModelFile:
    name = _field(table, "name", str, where)
    where = f"model {name!r}"
    file = _file_name(table, where)
    sources = tuple(_source(c, where) for c in _tables(table, "source", where))
    return _model(table, where, name=name, file=file, sources=sources)


def _updated(table: Mapping[str, object], where: str, models: Mapping[str, ModelFile]) -> ModelFile:
    """A model that is an earlier one with changed weights."""
    name, base = (_field(table, key, str, where) for key in ("name", "base"))
    where = f"model {name!r}"
    if base not in models:
        raise ManifestError(f"{where}: base must be the name of an earlier model, not {base!r}")
    update = _field(table, "update", dict, where)
    at = f"{where}, update"
    return replace(
        models[base],
        name=name,
        licence=_field(table, "licence", str, where),
        origin=_field(table, "origin", str, where),
        update=WeightUpdate(
            _file_name(update, at),
            _sha256(update, "sha256", at),
            _size(update, at),
            _sha256(update, "weights_sha256", at),
        ),
    )


def _model(
    table: Mapping[str, object],
    where: str,
    *,
    name: str,
    file: str,
    sources: tuple[Source, ...],
    folder: Path | None = None,
) -> ModelFile:
    return ModelFile(
        name=name,
        file=file,
        sha256=_sha256(table, "sha256", where),
        size=_size(table, where),
        licence=_field(table, "licence", str, where),
        origin=_field(table, "origin", str, where),
        build=_build(_field(table, "build", dict, where), where),
        sources=sources,
        folder=folder,
    )


def _file_name(table: Mapping[str, object], where: str) -> str:
    file = _field(table, "file", str, where)
    if not re.fullmatch(r"[\w.-]+", file):
        raise ManifestError(f"{where}: file must be a file name of letters, digits and ._- alone, not {file!r}")
    return file


def _sha256(table: Mapping[str, object], key: str, where: str) -> str:
    sha256 = _field(table, key, str, where)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ManifestError(f"{where}: {key} must be 64 lower-case hexadecimal digits, not {sha256!r}")
    return sha256


def _size(table: Mapping[str, object], where: str) -> int:
    size = _field(table, "size", int, where)
    if not 0 < size <= _LARGEST_SIZE:
        raise ManifestError(f"{where}: size must be a number of bytes from 1 to {_LARGEST_SIZE}")
    return size


def _build(table: Mapping[str, object], where: str) -> Build:
    where = f"{where}, build"
    mean, scale = _field(table, "mean", float, where), _field(table, "scale", float, where)
    if not math.isfinite(mean) or not math.isfinite(scale) or scale == 0:
        raise ManifestError(f"{where}: mean and scale must be finite, and scale must not be 0")
    return Build(
        format=_choice(table, "format", Format, where),
        layout=_choice(table, "layout", Layout, where),
        colour=_choice(table, "colour", Colour, where),
        mean=mean,
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
