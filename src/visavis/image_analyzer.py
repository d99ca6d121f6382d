"""Decodes an image and finds its faces, or takes them from a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analysis, AnalyzedImage, Analyzer
from visavis.deadline import Deadline
from visavis.face import Detail
from visavis.image import Image, Limits, PixelMemory, decode, from_pixels
from visavis.lru_cache import LruCache
from visavis.mapping import MapFunction
from visavis.memory_errors import memory_errors

__all__ = ["ImageAnalyzer"]


class ImageAnalyzer:
    """Analyses encoded images and pixels. Threads may share it.

    Args:
        analyzer: finds and describes the faces of a decoded image.
        limits: the smallest and largest image that is decoded.
        cache_size: for how many images the faces are kept, by the SHA-256 of their bytes; 0 for none.
        memory: bytes that all decoded images may take together.
        map_function: distributes the work on several faces.
    """

    def __init__(
        self, analyzer: Analyzer, limits: Limits, cache_size: int, memory: int, map_function: MapFunction
    ) -> None:
        self._analyzer = analyzer
        self._limits = limits
        self._map = map_function
        self._memory = PixelMemory(memory)
        self.cache: LruCache[Analysis] | None = LruCache(cache_size) if cache_size else None

    def __call__(
        self,
        image: bytes | NDArray[np.uint8],
        *,
        largest_only: bool,
        detail: Detail,
        deadline: Deadline | None = None,
    ) -> Analysis:
        """The faces of an image. Arguments other than the image are those of `Analyzer`.

        Args:
            image: an encoded image, or RGB pixels (h, w, 3) uint8.
            largest_only: describe only the largest face.
            detail: which fields of a face are computed.
            deadline: of the work. Default: none.

        Raises:
            BadImage, ImageTooLarge, ImageTooSmall: the image cannot be analysed.
            TimedOut, Cancelled: as for `Deadline.check`.
        """

        def uncached() -> Analysis:
            with self._decoded(image, deadline or Deadline()) as decoded:
                return self._analyzer(decoded, largest_only=largest_only, detail=detail, map_function=self._map)

        if self.cache is None:
            return uncached()
        key = _digest(image), largest_only, detail
        analysis = self.cache.get(key)
        if analysis is None:
            analysis = uncached()
            self.cache.put(key, analysis)
        return analysis

    def for_both_roles(self, image: bytes | NDArray[np.uint8], *, detail: Detail) -> AnalyzedImage:
        """As `Analyzer.for_both_roles`, for an encoded image or pixels. The cache is not used."""
        with self._decoded(image, Deadline()) as decoded:
            return self._analyzer.for_both_roles(decoded, detail=detail, map_function=self._map)

    @contextmanager
    def _decoded(self, image: bytes | NDArray[np.uint8], deadline: Deadline) -> Iterator[Image]:
        """The decoded image; its memory counts as used until the `with` block ends."""
        with memory_errors(), self._memory.allowance(deadline) as allowance:
            if isinstance(image, bytes):
                yield decode(image, self._limits, allowance)
            else:
                yield from_pixels(image, self._limits, allowance)


def _digest(image: bytes | NDArray[np.uint8]) -> bytes:
    if isinstance(image, bytes):
        return hashlib.sha256(image).digest()
    # The shape is hashed too, because images of different shapes can have the same bytes.
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
