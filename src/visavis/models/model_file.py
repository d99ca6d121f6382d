"""The description of a network's file: its hash, its sources, and how it becomes a ready network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = [
    "Build",
    "Colour",
    "Format",
    "Layout",
    "ModelFile",
    "Source",
    "Template",
    "UrlSource",
    "WeightUpdate",
    "WheelSource",
    "WheelTags",
]

Format = Literal["onnx", "tflite"]
Layout = Literal["NCHW", "NHWC"]
Colour = Literal["RGB", "BGR"]
Template = Literal["arcface112"]


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
class WeightUpdate:
    """A file in the package that changes the weights of a published network.

    Attributes:
        file: the name of the file, in `models/data/`.
        sha256: the SHA-256 of the file, 64 lowercase hexadecimal digits.
        size: the size of the file in bytes.
        weights_sha256: the SHA-256 of all weights of the changed network, as `weight_update.weights_sha256` computes
            it.
    """

    file: str
    sha256: str
    size: int
    weights_sha256: str


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
        update: changes the weights of the published network; None if they stay as they are.
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
    update: WeightUpdate | None = None

    @property
    def network_sha256(self) -> str:
        """What identifies the network: the SHA-256 of its file, or of its weights if an update changes them."""
        return self.sha256 if self.update is None else self.update.weights_sha256

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
