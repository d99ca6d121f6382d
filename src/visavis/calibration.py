"""Cosine -> similarity: a published scale, not a rescaled score.

Similarity 80 is a false match rate of 1e-3, 90 of 1e-4, 97 of 1e-5, 99 of 1e-6, among impostors of the same sex.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import CalibrationMismatch
from visavis.models.store import writing

__all__ = ["Calibration", "keep_calibration", "load_calibration", "parse_calibration", "read_calibration"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A curve, and what it was fitted on.

    cosines:      (n,) float64, rising from -1 to 1
    similarities: (n,) float64, rising from 0 to 100; the curve is straight between the points
    model_sha256: of the embedder's file
    provenance:   data set, counts, date and tool, for people to read
    """

    cosines: NDArray[np.float64]
    similarities: NDArray[np.float64]
    model_sha256: str
    provenance: Mapping[str, object]

    def similarity(self, cosine: float) -> float:
        """0..100 for a cosine of -1..1; never falls as the cosine rises, and is 100 for a cosine of 1."""
        return float(np.interp(cosine, self.cosines, self.similarities))

    def check(self, model_sha256: str) -> None:
        """Refuse an embedder that this curve was not fitted on.

        Raises:
            CalibrationMismatch: always when the hashes differ.
        """
        if model_sha256 != self.model_sha256:
            raise CalibrationMismatch(
                f"the similarity curve was fitted on the embedder {self.model_sha256[:12]}, not {model_sha256[:12]}; "
                "a score of another network would mean nothing on it"
            )


def load_calibration() -> Calibration:
    """The curve that ships with visavis."""
    return parse_calibration((files("visavis") / "calibration.json").read_text("utf-8"))


def read_calibration(file: Path) -> Calibration:
    """The curve in a file.

    Raises:
        CalibrationMismatch: it is not a curve.
        OSError: it cannot be read.
    """
    try:
        return parse_calibration(file.read_text("utf-8"))
    except (ValueError, KeyError, TypeError, CalibrationMismatch) as error:
        raise CalibrationMismatch(f"{file} is not a scale of `visavis calibrate`: {error}") from error


def keep_calibration(file: Path, text: str) -> None:
    """Write a curve so that it is seen whole or not at all.

    Raises:
        CalibrationMismatch: it is not a curve.
        ModelStoreError: the file cannot be written.
    """
    parse_calibration(text)
    with writing(file) as temporary:
        temporary.write_text(text, "utf-8")


def parse_calibration(text: str) -> Calibration:
    """Read a curve.

    Raises:
        CalibrationMismatch: it is not a curve: not rising, or not from (-1, 0) to (1, 100).
    """
    stored = json.loads(text)
    cosines, similarities = (np.array(column, np.float64) for column in zip(*stored["curve"], strict=True))
    rising = (np.diff(cosines) > 0).all() and (np.diff(similarities) >= 0).all()
    ends = (cosines[0], similarities[0], cosines[-1], similarities[-1]) == (-1, 0, 1, 100)
    if not (rising and ends):
        raise CalibrationMismatch("the similarity curve must rise from (-1, 0) to (1, 100)")
    return Calibration(cosines, similarities, stored["model_sha256"], stored["provenance"])
