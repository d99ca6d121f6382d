"""A user's own embedders: `<root>/user-manifest.toml`, beside the manifest that ships.

What a file cannot tell (the order of its colours, the numbers it was trained on) is named by who adds it and never
guessed; what it can tell (shapes) is checked against what was named, and the network is run before it is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

import numpy as np

from visavis.errors import ManifestError, ModelStoreError, ModelUnfit
from visavis.files import sha256_of
from visavis.models.build import shapes_of
from visavis.models.manifest import Build, Layout, Manifest, ModelFile, Template, load_manifest, parse_own
from visavis.models.session import OpenVinoRuntime
from visavis.models.store import ModelStore, writing

__all__ = ["INPUTS", "TEMPLATES", "add_own", "input_of", "manifest_with_own", "remove_own"]

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
"""What embedders are fed, by name: (value - mean) / scale of pixels in 0..255."""

_NAME = r"[a-z0-9][a-z0-9-]{0,31}"
_SIDE = 112
_DIMENSIONS = (64, 4096)
_HEAD = """\
# The embedders that `visavis models add` took. Change one by `visavis models remove` and `add`, not here: its ready
# network and its calibration hold for these lines only.
"""


def manifest_with_own(root: Path) -> Manifest:
    """The models that ship, then the user's own.

    Raises:
        ManifestError: the user's manifest is odd; the message names it.
        ModelStoreError: it cannot be read.
    """
    shipped, own = load_manifest().models, _read(root)
    if taken := shipped.keys() & own.keys():
        raise ManifestError(f"{_file(root)}: {min(taken)!r} is the name of a model that ships with visavis")
    return Manifest({**shipped, **own})


def input_of(build: Build) -> str:
    """How an embedder is fed, for people to read."""
    name = next(
        (n for n, b in INPUTS.items() if (b.colour, b.mean, b.scale) == (build.colour, build.mean, build.scale)), ""
    )
    return f"{name or f'{build.colour}, mean {build.mean:g}, scale {build.scale:g}'}, {build.layout}"


def add_own(store: ModelStore, source: Path, *, name: str, build: Build, licence: str = "not stated") -> ModelFile:
    """Take an ONNX file as an embedder. It has no calibration yet, and is refused everywhere until it has.

    Args:
        name: what it is chosen by; small letters, digits and hyphens.
        build: what its input takes, one of `INPUTS` or another.

    Raises:
        ModelUnfit: the name will not do, the file is no ONNX network from (1, 3, 112, 112) (or NHWC) to (1, 64...4096),
            what it gives for noise is not finite or has no length, or it is here already.
        ModelStoreError: the file cannot be read, or the cache cannot be written.
    """
    manifest = manifest_with_own(store.root)
    _check_name(name, manifest)
    try:
        sha256, size = sha256_of(source), source.stat().st_size
        _check_shapes(source, build.layout)
    except OSError as error:
        raise ModelStoreError(f"{source} cannot be read: {error.strerror}") from error
    origin = f"{_printable(source.name)}, added by its user"
    model = ModelFile(name, f"{name}.onnx", sha256, size, _printable(licence), origin, build, ())
    _check_new(model, manifest)
    store.take(model, source, probe=_probe)
    with store.locked():
        # Another process may have added one meanwhile.
        manifest = manifest_with_own(store.root)
        _check_name(name, manifest)
        _check_new(model, manifest)
        _write(store.root, [*_read(store.root).values(), model])
    return model


def remove_own(store: ModelStore, name: str) -> ModelFile:
    """Forget an embedder, its file and its calibration.

    Raises:
        ModelUnfit: it ships with visavis.
        ManifestError: there is none of that name.
    """
    model = manifest_with_own(store.root)[name]
    if not model.user_provided:
        raise ModelUnfit(f"{name!r} ships with visavis; only models of your own can be removed")
    with store.locked():
        _write(store.root, [m for m in _read(store.root).values() if m.name != name])
    store.drop(model)
    return model


def _check_name(name: str, manifest: Manifest) -> None:
    if not re.fullmatch(_NAME, name):
        raise ModelUnfit(f"a model's name is made of small letters, digits and hyphens, 32 at most, not {name!r}")
    if name in manifest.models:
        way_out = (
            f"; `visavis models remove {name}` frees the name"
            if manifest[name].user_provided
            else ", which ships with visavis"
        )
        raise ModelUnfit(f"there is a model {name!r} already{way_out}")


def _check_new(model: ModelFile, manifest: Manifest) -> None:
    # A ready network and a calibration go by the file's hash, so that the same bytes cannot be two models.
    if same := next((m for m in manifest.models.values() if m.sha256 == model.sha256), None):
        raise ModelUnfit(f"this file is the model {same.name!r} already")


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
        hint = f"; it looks like --layout {other}" if tuple(image) in ((3, _SIDE, _SIDE), (_SIDE, _SIDE, 3)) else ""
        raise ModelUnfit(
            f"{source} takes {_shape(inputs[0])}, not {_shape((1, *wanted))} or {_shape((None, *wanted))} as an "
            f"embedder of 112x112 images in {layout} does{hint if batch in (1, None) else ''}"
        )


def _probe(network: Path) -> None:
    """Run a ready network on noise."""
    low, high = _DIMENSIONS
    noise = np.random.default_rng(0).integers(0, 256, (1, _SIDE, _SIDE, 3), np.uint8)
    try:
        outputs = OpenVinoRuntime(concurrency=1, cache=None).session(network).run(noise)
    except RuntimeError as error:
        raise ModelUnfit(f"the network cannot be run: {error}") from error
    vector = next(iter(outputs.values()))
    if vector.ndim != 2 or len(vector) != 1 or not low <= vector.shape[1] <= high:
        raise ModelUnfit(
            f"for one image the network gives {_shape(vector.shape)}, not (1, d) with d from {low} to {high}"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise ModelUnfit("for an image of noise the network gives a vector that is not finite, or has no length")


def _shape(sides: Iterable[int | None]) -> str:
    return "(" + ", ".join("n" if side is None else str(side) for side in sides) + ")"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _file(root: Path) -> Path:
    return root / "user-manifest.toml"


def _read(root: Path) -> Mapping[str, ModelFile]:
    file = _file(root)
    try:
        return parse_own(file.read_text("utf-8")).models
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ManifestError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: {error}") from error
    except OSError as error:
        raise ModelStoreError(f"{file} cannot be read: {error.strerror}") from error


def _write(root: Path, models: list[ModelFile]) -> None:
    if not models:
        _file(root).unlink(missing_ok=True)
        return
    with writing(_file(root)) as temporary:
        temporary.write_text("\n".join([_HEAD, *map(_as_toml, models)]), "utf-8")


def _as_toml(model: ModelFile) -> str:
    # JSON's strings are TOML's basic strings, once nothing unprintable is in them.
    build = {"format": model.build.format, "layout": model.build.layout, "colour": model.build.colour}
    numbers = {"mean": float(model.build.mean), "scale": float(model.build.scale)}
    inside = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {**build, **numbers}.items())
    fields = {
        "name": model.name,
        "file": model.file,
        "sha256": model.sha256,
        "size": model.size,
        "licence": model.licence,
        "origin": model.origin,
        "template": TEMPLATES[0],
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["[[model]]", *lines, f"build = {{ {inside} }}", ""])
