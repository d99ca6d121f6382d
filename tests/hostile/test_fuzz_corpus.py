"""The inputs that the fuzzer starts from and those that it once found, without the fuzzer; and that its oracles see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from fuzz.targets import CORPUS, TARGETS

from visavis.errors import SettingsError
from visavis.image import Image

INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())
MOST_BYTES, MOST_BYTES_IN_ALL = 4096, 200_000


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_is_kept_does_what_it_may(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_each_target_has_inputs_and_all_are_small() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)
    assert {path.parent.parent for path in INPUTS} == {CORPUS}
    sizes = [path.stat().st_size for path in INPUTS]
    assert max(sizes) <= MOST_BYTES
    assert sum(sizes) <= MOST_BYTES_IN_ALL


def run(target: str, name: str) -> None:
    TARGETS[target]((CORPUS / target / name).read_bytes())


def changing() -> Callable[..., Image]:
    """A decoder whose pixels are others each time, as those of memory that nobody wrote."""
    pixels = iter(np.arange(9, dtype=np.uint8))
    return lambda *_: Image(np.full((16, 24, 3), next(pixels), np.uint8))


def failing(*_: object) -> None:
    raise RuntimeError("of a library")


FAULTS = {
    "pixels that nobody wrote": ("images", "jpeg", "fuzz.images.decode", changing()),
    "a column that is lost": (
        "images",
        "jpeg",
        "fuzz.images.decode",
        lambda *_: Image(np.zeros((16, 23, 3), np.uint8)),
    ),
    "an error of a library": ("images", "jpeg", "visavis.image.jpeg.read_header", failing),
    "limits that are not checked": ("requests", "compare-limits", "visavis.api.constraints.violations", lambda *_: []),
    "another image": ("requests", "detect-bytes", "pybase64.b64decode", lambda *_, **__: b"other"),
    "an error that is not translated": ("requests", "compare-stored", "fuzz.requests.content", failing),
    "a signature that nobody made": ("signatures", "plain-akid", "hmac.compare_digest", lambda *_: True),
    "a signature that is refused": ("signatures", "plain", "hmac.compare_digest", lambda *_: False),
    "an object that is cut short": ("objects", "whole", "visavis.api.s3.S3Store.read", lambda *_, **__: b"hel"),
    "too much of an object": ("objects", "whole", "visavis.api.s3.S3Store.read", lambda *_, **__: bytes(1001)),
    "a key that has no secret": (
        "credentials",
        "one",
        "fuzz.credentials.CredentialsFile.principal_for",
        lambda *_: None,
    ),
}


@pytest.mark.parametrize(("target", "name", "place", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_seen(target: str, name: str, place: str, fault: object) -> None:
    run(target, name)
    with patch(place, fault), pytest.raises((AssertionError, RuntimeError)):
        run(target, name)


def test_an_error_that_repeats_a_secret_is_seen() -> None:
    error = SettingsError("secret_access_key must not be a-long+secret/text")
    with patch("fuzz.credentials.CredentialsFile", side_effect=error), pytest.raises(AssertionError, match="repeats"):
        run("credentials", "one")
