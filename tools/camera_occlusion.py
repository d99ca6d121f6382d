"""Covers parts of a face in a photo: masks, hands, glasses, hair, and rectangles."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from tools.camera_photo import Photo

from visavis.face_mesh import eye_centres

__all__ = ["OCCLUSIONS"]

Random = np.random.Generator
Floats = NDArray[np.float32]

# Vertices of MediaPipe's face mesh (canonical_face_model_uv_visualization.png).
_JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
_NOSE_BRIDGE = (6, 197, 195, 5, 4)
_CHEEKS = (117, 346)
_FOREHEAD = (54, 103, 67, 109, 10, 338, 297, 332, 284)
_MOUTH = 13


def masked(photo: Photo, strength: float, rng: Random) -> Photo:
    """A mask of one colour, with or without folds, from the nose or from below it to the chin."""
    # The weakest mask leaves the nose free.
    top = photo.points[2 if strength * rng.random() < 0.15 else int(rng.choice(_NOSE_BRIDGE)), :2]
    sides = photo.points[list(_CHEEKS), :2]
    jaw = photo.points[list(_JAW[2:-2]), :2]
    outline = np.vstack([sides[:1], jaw, sides[1:], top[None]])
    height, width = photo.pixels.shape[:2]
    cloth = np.ones((height, width, 1), np.float32) * rng.uniform(10, 250, 3).astype(np.float32)
    if rng.random() < 0.5:
        y = np.arange(height, dtype=np.float32)[:, None, None]
        cloth = cloth + 18 * np.sin(2 * np.pi * y / (rng.uniform(0.15, 0.5) * photo.interocular))
    return painted(photo, polygon(photo, outline), cloth, rng)


def hand_before(photo: Photo, strength: float, rng: Random) -> Photo:
    """Fingers of the colour of the cheek, before the mouth or a cheek."""
    skin = _skin(photo) * rng.uniform(0.75, 1.2)
    centre = photo.points[int(rng.choice((_MOUTH, *_CHEEKS, 152))), :2]
    angle = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    d = photo.interocular
    cover = np.zeros(photo.pixels.shape[:2], np.uint8)
    for i in range(int(rng.integers(2, 5))):
        start = centre + across * (i - 1.5) * 0.3 * d - along * rng.uniform(0.2, 0.6) * d * strength
        end = start + along * 2.5 * d
        cv2.line(cover, _pixel(start), _pixel(end), 255, max(1, round(0.27 * d)))
    return painted(photo, cover.astype(np.float32) / np.float32(255), skin, rng)


def sunglasses(photo: Photo, strength: float, rng: Random) -> Photo:
    """Two dark ellipses and a bridge; weaker glasses let the eyes shine through."""
    d, cover = photo.interocular, np.zeros(photo.pixels.shape[:2], np.uint8)
    eyes = eye_centres(photo.points).astype(np.float64)
    angle = float(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])))
    size = (d * rng.uniform(0.3, 0.45), d * rng.uniform(0.2, 0.4))
    for eye in eyes:
        cv2.ellipse(cover, (tuple(eye.tolist()), (2 * size[0], 2 * size[1]), angle), 255, -1)
    cv2.line(cover, _pixel(eyes[0]), _pixel(eyes[1]), 255, max(1, round(0.06 * d)))
    opaque = np.clip(0.4 + strength, 0, 1)
    return painted(photo, cover.astype(np.float32) / 255 * opaque, rng.uniform(0, 60, 3).astype(np.float32), rng)


def glare(photo: Photo, strength: float, rng: Random) -> Photo:
    """White reflections on glasses, over one or both eyes."""
    d = photo.interocular
    light = np.zeros(photo.pixels.shape[:2], np.float32)
    for eye in eye_centres(photo.points)[rng.permutation(2)[: rng.integers(1, 3)]]:
        place = eye + rng.uniform(-0.2, 0.2, 2) * d
        size = d * rng.uniform(0.1, 0.3, 2) * (0.5 + strength)
        cv2.ellipse(light, (tuple(place.tolist()), tuple(size.tolist()), rng.uniform(0, 180)), 1.0, -1)
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.3, 0.05 * d)), np.float32)
    return photo.with_pixels(photo.pixels + 255 * rng.uniform(0.5, 1) * light[:, :, None])


def hair_before(photo: Photo, strength: float, rng: Random) -> Photo:
    """Strands of one colour from the forehead over the face."""
    d, cover = photo.interocular, np.zeros(photo.pixels.shape[:2], np.uint8)
    down = photo.points[_MOUTH, :2] - photo.points[10, :2]
    start = photo.points[int(rng.choice(_FOREHEAD)), :2] - 0.3 * down
    for _ in range(round(4 + 30 * strength * rng.random())):
        root = start + rng.normal(0, 0.25, 2) * d
        tip = root + down * rng.uniform(0.5, 1.4) * strength + rng.normal(0, 0.2, 2) * d
        bend = (root + tip) / 2 + rng.normal(0, 0.12, 2) * d
        t = np.linspace(0, 1, 12)[:, None]
        curve = (1 - t) ** 2 * root + 2 * t * (1 - t) * bend + t**2 * tip
        thick = max(1, round(rng.uniform(0.02, 0.09) * d))
        cv2.polylines(cover, [curve.round().astype(np.int32)], False, 255, thick)
    return painted(photo, cover.astype(np.float32) / np.float32(255), np.full(3, rng.uniform(5, 140), np.float32), rng)


def rectangle(photo: Photo, strength: float, rng: Random) -> Photo:
    """A rectangle of one colour, as of a phone, a microphone or a censor's bar."""
    (left, top), (right, bottom) = photo.points[:, :2].min(axis=0), photo.points[:, :2].max(axis=0)
    size = np.array([right - left, bottom - top])
    if rng.random() < 0.4:  # the whole lower part
        y = top + size[1] * rng.uniform(0.95 - 0.45 * strength, 1)
        x0, x1 = left - 0.2 * size[0] * rng.random(), right + 0.2 * size[0] * rng.random()
        corners = np.array([[x0, y], [x1, y], [x1, bottom + size[1]], [x0, bottom + size[1]]])
    else:
        extent = size * rng.uniform(0.15, 0.2 + 0.35 * strength, 2)
        place = np.array([left, top]) + rng.uniform(0, 1, 2) * (size - extent)
        corners = place + extent * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return painted(photo, polygon(photo, corners), rng.uniform(0, 255, 3).astype(np.float32), rng)


def polygon(photo: Photo, corners: NDArray[np.floating]) -> Floats:
    """(height, width) 1 within the corners (n, 2) and 0 outside."""
    cover = np.zeros(photo.pixels.shape[:2], np.uint8)
    cv2.fillPoly(cover, [corners.round().astype(np.int32)], 1)
    return cover.astype(np.float32)


def painted(photo: Photo, cover: Floats, colour: NDArray[np.floating], rng: Random) -> Photo:
    """The photo with a colour, or pixels, where `cover` (height, width) is 1; the edge is soft, the light uneven."""
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.3, 0.015 * photo.interocular)), np.float32)[:, :, None]
    shade = np.linspace(rng.uniform(0.7, 1.1), rng.uniform(0.7, 1.1), cover.shape[1], dtype=np.float32)[None, :, None]
    return photo.with_pixels(photo.pixels * (1 - cover) + colour * shade * cover)


def _pixel(point: NDArray[np.floating]) -> list[int]:
    return [round(float(value)) for value in point]


def _skin(photo: Photo) -> Floats:
    height, width = photo.pixels.shape[:2]
    places = photo.points[list(_CHEEKS), :2].round().astype(int).clip(0, (width - 1, height - 1))
    return np.asarray(photo.pixels[places[:, 1], places[:, 0]].mean(axis=0), np.float32)


OCCLUSIONS: tuple[Callable[[Photo, float, Random], Photo], ...] = (
    masked, rectangle, rectangle, hand_before, sunglasses, glare, hair_before,
)  # fmt: skip
