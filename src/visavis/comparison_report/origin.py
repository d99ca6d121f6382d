"""Where a comparison comes from: its pictures, networks, scale, settings and versions, as tables."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from visavis import __version__
from visavis.calibration import Calibration
from visavis.compare_options import CompareOptions
from visavis.document import Table
from visavis.files import sha256_of
from visavis.geometry import Size
from visavis.models.model_file import ModelFile
from visavis.runtime import chosen_embedder, open_store
from visavis.settings import Settings

__all__ = ["ReportedImage", "images_table", "networks_table", "settings_table"]


@dataclass(frozen=True, slots=True)
class ReportedImage:
    """An image of a comparison, as a report shows it.

    Attributes:
        name: of the file, or what else names the image.
        data: the bytes that were compared, of a JPEG or PNG.

    Example:
        >>> from pathlib import Path
        >>> photo = Path("examples/photos/obama.jpg")
        >>> ReportedImage(photo.name, photo.read_bytes()).name
        'obama.jpg'
    """

    name: str
    data: bytes


def images_table(roles: Sequence[str], images: Sequence[ReportedImage], sizes: Sequence[Size]) -> Table:
    """The files of the images with their hashes."""
    rows = tuple(
        (
            role,
            image.name,
            f"{size.width} x {size.height}",
            f"{len(image.data):,}",
            hashlib.sha256(image.data).hexdigest(),
        )
        for role, image, size in zip(roles, images, sizes, strict=True)
    )
    return Table(
        "Pictures. Pixels are width x height, upright.", ("Picture", "File", "Pixels", "Bytes", "SHA-256"), rows
    )


def networks_table(settings: Settings, calibration: Calibration) -> Table:
    """The files that the answer depends on with their hashes."""
    return Table("Networks and scale.", ("Part", "File", "SHA-256"), tuple(_networks(settings, calibration)))


def _networks(settings: Settings, calibration: Calibration) -> Iterator[tuple[str, str, str]]:
    from visavis.vision.expression import NETWORK

    models = open_store(settings).manifest.models
    for name in ("detector", "mesh", "iris"):
        yield name, models[name].file, models[name].sha256
    yield "expression", NETWORK.name, sha256_of(NETWORK)
    yield from _embedder(chosen_embedder(settings))
    # The file of a calibration has the bytes of `to_json`.
    digest = hashlib.sha256(calibration.to_json().encode()).hexdigest()
    yield "similarity scale", f"{calibration.accuracy} accuracy, {_fitted(calibration)}", digest


def _embedder(model: ModelFile) -> Iterator[tuple[str, str, str]]:
    yield f"embedder {model.name}", model.file, model.sha256
    if model.update is not None:
        yield "embedder, change of weights", model.update.file, model.update.sha256
        yield "embedder, changed weights", "", model.update.weights_sha256


def _fitted(calibration: Calibration) -> str:
    date = calibration.provenance.get("date")
    return "fitted" if date is None else f"fitted {date}"


def settings_table(options: CompareOptions, settings: Settings) -> Table:
    """What was chosen and what ran, as far as the answer depends on it."""
    review = "none" if options.review is None else "{:g} to {:g}".format(*options.review)
    rows = (
        ("threshold", f"{options.similarity_threshold:g}"),
        ("review band", review),
        ("quality filter", str(options.quality_filter)),
        ("accuracy", settings.accuracy),
        ("embedder", settings.embedder),
        ("precision", settings.precision),
        ("device", settings.device),
        ("visavis", __version__),
        ("OpenVINO", version("openvino")),
        ("Python", platform.python_version()),
        ("platform", platform.platform()),
    )
    return Table("Settings and versions.", ("Setting or version", "Value"), rows)
