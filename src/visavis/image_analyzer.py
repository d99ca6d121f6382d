"""Decodes an image and finds its faces, or takes them from a cache."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analysis, AnalyzedImage, Analyzer
from visavis.face import Detail
from visavis.image import Image, Limits, decode, from_pixels
from visavis.lru_cache import LruCache
from visavis.mapping import MapFunction

__all__ = ["ImageAnalyzer"]


class ImageAnalyzer:
    """Analyses encoded images and pixels. Threads may share it.

    Args:
        analyzer: finds and describes the faces of a decoded image.
        limits: the smallest and largest image that is decoded.
        cache_size: for how many images the faces are kept, by the SHA-256 of their bytes; 0 for none.
    """

    def __init__(self, analyzer: Analyzer, limits: Limits, cache_size: int) -> None:
        self._analyzer = analyzer
        self._limits = limits
        self.cache: LruCache[Analysis] | None = LruCache(cache_size) if cache_size else None

    def __call__(
        self, image: bytes | NDArray[np.uint8], *, largest_only: bool, detail: Detail, map_function: MapFunction
    ) -> Analysis:
        """The faces of an image. Arguments other than the image are those of `Analyzer`.

        Args:
            image: an encoded image, or RGB pixels (h, w, 3) uint8.
            largest_only: describe only the largest face.
            detail: which fields of a face are computed.
            map_function: distributes the work on several faces.

        Raises:
            BadImage, ImageTooLarge, ImageTooSmall: the image cannot be analysed.
        """

        def uncached() -> Analysis:
            return self._analyzer(
                self._decoded(image), largest_only=largest_only, detail=detail, map_function=map_function
            )

        if self.cache is None:
            return uncached()
        key = _digest(image), largest_only, detail
        analysis = self.cache.get(key)
        if analysis is None:
            analysis = uncached()
            self.cache.put(key, analysis)
        return analysis

    def for_both_roles(
        self, image: bytes | NDArray[np.uint8], *, detail: Detail, map_function: MapFunction
    ) -> AnalyzedImage:
        """As `Analyzer.for_both_roles`, for an encoded image or pixels. The cache is not used."""
        return self._analyzer.for_both_roles(self._decoded(image), detail=detail, map_function=map_function)

    def _decoded(self, image: bytes | NDArray[np.uint8]) -> Image:
        return decode(image, self._limits) if isinstance(image, bytes) else from_pixels(image, self._limits)


def _digest(image: bytes | NDArray[np.uint8]) -> bytes:
    if isinstance(image, bytes):
        return hashlib.sha256(image).digest()
    # The shape is hashed too, because images of different shapes can have the same bytes.
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
