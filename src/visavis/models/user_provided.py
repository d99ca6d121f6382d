"""Embedders that a user adds with `visavis models add`.

    <folder>/NAME/model.onnx         the network
    <folder>/NAME/embedder.toml      the format of its input, and the SHA-256 of model.onnx
    <folder>/NAME/calibration.json   its calibration, if it has one
    <folder>/.lock                   locked while an embedder is added or removed

`folder` is in the user's data folder, because these files cannot be fetched again. The folder of an embedder can be
copied to another machine or renamed by hand. Its ready network is in the cache of `store.py`.

The user states what an ONNX file does not contain: the order of colours, and the range of pixel values that the network
was trained on. visavis does not guess them. It checks the shapes, which the file contains, and runs the network once
before it adds it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from visavis.errors import ManifestError, ModelStoreError, ModelUnfit, SettingsError
from visavis.files import open_regular, sha256_of
from visavis.models.build import shapes_of
from visavis.models.manifest import Manifest, load_manifest, parse_user_provided
from visavis.models.model_file import Build, Layout, ModelFile, Template
from visavis.models.session import OpenVinoRuntime
from visavis.models.store import ModelStore
from visavis.models.writing import locked

__all__ = ["INPUTS", "TEMPLATES", "add_embedder", "calibration_file", "input_of", "read_models", "remove_embedder"]

TEMPLATES: tuple[str, ...] = get_args(Template)

INPUTS: Mapping[str, Build] = {
    f"{colour.lower()}-{numbers}": Build("onnx", "NCHW", colour, mean, scale)
    for colour in ("RGB", "BGR")
    for numbers, mean, scale in (
        ("0-255", 0.0, 1.0),
        ("unit", 0.0, 255.0),
        ("127.5-127.5", 127.5, 127.5),
        ("127.5-128", 127.5, 128.0),
    )
}
"""The usual inputs of embedders, by name. A pixel value in 0..255 becomes (value - mean) / scale."""

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_SIDE = 112
_DIMENSIONS = (64, 4096)
_HEAD = """\
# An embedder that `visavis models add` added. `build` describes the input of model.onnx. After a change of `build`,
# calibrate the embedder again.
"""


def read_models(folder: Path | None) -> Manifest:
    """Read the models that ship and the user's embedders, in this order.

    Args:
        folder: the folder of the user's embedders, which need not exist; None if the user has no such folder.

    Raises:
        ManifestError: the description of an embedder is wrong; the message names the file.
        ModelStoreError: a description cannot be read.
    """
    models = dict(load_manifest().models)
    for file in sorted(folder.glob("*/embedder.toml")) if folder is not None else ():
        model = _read(file)
        if model.name in models:
            raise ManifestError(
                f"{file}: {model.name!r} is the name of a model that ships with visavis; rename the folder"
            )
        models[model.name] = model
    return Manifest(models)


def calibration_file(model: ModelFile) -> Path:
    """Return the path of the calibration of a user's embedder, which need not exist.

    Raises:
        ValueError: the model ships with visavis.
    """
    if model.folder is None:
        raise ValueError(f"the model {model.name!r} ships with visavis, and so does its calibration")
    return model.folder / "calibration.json"


def add_embedder(
    store: ModelStore, folder: Path | None, source: Path, *, name: str, build: Build, licence: str = "not stated"
) -> ModelFile:
    """Add an ONNX file as an embedder. It cannot compare faces until it has a calibration.

    Args:
        store: the store, which builds the ready network.
        folder: the folder of the user's embedders, `Settings.embedders`, which is created if it does not exist.
        source: the ONNX file, which is copied.
        name: the name of the embedder: lowercase letters, digits and hyphens, at most 32.
        build: the format of its input: one of `INPUTS`, or another.
        licence: its licence, as `visavis models list` shows it.

    Raises:
        ModelUnfit: the name is not allowed or is taken; the file is not an ONNX network from (1, 3, 112, 112), or
            (1, 112, 112, 3), to (1, 64...4096); its output for noise is zero or not finite; or the same file was added
            before.
        ModelStoreError: the file cannot be read, or a folder cannot be written.
        SettingsError: `folder` is None.

    Example:
        model = add_embedder(store, folder, Path("w600k.onnx"), name="arc", build=INPUTS["rgb-127.5-127.5"])
    """
    if folder is None:
        raise SettingsError("embedders are stored in the user's data folder; set data_home or VISAVIS_DATA_HOME")
    _check_name(name, read_models(folder))
    try:
        sha256, size = sha256_of(source), source.stat().st_size
        _check_shapes(source, build.layout)
    except OSError as error:
        raise ModelStoreError(f"{source} cannot be read: {error.strerror}") from error
    origin = f"{_printable(source.name)}, added by its user"
    model = ModelFile(name, "model.onnx", sha256, size, _printable(licence), origin, build, (), folder / name)
    with locked(folder):
        # Checked again with the lock, because another process may have added an embedder meanwhile.
        models = read_models(folder)
        _check_name(name, models)
        _check_new(model, models)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=folder) as temporary:
            made = Path(temporary) / name
            made.mkdir()
            shutil.copyfile(source, made / model.file)
            (made / "embedder.toml").write_text(_as_toml(model), "utf-8")
            _probe_in(store, replace(model, folder=made))
            os.replace(made, folder / name)  # noqa: PTH105  # named so because it is the atomic step
    return model


def remove_embedder(store: ModelStore, name: str) -> ModelFile:
    """Delete the folder of a user's embedder, with its calibration, and its ready networks.

    Args:
        store: the store that has the ready networks.
        name: the name of the embedder.

    Raises:
        ModelUnfit: the model ships with visavis.
        ManifestError: no model has that name.
        ModelStoreError: the folder cannot be written.
    """
    model = store.manifest[name]
    if model.folder is None:
        raise ModelUnfit(f"{name!r} ships with visavis; only embedders that you added can be removed")
    folder = model.folder.parent
    with locked(folder), tempfile.TemporaryDirectory(prefix=".removing-", dir=folder) as temporary:
        os.replace(model.folder, Path(temporary) / name)  # noqa: PTH105  # named so because it is the atomic step
    store.discard_ready(model)
    return model


def input_of(build: Build) -> str:
    """Describe the input of an embedder in words.

    Example:
        >>> input_of(INPUTS["rgb-unit"])
        'rgb-unit, NCHW'
    """
    name = next(
        (n for n, b in INPUTS.items() if (b.colour, b.mean, b.scale) == (build.colour, build.mean, build.scale)), ""
    )
    return f"{name or f'{build.colour}, mean {build.mean:g}, scale {build.scale:g}'}, {build.layout}"


def _check_name(name: str, models: Manifest) -> None:
    if not re.fullmatch(_NAME, name):
        raise ModelUnfit(f"the name of a model must be at most 32 lowercase letters, digits and hyphens, not {name!r}")
    if name in models.models:
        remedy = f"; choose another name, or remove it with `visavis models remove {name}`"
        if not models[name].user_provided:
            remedy = ", which ships with visavis; choose another name"
        raise ModelUnfit(f"there is already a model {name!r}{remedy}")


def _check_new(model: ModelFile, models: Manifest) -> None:
    # A calibration names its embedder by SHA-256, so two embedders must not have the same one.
    if same := next((m for m in models.models.values() if m.sha256 == model.sha256), None):
        raise ModelUnfit(f"this file is already added as the model {same.name!r}")


def _check_shapes(source: Path, layout: Layout) -> None:
    inputs, outputs = shapes_of(source)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelUnfit(
            f"{source} has {len(inputs)} inputs and {len(outputs)} outputs; an embedder has one input, an image, and "
            "one output, its vector"
        )
    wanted = (3, _SIDE, _SIDE) if layout == "NCHW" else (_SIDE, _SIDE, 3)
    batch, *image = inputs[0] or (0,)
    if tuple(image) != wanted or batch not in (1, None):
        other = "NHWC" if layout == "NCHW" else "NCHW"
        hint = (
            f"; its layout seems to be {other} (--layout {other})"
            if tuple(image) in ((3, _SIDE, _SIDE), (_SIDE, _SIDE, 3))
            else ""
        )
        raise ModelUnfit(
            f"{source} takes {_shape(inputs[0])}, not {_shape((1, *wanted))} or {_shape((None, *wanted))} as an "
            f"embedder of 112x112 images in {layout} does{hint if batch in (1, None) else ''}"
        )


def _probe_in(store: ModelStore, model: ModelFile) -> None:
    """Build the ready network and run it. If that fails, nothing of it stays in the cache."""
    try:
        _probe(store.ready_network(model))
    except BaseException:
        store.discard_ready(model)
        raise


def _probe(network: Path) -> None:
    """Run a ready network on noise, and check its output."""
    low, high = _DIMENSIONS
    noise = np.random.default_rng(0).integers(0, 256, (1, _SIDE, _SIDE, 3), np.uint8)
    try:
        outputs = OpenVinoRuntime(concurrency=1, cache=None).session(network).run(noise)
    except RuntimeError as error:
        raise ModelUnfit(f"the network cannot be run: {error}") from error
    vector = next(iter(outputs.values()))
    if vector.ndim != 2 or len(vector) != 1 or not low <= vector.shape[1] <= high:
        raise ModelUnfit(
            f"for one image the network's output is {_shape(vector.shape)}, not (1, d) with d from {low} to {high}"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise ModelUnfit("for an image of noise the network's output must be finite and not zero, and it is not")


def _shape(sides: Iterable[int | None]) -> str:
    return "(" + ", ".join("n" if side is None else str(side) for side in sides) + ")"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _read(file: Path) -> ModelFile:
    try:
        with open_regular(file) as opened:
            return parse_user_provided(opened.read().decode("utf-8"), file.parent)
    except (ManifestError, ValueError) as error:  # ValueError: not UTF-8, or a number too long to be shown
        raise ManifestError(f"{file}: {error}") from error
    except OSError as error:
        raise ModelStoreError(f"{file} cannot be read: {error.strerror}") from error


def _as_toml(model: ModelFile) -> str:
    # A JSON string without unprintable characters is also a TOML basic string.
    build = {"format": model.build.format, "layout": model.build.layout, "colour": model.build.colour}
    numbers = {"mean": float(model.build.mean), "scale": float(model.build.scale)}
    inside = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {**build, **numbers}.items())
    fields = {
        "sha256": model.sha256,
        "size": model.size,
        "licence": model.licence,
        "origin": model.origin,
        "template": TEMPLATES[0],
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join([_HEAD, *lines, f"build = {{ {inside} }}", ""])
