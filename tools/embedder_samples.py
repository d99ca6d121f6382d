"""Draws batches of crops, and the teacher's answers to them, for `tools.train_embedder`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tools.camera import defocused, dim, low_contrast, noisy, over_exposed, side_lit, smaller
from tools.camera_occlusion import masked, rectangle, sunglasses
from tools.camera_photo import Photo
from tools.embedder_crops import Crops

from visavis.mean_face import mean_face_through
from visavis.runtime import open_analyzer
from visavis.settings import Settings
from visavis.vision.align import SIDE, TEMPLATE

__all__ = ["ALIKE_GROUPS", "BATCH", "Batch", "Samples", "tensor", "unit"]

BATCH, PLAIN, ALIKE, SMALL = 64, 8, 18, 4
"""The size of a batch, and how many of it are plain crops, crops degraded alike (twice), and crops of FERPlus."""

ALIKE_GROUPS = (slice(PLAIN, PLAIN + ALIKE), slice(PLAIN + ALIKE, PLAIN + 2 * ALIKE))
"""The rows of a batch that are degraded alike."""

ALIKE_WAYS = (
    *[over_exposed] * 10, *[rectangle] * 6, *[dim] * 3, *[noisy] * 2, masked, sunglasses, side_lit, defocused, smaller,
    low_contrast,
)  # fmt: skip
"""Degradations after which people look alike, those with the largest effect more often."""

HARD = 0.8
"""The largest distance, one minus the cosine, of the teacher's embedding of a copy that makes the copy more likely."""

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


class Batch(NamedTuple):
    """A batch of `b` samples.

    Attributes:
        crops: (b, 3, 112, 112), the network's input.
        target: (b, 128), the teacher's embeddings of the plain crops.
        others: (b, 128), the means of the targets of the person's other images; zeros where there are none.
        norms: (b,), of the teacher's embeddings of the crops; 0 where they are not known.
    """

    crops: Any
    target: Any
    others: Any
    norms: Any


class Samples:
    """Draws batches.

    Args:
        crops: all crops.
        chosen: (n,) bool, the images to draw from.
        cache: a file that keeps the teacher's answers.
    """

    def __init__(self, crops: Crops, chosen: NDArray[np.bool_], cache: Path) -> None:
        self._crops = crops
        if not cache.exists():
            np.savez(cache, **answers(crops))  # type: ignore[arg-type]
        with np.load(cache) as stored:
            self._said = {name: stored[name] for name in stored.files}
        self._rows = np.flatnonzero(chosen)
        target, same = self._said["target"], crops.identity[:, None] == crops.identity
        self._others = unit((same & ~np.eye(len(same), dtype=np.bool_)).astype(np.float32) @ target)

    def draw(self, hardest: float, rng: np.random.Generator) -> Batch:
        """Draw a batch.

        Copies on which the teacher errs more are drawn more often.

        Args:
            hardest: the strongest degradation, 0..1.
            rng: draws.
        """
        rows = rng.choice(self._rows, BATCH - SMALL, replace=len(self._rows) < BATCH)
        small = rng.integers(0, len(self._crops.small), SMALL)
        apart = rows[ALIKE_GROUPS[-1].stop :]
        copies = np.array([self._copy(row, hardest, rng) for row in apart])
        crops = [*self._crops.plain[rows[:PLAIN]]]
        for group in ALIKE_GROUPS:
            crops += degraded_alike(self._crops.plain[rows[group]], hardest, rng)
        crops += [*self._crops.copies[apart, copies], *self._crops.small[small, 1]]
        said = self._said
        norms = [said["norm"][rows[:PLAIN]], np.zeros(2 * ALIKE), said["copy_norm"][apart, copies]]
        norms += [said["small_copy_norm"][small]]
        return Batch(
            tensor(np.stack([varied(crop, rng) for crop in crops])),
            torch.from_numpy(np.concatenate([said["target"][rows], said["small_target"][small]])),
            torch.from_numpy(np.concatenate([self._others[rows], np.zeros((SMALL, 128), np.float32)])),
            torch.from_numpy(np.concatenate(norms).astype(np.float32)),
        )

    def _copy(self, row: int, hardest: float, rng: np.random.Generator) -> int:
        strength = self._crops.strength[row]
        allowed = strength <= max(hardest, strength.min())
        weight = allowed * (0.05 + np.minimum(self._said["copy_distance"][row], HARD))
        return int(rng.choice(len(weight), p=weight / weight.sum()))


def answers(crops: Crops) -> dict[str, Floats]:
    """The teacher's embeddings of the plain crops, and the norms and distances of its embeddings of the copies.

    The target of a crop is the mean of the embeddings of the crop and of its mirror image, of unit length.
    """
    print("the teacher looks at every crop", flush=True)
    stages, runtime = open_analyzer(replace(Settings.from_env(), embedder="sface"))

    def embedded(some: Any) -> Floats:
        """(n, 128) before normalisation, of (n, 112, 112, 3)."""
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(stages.embedder, some))
        return np.stack([one.vector * np.float32(one.embedding_norm or 0) for one in found])

    plain, small = embedded(crops.plain), embedded(crops.small[:, 0])
    target = unit(plain + embedded(crops.plain[:, :, ::-1]))
    copies = [embedded(crops.copies[:, i]) for i in range(crops.copies.shape[1])]
    small_copies = embedded(crops.small[:, 1])
    said = {
        "target": target,
        "norm": np.linalg.norm(plain, axis=1),
        "copy_norm": np.stack([np.linalg.norm(one, axis=1) for one in copies], axis=1),
        "copy_distance": np.stack([1 - (unit(one) * target).sum(axis=1) for one in copies], axis=1),
        "small_target": unit(small + embedded(crops.small[:, 0, :, ::-1])),
        "small_copy_norm": np.linalg.norm(small_copies, axis=1),
    }
    runtime.close()
    return {name: values.astype(np.float32) for name, values in said.items()}


def tensor(crops: NDArray[Any]) -> Any:
    """Convert (n, 112, 112, 3) uint8 to the network's input."""
    planes = torch.from_numpy(np.array(crops)).permute(0, 3, 1, 2)
    return planes.float().contiguous(memory_format=torch.channels_last)


def unit(vectors: Floats) -> Floats:
    """Divide vectors by their lengths; zeros stay zeros."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), np.float32)


def degraded_alike(crops: Pixels, strength: float, rng: np.random.Generator) -> Sequence[Pixels]:
    """Crops of different people, all with one degradation with the same parameters."""
    degradation, seed = ALIKE_WAYS[rng.integers(len(ALIKE_WAYS))], int(rng.integers(1 << 30))
    strength *= rng.uniform(0.3, 1)
    face = mean_face_through(TEMPLATE)
    degraded = (degradation(Photo(c.astype(np.float32), face), strength, np.random.default_rng(seed)) for c in crops)
    # A degradation may change the size.
    return [np.asarray(cv2.resize(d.pixels, (SIDE, SIDE)), np.float32).clip(0, 255).astype(np.uint8) for d in degraded]


def varied(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """The crop mirrored, a little moved, and with the colours of a skin, each sometimes.

    Most crops are grey, and the embedder has to keep what it does with colour.
    """
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.3:
        move = cv2.getRotationMatrix2D((55.5, 55.5), rng.uniform(-3, 3), rng.uniform(0.97, 1.03))
        move[:, 2] = move[:, 2] + rng.uniform(-1.5, 1.5, 2)
        crop = np.asarray(cv2.warpAffine(np.ascontiguousarray(crop), move, (SIDE, SIDE)), np.uint8)
    if rng.random() < 0.4:
        warmth = rng.uniform(0, 0.35)
        levels = (np.arange(256) / 255)[:, None] ** np.array([1 - warmth, 1, 1 + warmth * rng.uniform(0.5, 1)])
        table = np.asarray(255 * levels, np.uint8)[:, None, :].transpose(1, 0, 2)
        crop = np.asarray(cv2.LUT(np.ascontiguousarray(crop), table), np.uint8)
    return crop
