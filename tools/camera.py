"""Degrades photos of a face in the ways of cameras, light, networks and what people wear, to train the embedder.

Every degradation takes a `Photo`, a strength from 0 to 1 and a random generator, and returns another `Photo`. Lengths
are in units of the interocular distance, so that a strength means the same in a photo of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tools.camera_occlusion import OCCLUSIONS
from tools.camera_photo import Photo, clipped
from tools.camera_yaw import turned_head

__all__ = ["FAMILIES", "degraded"]

Random = np.random.Generator
Floats = NDArray[np.float32]
Degradation = Callable[[Photo, float, Random], Photo]

_GAMMA = 2.2


def smaller(photo: Photo, strength: float, rng: Random) -> Photo:
    """Sampled down with a random kernel, to an interocular distance between 40 and 7 pixels, and sometimes up again."""
    target = 40 * (7 / 40) ** (strength * rng.uniform(0.4, 1))
    factor = min(1.0, target / photo.interocular)
    kernels = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
    small = photo.scaled(factor, int(rng.choice(kernels)))
    if rng.random() < 0.6:
        return small
    return small.scaled(1 / factor, int(rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4))))


def defocused(photo: Photo, strength: float, rng: Random) -> Photo:
    """Blurred by a Gaussian or by a disc, as by a lens that is out of focus."""
    sigma = max(0.3, strength * rng.uniform(0.25, 1) * 0.085 * photo.interocular)
    if rng.random() < 0.5:
        return photo.with_pixels(cv2.GaussianBlur(photo.pixels, (0, 0), sigma))
    radius = max(1, round(2 * sigma))  # a disc of radius r has the deviation r / 2
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    return photo.with_pixels(cv2.filter2D(photo.pixels, -1, disc / disc.sum()))


def moved(photo: Photo, strength: float, rng: Random) -> Photo:
    """Blurred along a line, as by a camera or a head that moves."""
    length = max(2, round(strength * rng.uniform(0.25, 1) * 0.35 * photo.interocular))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return photo.with_pixels(cv2.filter2D(photo.pixels, -1, kernel / max(float(kernel.sum()), 1e-6)))


def noisy(photo: Photo, strength: float, rng: Random) -> Photo:
    """Gaussian noise, of one value for all channels or of one for each."""
    sigma = 3 + strength * rng.uniform(0.2, 1) * 42
    shape = photo.pixels.shape[:2] + ((1,) if rng.random() < 0.5 else (3,))
    return photo.with_pixels(photo.pixels + rng.normal(0, sigma, shape).astype(np.float32))


def dim(photo: Photo, strength: float, rng: Random) -> Photo:
    """Values multiplied by down to 0.08, with a little noise, and sometimes stretched again to the full range."""
    light = 1 - strength * rng.uniform(0.3, 1) * 0.92
    dark = clipped(photo.pixels * light + rng.normal(0, rng.uniform(0, 4), photo.pixels.shape))
    if rng.random() < 0.3:
        dark = clipped(np.round(dark) * (rng.uniform(0.5, 1) / light))
    return photo.with_pixels(dark)


def low_light(photo: Photo, strength: float, rng: Random) -> Photo:
    """Few photons: shot and read noise in linear light, then the gain, the denoising and the sharpening of a camera."""
    linear = (photo.pixels / 255) ** _GAMMA
    photons = 4000 * (25 / 4000) ** (strength * rng.uniform(0.4, 1))  # at white
    sensed = rng.poisson(np.maximum(linear * photons, 0)) + rng.normal(0, 1.5, linear.shape)
    exposure = rng.uniform(0.15, 1.1) if rng.random() < 0.6 else 1.0
    seen = clipped(255 * np.maximum(sensed / photons * exposure, 0) ** (1 / _GAMMA))
    if rng.random() < 0.6:
        seen = denoised(seen, rng)
    return photo.with_pixels(seen)


def denoised(pixels: Floats, rng: Random) -> Floats:
    """Smoothed as cameras smooth noise, and often sharpened afterwards."""
    kind = rng.integers(3)
    if kind == 0:
        pixels = np.asarray(cv2.medianBlur(pixels.astype(np.uint8), int(rng.choice((3, 5)))), np.float32)
    elif kind == 1:
        pixels = np.asarray(cv2.bilateralFilter(pixels, 5, rng.uniform(15, 60), 2), np.float32)
    else:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 1.6)), np.float32)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.8, 2))
        pixels = clipped(pixels + rng.uniform(0.5, 2) * (pixels - soft))
    return pixels


def over_exposed(photo: Photo, strength: float, rng: Random) -> Photo:
    """Values multiplied by up to 2.6 and raised by up to 45, and cut at white."""
    share = strength * rng.uniform(0.35, 1)
    return photo.with_pixels(photo.pixels * (1 + 1.6 * share) + rng.uniform(0, 45) * share)


def low_contrast(photo: Photo, strength: float, rng: Random) -> Photo:
    """Contrast and gamma changed, as in fog, on a washed-out screen or in an old print."""
    levels = (photo.pixels / 255) ** np.exp(strength * rng.uniform(-0.8, 0.8))
    contrast = 1 - strength * rng.uniform(0, 0.8)
    return photo.with_pixels(255 * ((levels - 0.5) * contrast + 0.5 + strength * rng.uniform(-0.2, 0.2)))


def tinted(photo: Photo, strength: float, rng: Random) -> Photo:
    """A wrong white balance, or no colour."""
    if rng.random() < 0.2:
        grey = photo.pixels @ np.array([0.299, 0.587, 0.114], np.float32)
        return photo.with_pixels(np.repeat(grey[:, :, None], 3, axis=2))
    return photo.with_pixels(photo.pixels * (1 + strength * rng.uniform(-0.35, 0.35, 3)).astype(np.float32))


def side_lit(photo: Photo, strength: float, rng: Random) -> Photo:
    """A hard light from one side: the other side of the face is in a shadow with a soft edge."""
    angle = rng.uniform(0, 2 * np.pi)
    height, width = photo.pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = photo.points[:, :2].mean(axis=0)
    along = ((x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)) / photo.interocular
    edge = 1 / (1 + np.exp(-np.clip((along - rng.uniform(-0.4, 0.4)) / rng.uniform(0.05, 0.4), -30, 30)))
    low, high = 1 - 0.88 * strength * rng.uniform(0.4, 1), 1 + 0.7 * strength * rng.uniform(0, 1)
    return photo.with_pixels(photo.pixels * (low + (high - low) * edge)[:, :, None].astype(np.float32))


def jpeg(photo: Photo, strength: float, rng: Random) -> Photo:
    """Compressed as JPEG once, or twice with a change of size in between, as messengers do."""
    quality = round(75 - strength * rng.uniform(0.5, 1) * 68)
    if rng.random() < 0.6:
        return photo.with_pixels(compressed(photo.pixels, quality))
    first = photo.with_pixels(compressed(photo.pixels, int(rng.integers(40, 95))))
    least = min(1.0, 14 / first.interocular)
    resized = first.scaled(max(least, rng.uniform(0.35, 0.95)), int(rng.choice((cv2.INTER_AREA, cv2.INTER_LINEAR))))
    return resized.with_pixels(compressed(resized.pixels, quality))


def compressed(pixels: Floats, quality: int) -> Floats:
    """What JPEG of a quality, 1 to 100, leaves of RGB pixels."""
    _, data = cv2.imencode(".jpg", clipped(pixels)[:, :, ::-1].astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[:, :, ::-1].astype(np.float32)


def reproduced(photo: Photo, strength: float, rng: Random) -> Photo:
    """A photo of a screen (moire, colour fringes), or the ghost image of a card (faint, under a line pattern)."""
    height, width = photo.pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.35) * photo.interocular
    phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period
    if rng.random() < 0.5:
        fringes = np.stack([np.sin(phase * (1 + 0.03 * c) + rng.uniform(0, 6)) for c in range(3)], axis=2)
        return photo.with_pixels(photo.pixels * (1 + 0.35 * strength * rng.uniform(0.3, 1) * fringes))
    card = rng.uniform(120, 255, 3) + 25 * np.sin(phase + 2 * np.sin(phase / 7))[:, :, None]
    visible = 1 - 0.8 * strength * rng.uniform(0.4, 1)
    grey = photo.pixels.mean(axis=2, keepdims=True)
    return photo.with_pixels(visible * grey + (1 - visible) * card)


def cut(photo: Photo, strength: float, rng: Random) -> Photo:
    """A frame that cuts off a part of the face at one or two sides."""
    (left, top), (right, bottom) = photo.points[:, :2].min(axis=0), photo.points[:, :2].max(axis=0)
    height, width = photo.pixels.shape[:2]
    frame = np.array([0.0, 0.0, width, height])
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        share = strength * rng.uniform(0, 0.33)
        inward = (left + share * (right - left), top + share * (bottom - top),
                  right - share * (right - left), bottom - share * (bottom - top))  # fmt: skip
        frame[side] = np.clip(inward[side], 0, (width, height)[side % 2])
    x0, y0, x1, y1 = frame.round().astype(int)
    return Photo(np.ascontiguousarray(photo.pixels[y0:y1, x0:x1]), photo.points - np.array([x0, y0, 0], np.float32))


def tilted(photo: Photo, strength: float, rng: Random) -> Photo:
    """Turned by up to 25 degrees, and seen by a camera that is too close."""
    height, width = photo.pixels.shape[:2]
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), strength * rng.uniform(-25, 25), 1), (0, 0, 1)])
    turn[2, :2] = strength * rng.uniform(-0.25, 0.25, 2) / max(width, height)
    pixels = np.asarray(cv2.warpPerspective(photo.pixels, turn, (width, height)), np.float32)
    flat = cv2.perspectiveTransform(photo.points[None, :, :2].astype(np.float64), turn)[0]
    return Photo(pixels, np.column_stack([flat, photo.points[:, 2]]).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Family:
    """Degradations of one kind, of which a photo has at most one.

    Attributes:
        weight: how often the kind is drawn, over the sum of all.
        members: the degradations, drawn with the same probability.
    """

    weight: float
    members: tuple[Degradation, ...]


# In the order in which they happen to a photo: the head, what covers it, light, lens, sensor, and what others do to it.
FAMILIES: dict[str, Family] = {
    "pose": Family(1.0, (turned_head, tilted)),
    "occlusion": Family(1.6, OCCLUSIONS),
    "light": Family(3.2, (over_exposed, over_exposed, over_exposed, side_lit, dim, dim, tinted, low_contrast)),
    "lens": Family(1.4, (defocused, defocused, moved)),
    "sensor": Family(1.8, (noisy, noisy, low_light)),
    "size": Family(1.2, (smaller,)),
    "file": Family(1.0, (jpeg, jpeg, jpeg, reproduced)),
    "frame": Family(0.5, (cut,)),
}


def degraded(photo: Photo, strength: float, rng: Random) -> Photo:
    """A photo, often in a smaller size, with one to three degradations of different kinds.

    Args:
        photo: of an upright face.
        strength: above 0, at most 1; that of each degradation. With several each is weaker.
        rng: the generator, which alone decides what is drawn.
    """
    if rng.random() < 0.6:
        target = np.exp(rng.uniform(np.log(30), np.log(120)))
        photo = photo.scaled(min(1.0, target / photo.interocular), cv2.INTER_AREA)
    weights = np.array([family.weight for family in FAMILIES.values()])
    count = int(rng.choice((1, 2, 3), p=(0.5, 0.35, 0.15)))
    drawn = set(rng.choice(list(FAMILIES), count, replace=False, p=weights / weights.sum()).tolist())
    for name, family in FAMILIES.items():
        if name in drawn:
            one = family.members[int(rng.integers(len(family.members)))]
            photo = one(photo, strength * (1.0, 0.85, 0.7)[count - 1], rng)
            photo = replace(photo, pixels=clipped(photo.pixels))
    return photo
