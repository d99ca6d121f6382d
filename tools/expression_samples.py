"""Batches of changed faces, from which the expression network learns. PyTorch is not needed.

Geometry: roll, perspective, zoom, aspect, shift, mirroring. Light: gamma, contrast, a gradient. Quality: blur, motion
blur, sharpening, fewer pixels, noise, JPEG. Covered parts. Two faces are mixed, and the mesh's measures are made
uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face_measures import expression_measures
from visavis.face_mesh import CROP_SIDE
from visavis.mean_face import mean_face
from visavis.vision.expression import CENTRAL_SIDE, INPUT_SIDE

__all__ = [
    "WIDE_SIDE",
    "Batch",
    "TrainingSet",
    "augmented",
    "draw",
    "prefetched",
    "widened",
]

WIDE_SIDE = 96
"""Pixels; the side to which the whole crop of 192 is reduced. Its margin is what roll, zoom and shift bring in."""

_CENTRAL = CENTRAL_SIDE * WIDE_SIDE / CROP_SIDE
"""Pixels of the reduced crop; the side of its central part, which the network gets if nothing changes."""

MIXED, MIXING = 0.5, 0.3
"""The part of the batches whose faces are mixed, and both parameters of the beta distribution of the mixture."""

NO_MESH = 0.15
"""The part of the faces whose measures are those of the mean face, as in use where the mesh cannot be read."""

MEASURE_NOISE = 0.15
"""Standard deviations; the noise that is added to measures."""

_POSES = 2
"""The last measures, turn and nod, are those of the pose, which the mean face is fitted to as well."""

Image: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Faces to learn from.

    Attributes:
        wide: (n, 2, 96, 96) uint8 grey, the reduced plain and filled crops; see `widened`.
        measures: (n, 17) float32.
        shares: (n, 8) float32, each row sums to 1.
        weights: (n,) float32, of each face in the loss.
    """

    wide: Image
    measures: Floats
    shares: Floats
    weights: Floats

    @property
    def prior(self) -> Floats:
        """The share of each class, (8,)."""
        return np.asarray(self.weights @ self.shares / self.weights.sum(), np.float32)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from.

    Attributes:
        images: (b, 1, 64, 64) float32 0..255.
        measures: (b, 17) float32.
        shares: (b, 8) float32.
        weights: (b,) float32.
    """

    images: Floats
    measures: Floats
    shares: Floats
    weights: Floats


def widened(crops: Image) -> Image:
    """Reduce whole crops (n, 192, 192) to (n, 96, 96)."""
    return np.stack(
        [np.asarray(cv2.resize(crop, (WIDE_SIDE, WIDE_SIDE), interpolation=cv2.INTER_AREA), np.uint8) for crop in crops]
    )


def prefetched(make: Callable[[int], Batch], first: int, steps: int, ahead: int = 4) -> Iterator[tuple[int, Batch]]:
    """Yield the steps from `first` to `steps` with their batches, which a thread makes a few steps ahead."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        waiting = {step: worker.submit(make, step) for step in range(first, min(first + ahead, steps))}
        for step in range(first, steps):
            if step + ahead < steps:
                waiting[step + ahead] = worker.submit(make, step + ahead)
            yield step, waiting.pop(step).result()


def draw(data: TrainingSet, rows: NDArray[np.intp], strength: float, rng: np.random.Generator) -> Batch:
    """Make a batch of `rows`, whose changes grow with `strength`, 0..1."""
    images = np.stack([augmented(data.wide[i, rng.integers(2)], strength, rng) for i in rows])[:, None]
    measures = _uncertain(data.measures[rows], data.measures.std(axis=0), strength, rng)
    batch = Batch(images.astype(np.float32), measures, data.shares[rows], data.weights[rows])
    return _mixed(batch, rng) if rng.random() < MIXED * strength else batch


def _uncertain(measures: Floats, deviation: Floats, strength: float, rng: np.random.Generator) -> Floats:
    noisy = measures + deviation * rng.normal(0, strength * MEASURE_NOISE, measures.shape)
    missing = rng.random(len(measures)) < NO_MESH
    noisy[missing, :-_POSES] = expression_measures(mean_face().astype(np.float32))[:-_POSES]
    return noisy.astype(np.float32)


def _mixed(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mix each face with another one, its measures, shares and weights too."""
    part = rng.beta(MIXING, MIXING, len(batch.images)).astype(np.float32)
    other = rng.permutation(len(part))

    def mix(values: Floats) -> Floats:
        mine = part.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(mine * values + (1 - mine) * values[other], np.float32)

    weights = mix(batch.weights)
    shares = mix(batch.shares * batch.weights[:, None]) / weights[:, None]
    return Batch(mix(batch.images), mix(batch.measures), shares, weights)


def augmented(wide: Image, strength: float, rng: np.random.Generator) -> Image:
    """Return the face of a reduced crop (96, 96), randomly changed, as the network sees it: (64, 64)."""
    image = _moved(wide, strength, rng)
    for chance, change in _CHANGES:
        if rng.random() < chance * strength:
            image = change(image, rng)
    return image


def _moved(wide: Image, strength: float, rng: np.random.Generator) -> Image:
    """The central part after roll, zoom, change of aspect, shift, perspective and mirroring."""
    angle = math.radians(float(np.clip(rng.normal(0, 7 * strength), -20, 20)))
    half = _CENTRAL / 2 * math.exp(rng.normal(0, 0.07 * strength)) * np.exp(rng.normal(0, 0.03 * strength, 2))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn
    corners += (WIDE_SIDE - 1) / 2 + rng.normal(0, 2 * strength, 2) + rng.normal(0, 2 * strength, (4, 2))
    if rng.random() < 0.5:
        corners = corners[[1, 0, 3, 2]]
    low, high = -0.5, INPUT_SIDE - 0.5
    targets = np.array([(low, low), (high, low), (high, high), (low, high)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), targets)
    side = (INPUT_SIDE, INPUT_SIDE)
    moved = cv2.warpPerspective(wide, matrix, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _lit(image: Image, rng: np.random.Generator) -> Image:
    """Another gamma, contrast and brightness; values that leave the range are clipped, as in over-exposed photos."""
    levels = np.linspace(0, 1, 256) ** math.exp(rng.uniform(-0.6, 0.6))
    levels = 255 * ((levels - 0.5) * rng.uniform(0.5, 1.4) + 0.5 + rng.uniform(-0.15, 0.15))
    return np.asarray(cv2.LUT(image, levels.clip(0, 255).astype(np.uint8)), np.uint8)


def _lit_from_a_side(image: Image, rng: np.random.Generator) -> Image:
    angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.6)
    line = np.linspace(-1, 1, INPUT_SIDE)
    towards = np.clip(line * math.cos(angle) + line[:, None] * math.sin(angle), -1, 1)
    return np.asarray(image * (1 - depth * (1 + towards) / 2), np.uint8)


def _blurred(image: Image, rng: np.random.Generator) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)


def _smeared(image: Image, rng: np.random.Generator) -> Image:
    """Motion blur."""
    length, angle = rng.uniform(1, 4), rng.uniform(0, math.pi)
    kernel, middle = np.zeros((9, 9), np.float32), 4
    for step in np.linspace(-length, length, 33):
        kernel[middle + round(step * math.sin(angle)), middle + round(step * math.cos(angle))] += 1 / 33
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def _sharpened(image: Image, rng: np.random.Generator) -> Image:
    amount = rng.uniform(0.3, 1.2)
    return np.asarray(cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (0, 0), 1.2), -amount, 0), np.uint8)


def _small(image: Image, rng: np.random.Generator) -> Image:
    """The face of a small or distant photo."""
    side = int(rng.integers(16, 41))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    back = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return np.asarray(cv2.resize(small, (INPUT_SIDE, INPUT_SIDE), interpolation=back), np.uint8)


def _noisy(image: Image, rng: np.random.Generator) -> Image:
    return np.asarray((image + rng.normal(0, rng.uniform(2, 10), image.shape)).clip(0, 255), np.uint8)


def _compressed(image: Image, rng: np.random.Generator) -> Image:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _covered(image: Image, rng: np.random.Generator) -> Image:
    """A plain or noisy patch over up to a sixth of the face."""
    height, width = (rng.uniform(0.12, 0.42, 2) * INPUT_SIDE).astype(int)
    top, left = rng.integers(0, INPUT_SIDE - height), rng.integers(0, INPUT_SIDE - width)
    out = image.copy()
    patch = rng.normal(rng.integers(0, 256), rng.choice([0, 40]), (height, width))
    out[top : top + height, left : left + width] = patch.clip(0, 255).astype(np.uint8)
    return out


_CHANGES: tuple[tuple[float, Callable[[Image, np.random.Generator], Image]], ...] = (
    (0.5, _lit),
    (0.15, _lit_from_a_side),
    (0.15, _sharpened),
    (0.2, _blurred),
    (0.1, _smeared),
    (0.25, _small),
    (0.2, _noisy),
    (0.25, _compressed),
    (0.3, _covered),
)
"""The chance of each change at full strength, in the order in which light, lens, sensor and file change an image."""
