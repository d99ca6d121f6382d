"""Changes the weights of a published network by a small file that ships with visavis.

The file is an .npz archive. The new weight `w` is `w + scale * difference`, with one float32 scale for each output
channel (`w.scale`). The difference is either int8 (`w`), or the product of two int16 factors (`w.up` and `w.down`).
Products of integers are exact, so the new weights have the same bits on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelCorrupt
from visavis.models.model_file import WeightUpdate

__all__ = ["quantized_update", "shipped_update", "updated_weights", "weights_sha256"]

Weight = NDArray[Any]

_SCALE, _UP, _DOWN = ".scale", ".up", ".down"


def shipped_update(update: WeightUpdate) -> bytes:
    """The content of the file of an update that ships, which has the SHA-256 of the manifest.

    Raises:
        ModelCorrupt: it has another.
    """
    data = (files("visavis.models") / "data" / update.file).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != update.sha256:
        raise ModelCorrupt(
            f"{update.file} in the package is damaged: its SHA-256 is {found}, it should be {update.sha256}; "
            "install visavis again"
        )
    return data


def updated_weights(weights: Mapping[str, Weight], update: bytes) -> dict[str, Weight]:
    """The weights of a network, changed by an update.

    Args:
        weights: the f32 weights of the published network by name.
        update: the content of the file.

    Raises:
        ModelCorrupt: the update changes a weight that the network does not have in this shape.
    """
    changed = dict(weights)
    for name, difference in _differences(update).items():
        # A 1x1 convolution is a matrix with two more dimensions.
        shape = difference.shape + (1, 1) * (name in weights and weights[name].ndim - difference.ndim == 2)
        if name not in weights or weights[name].shape != shape:
            raise ModelCorrupt(f"the update does not fit the network: it changes {name} of shape {difference.shape}")
        changed[name] = weights[name] + difference.reshape(shape)
    return changed


def quantized_update(
    differences: Mapping[str, Weight], factors: Mapping[str, tuple[Weight, Weight]] | None = None
) -> bytes:
    """The content of the file of an update.

    Args:
        differences: of weights by name, each (outputs, ...) float32.
        factors: of the differences of other weights by name, (outputs, rank) and (rank, ...), float32.

    Example:
        >>> data = quantized_update({"w": np.ones((2, 3), np.float32)})
        >>> with np.load(BytesIO(data)) as stored:
        ...     sorted(stored.files), int(stored["w"][0, 0])
        (['w', 'w.scale'], 127)
    """
    arrays: dict[str, Weight] = {}
    for name, difference in sorted(differences.items()):
        arrays[name], arrays[name + _SCALE] = _quantized(difference, np.int8)
    for name, (up, down) in sorted((factors or {}).items()):
        arrays[name + _DOWN], steps = _quantized(down, np.int16)
        arrays[name + _UP], arrays[name + _SCALE] = _quantized(up * steps, np.int16)
    out = BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def _quantized(values: Weight, kind: type[np.signedinteger]) -> tuple[Weight, NDArray[np.float32]]:
    """Values as integers, and the scale of each row; a row of zeros has a scale of 0."""
    largest = np.iinfo(kind).max
    scale = (np.abs(values).reshape(len(values), -1).max(axis=1) / largest).astype(np.float32)
    steps = np.where(scale > 0, scale, 1).reshape(_channels(values))
    return np.clip(np.round(values / steps), -largest, largest).astype(kind), scale


def weights_sha256(weights: Mapping[str, Weight]) -> str:
    """The SHA-256 of the weights of a network: of their names, shapes and little-endian values, sorted by name."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        little = np.ascontiguousarray(weight, weight.dtype.newbyteorder("<"))
        digest.update(f"{name} {little.dtype.str} {weight.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def _differences(data: bytes) -> dict[str, NDArray[np.float32]]:
    differences = {}
    with np.load(BytesIO(data)) as stored:
        for key in stored.files:
            if not key.endswith(_SCALE):
                continue
            name = key.removesuffix(_SCALE)
            if name in stored.files:
                steps = stored[name].astype(np.float32)
            else:
                up, down = (stored[name + part].astype(np.float64) for part in (_UP, _DOWN))
                steps = np.tensordot(up, down, axes=1).astype(np.float32)
            differences[name] = steps * stored[key].reshape(_channels(steps))
    return differences


def _channels(weight: Weight) -> tuple[int, ...]:
    """The shape of one number for each output channel of a weight."""
    return (len(weight), *[1] * (weight.ndim - 1))
