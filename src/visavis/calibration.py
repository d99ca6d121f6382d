"""Maps a cosine to a score and the score to a similarity on a published scale.

The score is the cosine after the adjustments for quality and for the number of source images (`cosine_adjustments`);
the curve maps it to a similarity. The code that measures or fits the scale counts scores. `similarity_scale` says what
a similarity means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from visavis.cosine_adjustments import quality_adjusted, template_adjusted
from visavis.errors import CalibrationMismatch
from visavis.files import open_regular
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.models.writing import writing
from visavis.similarity_scale import false_match_rate

__all__ = [
    "Calibration",
    "load_calibration",
    "lowest_score",
]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A curve from score to similarity, and the data that it was fitted on. Two are equal if their JSON is.

    Attributes:
        scores: (n,) float64, rising from -1 to 1; see `score`.
        similarities: (n,) float64, rising from 0 to 100. The curve is linear between the points.
        model_sha256: the SHA-256 of the embedder's file.
        accuracy: the accuracy setting at which the embeddings were made.
        template_offset: how much higher strangers score against a template of infinitely many images than against a
            single image; None if that was not measured.
        fnmr: (m, 2) float64: a similarity, rising, and the fraction of genuine pairs below it; empty if not measured.
        provenance: data set, counts, date and tool, as JSON values.

    Raises:
        CalibrationMismatch: the curve does not rise from (-1, 0) to (1, 100).

    Example:
        >>> load_calibration().false_match_rate(80)
        0.001
    """

    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]
    model_sha256: str
    accuracy: str
    provenance: Mapping[str, object]
    template_offset: float | None
    fnmr: NDArray[np.float64]

    def __post_init__(self) -> None:
        scores, similarities = self.scores, self.similarities
        rising = (np.diff(scores) > 0).all() and (np.diff(similarities) >= 0).all()
        ends = (scores[0], similarities[0], scores[-1], similarities[-1]) == (-1, 0, 1, 100)
        if not (rising and ends):
            raise CalibrationMismatch("the similarity curve must rise from (-1, 0) to (1, 100)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self.to_json() == other.to_json()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse the text of a calibration file.

        Args:
            text: as `to_json` returns it.

        Raises:
            CalibrationMismatch: the text is something else, or its curve does not rise from (-1, 0) to (1, 100).

        Example:
            >>> Calibration.from_json(load_calibration().to_json()) == load_calibration()
            True
        """
        try:
            stored = json.loads(text)
            scores, similarities = (np.array(column, np.float64) for column in zip(*stored["curve"], strict=True))
            fnmr = np.array(stored["fnmr"], np.float64).reshape(-1, 2)
            others = {name: stored[name] for name in ("model_sha256", "accuracy", "provenance", "template_offset")}
            return cls(scores, similarities, fnmr=fnmr, **others)
        except KeyError as error:
            raise CalibrationMismatch(f"this is not a file of `visavis calibrate`: it has no {error}") from error
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise CalibrationMismatch(f"this is not a file of `visavis calibrate`: {error}") from error

    def to_json(self) -> str:
        """The text of a calibration file, with one point of the curve per line. `from_json` is the inverse.

        Example:
            >>> '"accuracy": "standard"' in load_calibration().to_json()
            True
        """
        fields = {
            "model_sha256": self.model_sha256,
            "accuracy": self.accuracy,
            "template_offset": self.template_offset,
            "fnmr": _rows(self.fnmr),
            "provenance": dict(self.provenance),
        }
        # JSON strings contain no line break.
        texts = {name: json.dumps(value, indent=1).replace("\n", "\n ") for name, value in fields.items()}
        points = _rows(np.stack([self.scores, self.similarities], axis=1))
        texts["curve"] = "[\n  " + ",\n  ".join(json.dumps(point) for point in points) + "\n ]"
        return "{\n" + ",\n".join(f' "{name}": {text}' for name, text in texts.items()) + "\n}\n"

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a calibration file.

        Raises:
            CalibrationMismatch: the file contains no calibration.
            OSError: the file cannot be read.

        Example:
            >>> Calibration.read(Path("src/visavis/calibrations/sface-high.json")).accuracy
            'high'
        """
        try:
            with open_regular(file) as opened:
                return cls.from_json(opened.read().decode("utf-8"))
        except (CalibrationMismatch, UnicodeDecodeError) as error:
            raise CalibrationMismatch(f"{file}: {error}") from error

    def write(self, file: Path) -> None:
        """Write a calibration file atomically.

        Raises:
            ModelStoreError: the file cannot be written.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> with TemporaryDirectory() as folder:
            ...     load_calibration().write(Path(folder, "calibration.json"))
        """
        with writing(file) as temporary:
            temporary.write_text(self.to_json(), "utf-8")

    def similarity(self, cosine: float, qualities: tuple[float, float] = (100.0, 100.0), *, sources: int = 1) -> float:
        """The similarity, 0..100. It does not fall as the cosine rises, and is 100 for a cosine of 1.

        Args:
            cosine: as for `score`.
            qualities: as for `score`.
            sources: as for `score`.

        Raises:
            CalibrationMismatch: as for `score`.

        Example:
            >>> round(load_calibration().similarity(0.5), 1)
            98.3
        """
        return float(np.interp(self.score(cosine, qualities, sources=sources), self.scores, self.similarities))

    def score(self, cosine: float, qualities: tuple[float, float] = (100.0, 100.0), *, sources: int = 1) -> float:
        """The adjusted cosine, which the curve maps to the similarity; at most `cosine`.

        Args:
            cosine: -1..1, of two embeddings, or of a template of `sources` images and one embedding.
            qualities: the quality scores of the two faces, 0..100; see `quality_adjusted`. A template has the highest
                score of its images.
            sources: at least 1; see `template_adjusted`.

        Raises:
            CalibrationMismatch: there are several sources, and the calibration has no `template_offset`.

        Example:
            >>> load_calibration().score(0.5, (40.0, 40.0)) < 0.5
            True
        """
        if sources > 1:
            if self.template_offset is None:
                raise CalibrationMismatch(
                    "this calibration was fitted on too few people to compare several source images; pass one"
                )
            cosine = template_adjusted(cosine, self.template_offset, sources)
        return float(quality_adjusted(cosine, *qualities))

    def lowest_score(self, similarity: float) -> float:
        """The lowest score whose similarity in a comparison is at least `similarity`; see the function.

        Example:
            >>> round(load_calibration().lowest_score(80), 3)
            0.347
        """
        return lowest_score(self.scores, self.similarities, similarity)

    def false_match_rate(self, similarity: float) -> float:
        """How often two different people of the same sex reach `similarity`, 0..1.

        The rate is promised from `LOWEST_PROMISED` on. Above the highest promised similarity it stays constant.

        Example:
            >>> load_calibration().false_match_rate(90)
            0.0001
        """
        return false_match_rate(similarity)

    def false_non_match_rate(self, similarity: float) -> float | None:
        """How often two images of one person stay below `similarity`, 0..1, on the data of the fit.

        None if that was not measured.

        Example:
            >>> round(load_calibration().false_non_match_rate(80), 3)
            0.019
        """
        return float(np.interp(similarity, self.fnmr[:, 0], self.fnmr[:, 1])) if len(self.fnmr) else None

    def check(self, model_sha256: str, accuracy: str = "standard") -> None:
        """Check that the curve was fitted on the embeddings of this network at this accuracy.

        Args:
            model_sha256: the SHA-256 of the embedder's file.
            accuracy: the accuracy setting, `standard` or `high`.

        Raises:
            CalibrationMismatch: the curve was fitted on another network or at another accuracy.

        Example:
            >>> load_calibration().check("0123456789abcdef")
            Traceback (most recent call last):
            visavis.errors.CalibrationMismatch: the calibration was fitted on the embedder ...
        """
        if accuracy != self.accuracy:
            fitted, wanted = f"at {self.accuracy} accuracy", f"at {accuracy} accuracy"
        elif model_sha256 != self.model_sha256:
            fitted, wanted = f"on the embedder {self.model_sha256[:12]}", f"for {model_sha256[:12]}"
        else:
            return
        raise CalibrationMismatch(
            f"the calibration was fitted {fitted} and is not valid {wanted}; fit one with `visavis calibrate`"
        )


def lowest_score(scores: NDArray[np.float64], similarities: NDArray[np.float64], similarity: float) -> float:
    """The lowest score whose similarity in a comparison is at least `similarity`.

    A comparison rounds the similarity and its threshold to float32, so a score slightly below the point on the curve
    still matches. `score >= lowest_score(...)` holds for exactly the scores with which a comparison finds a match.

    Args:
        scores: (n,), of the curve.
        similarities: (n,), of the curve.
        similarity: 0..100.
    """

    def reached(score: float) -> bool:
        return bool(np.float32(np.interp(score, scores, similarities)) >= np.float32(similarity))

    low, high = float(scores[0]), float(scores[-1])
    if reached(low):
        return low
    # Bisection until no float64 lies between the ends. Near 0 there are very many, so it stops after 100 halvings, at
    # an interval of 1e-30.
    for _ in range(100):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def load_calibration(
    accuracy: Literal["standard", "high"] = "standard", embedder: str = DEFAULT_EMBEDDER
) -> Calibration:
    """The calibration that ships with visavis for the embeddings of a shipped embedder at this accuracy."""
    return Calibration.from_json((files("visavis") / f"calibrations/{embedder}-{accuracy}.json").read_text("utf-8"))


def _rows(table: NDArray[np.float64]) -> list[list[float]]:
    """The rows of a table, with whole numbers as int, so that JSON has 80 and not 80.0."""
    return [[int(value) if value.is_integer() else value for value in row] for row in table.tolist()]
