"""The table of targets. Each takes bytes, and raises if visavis does with them what it must not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fuzz import credentials, images, objects, requests, signatures

__all__ = ["CORPUS", "MAX_BYTES", "TARGETS"]

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each target, with inputs that atheris starts from and that every run of the tests repeats."""

MAX_BYTES = 8192
"""Of an input that atheris makes. Python refuses numbers of more than 4300 digits, which such an input can have."""

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "images": images.run,
    "requests": requests.run,
    "signatures": signatures.run,
    "objects": objects.run,
    "credentials": credentials.run,
}
