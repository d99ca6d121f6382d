"""Cosine -> score -> similarity: a published scale, not a rescaled cosine.

The score is the cosine after the adjustments for quality and for the number of source photographs; the curve maps it to
a similarity. Everything that measures or fits the scale counts scores.

What a similarity promises stands in `SIMILARITY_SCALE`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.errors import CalibrationMismatch
from visavis.fitted import load_numbers
from visavis.models.writing import writing

__all__ = [
    "LOWEST_PROMISED",
    "PROMISED_FMR",
    "QUALITY_PENALTY",
    "QUALITY_PENALTY_FILE",
    "SIMILARITY_SCALE",
    "Calibration",
    "QualityPenaltyNumbers",
    "load_calibration",
    "lowest_score",
    "neg_log10_fmr",
    "quality_adjusted",
    "template_adjusted",
]

SIMILARITY_SCALE = ((0, 1.0), (25, 1e-1), (58, 1e-2), (80, 1e-3), (90, 1e-4), (97, 1e-5), (99, 1e-6), (99.6, 1e-7))
"""The scale: a similarity and its false match rate (FMR) among impostors of the same sex. See `PROMISED_FMR`."""
PROMISED_FMR = {int(similarity): fmr for similarity, fmr in SIMILARITY_SCALE if 1e-6 <= fmr <= 1e-3}
"""The part of the scale that is promised and measured, as similarity -> FMR. The points below and above only shape the
curve."""
LOWEST_PROMISED = min(PROMISED_FMR)
"""The lowest similarity with a promise, 80, because CompareFaces has this default for SimilarityThreshold."""


QUALITY_PENALTY_FILE = "quality_penalty.json"


@dataclass(frozen=True, slots=True)
class QualityPenaltyNumbers:
    """What `tools/fit_quality_penalty.py` fits.

    full_quality:      the quality score, 0..100, from which a cosine is not lowered
    penalty_per_point: what each point below it costs, as a cosine, where both faces lack as many
    """

    full_quality: float
    penalty_per_point: float

    def __post_init__(self) -> None:
        if not 0 <= self.full_quality <= 100 or self.penalty_per_point < 0:
            raise ValueError("full_quality must be from 0 to 100, and penalty_per_point at least 0")


QUALITY_PENALTY = load_numbers(QUALITY_PENALTY_FILE, QualityPenaltyNumbers)

T = TypeVar("T", float, NDArray[np.float64])

_WHERE_MATCHES_ARE_DECIDED = 0.35  # the cosine near similarity 80


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A curve, and what it was fitted on; two are equal if they are written as the same text.

    scores:       (n,) float64, rising from -1 to 1; see `score`
    similarities: (n,) float64, rising from 0 to 100; the curve is straight between the points
    model_sha256: of the embedder's file
    accuracy:     at which its embeddings were made
    template_offset: how much nearer, as a score, strangers come to a template of infinitely many photographs; None
                  where that was not measured
    fnmr:         (m, 2) float64: a similarity, rising, and the part of genuine pairs below it; empty where not measured
    provenance:   data set, counts, date and tool, for people to read; of what JSON can hold

    Raises:
        CalibrationMismatch: the curve does not rise, or not from (-1, 0) to (1, 100).
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
        """Read the text of `to_json`.

        Raises:
            CalibrationMismatch: it is not such a text, or its curve does not rise from (-1, 0) to (1, 100).
        """
        try:
            stored = json.loads(text)
            scores, similarities = (np.array(column, np.float64) for column in zip(*stored["curve"], strict=True))
            fnmr = np.array(stored["fnmr"], np.float64).reshape(-1, 2)
            return cls(
                scores,
                similarities,
                stored["model_sha256"],
                stored["accuracy"],
                stored["provenance"],
                stored["template_offset"],
                fnmr,
            )
        except KeyError as error:
            raise CalibrationMismatch(f"this is not a scale of `visavis calibrate`: it has no {error}") from error
        except (ValueError, TypeError) as error:
            raise CalibrationMismatch(f"this is not a scale of `visavis calibrate`: {error}") from error

    def to_json(self) -> str:
        """The text of a calibration file, with one point of the curve a line; `from_json` reads it back unchanged."""
        fields = {
            "model_sha256": self.model_sha256,
            "accuracy": self.accuracy,
            "template_offset": self.template_offset,
            "fnmr": _rows(self.fnmr),
            "provenance": dict(self.provenance),
        }
        # Strings hold no line break in JSON, so every line break here is one of the layout.
        texts = {name: json.dumps(value, indent=1).replace("\n", "\n ") for name, value in fields.items()}
        points = _rows(np.stack([self.scores, self.similarities], axis=1))
        texts["curve"] = "[\n  " + ",\n  ".join(json.dumps(point) for point in points) + "\n ]"
        return "{\n" + ",\n".join(f' "{name}": {text}' for name, text in texts.items()) + "\n}\n"

    @classmethod
    def read(cls, file: Path) -> Self:
        """The calibration in a file.

        Raises:
            CalibrationMismatch: the file holds no calibration.
            OSError: it cannot be read.
        """
        try:
            return cls.from_json(file.read_text("utf-8"))
        except (CalibrationMismatch, UnicodeDecodeError) as error:
            raise CalibrationMismatch(f"{file}: {error}") from error

    def write(self, file: Path) -> None:
        """Write the calibration so that a reader sees the whole file or none of it.

        Raises:
            ModelStoreError: the file cannot be written.
        """
        with writing(file) as temporary:
            temporary.write_text(self.to_json(), "utf-8")

    def similarity(self, cosine: float, qualities: tuple[float, float] = (100.0, 100.0), *, sources: int = 1) -> float:
        """0..100 for a cosine of -1..1; never falls as the cosine rises, and is 100 for a cosine of 1.

        Arguments and errors are those of `score`.
        """
        score = self.score(cosine, qualities, sources=sources)
        return float(np.interp(score, self.scores, self.similarities))

    def score(self, cosine: float, qualities: tuple[float, float] = (100.0, 100.0), *, sources: int = 1) -> float:
        """The adjusted cosine from which the curve gives the similarity; at most `cosine`.

        Args:
            cosine: of two embeddings, or of a template fused of `sources` photographs and one embedding.
            qualities: the quality scores, 0..100, of the two faces; see `quality_adjusted`. A template has the highest
                score of its photographs.
            sources: at least 1; see `template_adjusted`.

        Raises:
            CalibrationMismatch: several sources, and the set this was fitted on had too few people to say.
        """
        if sources > 1:
            if self.template_offset is None:
                raise CalibrationMismatch(
                    "this calibration was fitted on a set too small for several source photographs; use one"
                )
            cosine = template_adjusted(cosine, self.template_offset, sources)
        return float(quality_adjusted(cosine, *qualities))

    def lowest_score(self, similarity: float) -> float:
        """The lowest score that a comparison answers with at least `similarity`; see the function of this name."""
        return lowest_score(self.scores, self.similarities, similarity)

    def false_match_rate(self, similarity: float) -> float:
        """How often two different people of one sex reach `similarity`; promised from `LOWEST_PROMISED` on.

        Above the highest promise it stays that promise's rate.
        """
        similarities = [s for s, _ in SIMILARITY_SCALE]
        return float(10 ** -np.interp(min(similarity, max(PROMISED_FMR)), similarities, neg_log10_fmr()))

    def false_non_match_rate(self, similarity: float) -> float | None:
        """How often two photographs of one person stay below `similarity`, on the set this was fitted on.

        None where that was not measured.
        """
        return float(np.interp(similarity, self.fnmr[:, 0], self.fnmr[:, 1])) if len(self.fnmr) else None

    def check(self, model_sha256: str, accuracy: str = "standard") -> None:
        """Refuse embeddings that this curve was not fitted on.

        Raises:
            CalibrationMismatch: they come from another network, or were made at another accuracy.
        """
        if accuracy != self.accuracy:
            raise CalibrationMismatch(
                f"the similarity curve was fitted at {self.accuracy} accuracy; at {accuracy} accuracy it means nothing"
            )
        if model_sha256 != self.model_sha256:
            raise CalibrationMismatch(
                f"the similarity curve was fitted on the embedder {self.model_sha256[:12]}, not {model_sha256[:12]}; "
                "a score of another network would mean nothing on it"
            )


def neg_log10_fmr() -> NDArray[np.float64]:
    """(n,) float64, rising from 0: -log10 of the false match rate at each point of `SIMILARITY_SCALE`."""
    return -np.log10([fmr for _, fmr in SIMILARITY_SCALE])


def quality_adjusted(
    cosine: T, one: float | T, other: float | T, penalty: QualityPenaltyNumbers = QUALITY_PENALTY
) -> T:
    """The cosine, lowered where both faces are poor.

    Strangers who are dark, over-exposed or covered in the same way look alike: at the cosine at which good faces have a
    false match rate of 1e-3, such pairs have up to 8e-3. A single poor face does no such harm, so what counts is the
    geometric mean of what both lack. The penalty was set on 2,000 plain and degraded faces of lfw-dev so that no kind
    exceeds 2e-3.

    Args:
        cosine: -1..1, a number or an array
        one, other: quality scores, 0..100, numbers or arrays
        penalty: default: the one that ships

    Example:
        >>> round(float(quality_adjusted(0.3, 64.0, 64.0)), 3), float(quality_adjusted(0.3, 64.0, 90.0))
        (0.26, 0.3)
    """
    full = penalty.full_quality
    lacking: T = np.sqrt(np.maximum(full - one, 0) * np.maximum(full - other, 0))
    return _penalise(cosine, penalty.penalty_per_point * lacking)


def template_adjusted(cosine: T, shift: float, sources: int) -> T:
    """The cosine with a template of `sources` photographs, lowered because a template is nearer to strangers too.

    Args:
        cosine: -1..1, a number or an array
        shift: `Calibration.template_offset`, of which n photographs show 1 - 1/n
    """
    return _penalise(cosine, shift * (1 - 1 / sources))


def lowest_score(scores: NDArray[np.float64], similarities: NDArray[np.float64], similarity: float) -> float:
    """The lowest score that a comparison answers with at least `similarity`.

    A comparison rounds both the similarity and its threshold to float32 before it holds one against the other, so a
    score a little below the point of the curve still matches. For every score, `score >= lowest_score(...)` is exactly
    what `similarity >= threshold` is in a comparison.

    Args:
        scores, similarities: (n,) each, of the curve
        similarity: 0..100
    """

    def reached(score: float) -> bool:
        return bool(np.float32(np.interp(score, scores, similarities)) >= np.float32(similarity))

    low, high = float(scores[0]), float(scores[-1])
    if reached(low):
        return low
    # Bisection until no float64 lies between. Near a score of 0 these are many, but 100 halvings reach 1e-30.
    for _ in range(100):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _penalise(cosine: T, by: float | T) -> T:
    """Lower a cosine by the whole of `by` where matches are decided and below, and not at all where it is 1."""
    room: T = np.minimum((1 - cosine) / (1 - _WHERE_MATCHES_ARE_DECIDED), 1.0)
    lowered: T = cosine - by * room
    return lowered


def load_calibration(accuracy: Literal["standard", "high"] = "standard") -> Calibration:
    """The curve that ships with visavis, for embeddings made at this accuracy."""
    name = "calibration.json" if accuracy == "standard" else f"calibration-{accuracy}.json"
    return Calibration.from_json((files("visavis") / name).read_text("utf-8"))


def _rows(table: NDArray[np.float64]) -> list[list[float]]:
    """The rows of a table, with whole numbers as int, because JSON then has 80 and not 80.0."""
    return [[int(value) if value.is_integer() else value for value in row] for row in table.tolist()]
