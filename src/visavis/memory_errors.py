"""Recognises that a library ran out of memory, which OpenVINO and OpenCV tell by errors of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["memory_errors"]

_NO_MEMORY = (
    "std::bad_alloc",
    "can't alloc",  # OpenVINO's compiler of kernels
    "ailed to allocate",  # OpenVINO, and OpenCV's "Insufficient memory"
    "Cannot allocate memory",
    "Resource temporarily unavailable",  # no memory for the stack of a thread
)
"""Texts that were seen in errors under `ulimit -v`, with OpenVINO 2026.4 and OpenCV 5.0."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError in place of an error of OpenVINO or OpenCV that tells of too little memory.

    Example:
        >>> with memory_errors():
        ...     raise RuntimeError("Exception from cpu_memory.cpp: Failed to allocate 39321600 bytes of memory")
        Traceback (most recent call last):
        MemoryError: there is not enough memory to run a network
    """
    try:
        yield
    except Exception as error:
        # OpenVINO raises RuntimeError; OpenCV's error is not named, because this module must not import it.
        known = isinstance(error, RuntimeError) or type(error).__module__ == "cv2"
        if known and any(text in str(error) for text in _NO_MEMORY):
            raise MemoryError("there is not enough memory to run a network") from error
        raise
