"""Reads the expression of a face from its crop and its mesh, with a small network that was trained for visavis.

`tools/train_expression.py` makes the network, which ships in the package. `docs/models/expression.md` has its training
data and its accuracy. It classifies expressions, not feelings.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import CalibrationMismatch, ModelCorrupt
from visavis.face import Attribute, Emotion, EmotionType
from visavis.face_measures import expression_measures
from visavis.face_mesh import (
    CROP_SIDE,
    INNER_BROWS,
    INNER_EYE_CORNERS,
    LOWER_LIDS,
    OUTER_EYE_CORNERS,
    UPPER_LIDS,
)
from visavis.files import sha256_of
from visavis.geometry import level_axes
from visavis.models.session import MeasuresSession

__all__ = [
    "CENTRAL_SIDE",
    "INPUT_SIDE",
    "NETWORK",
    "Expression",
    "ExpressionCalibration",
    "ExpressionReader",
    "action_units",
    "confused",
    "expression_crop",
    "expression_of",
    "load_expression_calibration",
]

NETWORK = Path(__file__).parent / "data" / "expression.onnx"
"""The network: (n, 64, 64, 1) uint8 grey and (n, 17) float32, `expression_measures` -> `logits` (n, 8) float32. It
normalises images and measures itself."""

INPUT_SIDE = 64
"""Pixels; the side of the network's input."""

CENTRAL_SIDE = 144
"""Pixels; the side of the central part of the crop that is used: 1.125 times the face."""

_TYPES = {
    "neutral": EmotionType.CALM,
    "happiness": EmotionType.HAPPY,
    "surprise": EmotionType.SURPRISED,
    "sadness": EmotionType.SAD,
    "anger": EmotionType.ANGRY,
    "disgust": EmotionType.DISGUSTED,
    "fear": EmotionType.FEAR,
    # Rekognition has no such type. Contempt is mostly a neutral face with one corner of the mouth raised, and in the
    # training data votes for it occur together with votes for neutral.
    "contempt": EmotionType.CALM,
}

_CLEAR_PROBABILITY = 0.45
"""If the likeliest type has a lower probability, the expression counts as unclear; see `expression_of`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Emotions and smile of one face.

    Attributes:
        emotions: every type except UNKNOWN once, highest confidence first; UNKNOWN too if no type is clear.
        smile: its value is true if and only if the confidence of HAPPY is above 50.
    """

    emotions: tuple[Emotion, ...]
    smile: Attribute


@dataclass(frozen=True, slots=True)
class ExpressionCalibration:
    """Maps the network's logits to calibrated probabilities.

    Attributes:
        classes: the names of the outputs, in their order; keys of `_TYPES`.
        temperature: the divisor of the logits.
        prior: the share of each class in the training data, in the order of `classes`.
        prior_exponent: how much of the prior is removed from the probabilities. Below 0 it is added, because training
            may have removed more than is wanted.
        network_sha256: the SHA-256 of the network that the calibration was fitted on.

    Raises:
        CalibrationMismatch: a class is unknown, or a number is not valid.
    """

    classes: tuple[str, ...]
    temperature: float
    prior: tuple[float, ...]
    prior_exponent: float
    network_sha256: str

    def __post_init__(self) -> None:
        if set(self.classes) != set(_TYPES) or len(self.classes) != len(_TYPES):
            raise CalibrationMismatch(f"classes must be {', '.join(_TYPES)}, each once")
        if len(self.prior) != len(self.classes) or not all(0 < share <= 1 for share in self.prior):
            raise CalibrationMismatch(f"prior must be {len(self.classes)} numbers above 0 and at most 1")
        if not 0 < self.temperature < math.inf or not math.isfinite(self.prior_exponent):
            raise CalibrationMismatch("temperature must be a finite number above 0, and prior_exponent finite")

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probabilities for `logits`, (..., 8): float64 of the same shape."""
        scores = logits.astype(np.float64) / self.temperature - self.prior_exponent * np.log(self.prior)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


class ExpressionReader:
    """Reads the expression of one face.

    Args:
        session: of `NETWORK`.
        calibration: default: the one that ships with `NETWORK`.
    """

    def __init__(self, session: MeasuresSession, calibration: ExpressionCalibration | None = None) -> None:
        self._session = session
        self._calibration = calibration or load_expression_calibration()

    def __call__(self, crop: NDArray[np.uint8], mesh: NDArray[np.float32]) -> Expression:
        """Read the expression of one face.

        Args:
            crop: (192, 192, 3) uint8 RGB, the crop that the mesh was read from.
            mesh: (468, 3) float32, in any upright frame with the same unit on all axes.
        """
        image, measures = expression_crop(crop)[None, :, :, None], expression_measures(mesh)[None]
        logits = self._session.run(image, measures)["logits"][0]
        probabilities = self._calibration.probabilities(logits)
        by_type = dict.fromkeys(_TYPES.values(), 0.0)
        for name, probability in zip(self._calibration.classes, probabilities, strict=True):
            by_type[_TYPES[name]] += float(probability)
        return expression_of(by_type, mesh)


def load_expression_calibration(network: Path = NETWORK) -> ExpressionCalibration:
    """Read the calibration in the folder of `network`, and check that the network is the one that it was fitted on.

    Args:
        network: the file of the network; the calibration has the same name with the suffix `.json`.

    Raises:
        CalibrationMismatch: the file is not a calibration.
        ModelCorrupt: the network cannot be read, or does not have the SHA-256 that the calibration names.
    """
    file = network.with_suffix(".json")
    try:
        calibration = _parse_calibration(json.loads(file.read_text(encoding="utf-8")))
    except KeyError as error:
        raise CalibrationMismatch(f"{file.name} is not an expression calibration: it has no {error}") from error
    except (OSError, ValueError, TypeError, CalibrationMismatch) as error:
        raise CalibrationMismatch(f"{file.name} is not an expression calibration: {error}") from error
    try:
        found = sha256_of(network)
    except OSError as error:
        raise ModelCorrupt(f"{network} cannot be read: {error.strerror or error}; install visavis again") from error
    if found != calibration.network_sha256:
        raise ModelCorrupt(
            f"{network} is damaged: its SHA-256 is {found}, and {file.name} says {calibration.network_sha256}; "
            "install visavis again"
        )
    return calibration


def _parse_calibration(stored: Any) -> ExpressionCalibration:
    """A calibration from the JSON value of its file.

    Raises:
        KeyError: a member is missing.
        TypeError, ValueError, CalibrationMismatch: a member is not valid.
    """
    return ExpressionCalibration(
        classes=tuple(stored["classes"]),
        temperature=float(stored["temperature"]),
        prior=tuple(float(share) for share in stored["prior"]),
        prior_exponent=float(stored["prior_exponent"]),
        network_sha256=str(stored["network_sha256"]),
    )


def expression_crop(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The network's input, from the mesh's crop. Training uses it too.

    Args:
        crop: (192, 192, 3) uint8 RGB.

    Returns:
        (64, 64) uint8 grey.
    """
    import cv2

    edge = (CROP_SIDE - CENTRAL_SIDE) // 2
    grey = cv2.cvtColor(crop[edge:-edge, edge:-edge], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (INPUT_SIDE, INPUT_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def expression_of(probabilities: dict[EmotionType, float], mesh: NDArray[np.float32]) -> Expression:
    """Emotions and smile from calibrated probabilities and the mesh.

    HAPPY and smile come from the same number, so the smile is true if and only if HAPPY is above 50.

    CONFUSED is computed separately and added, so confidences may sum to more than 100, as Rekognition's do. UNKNOWN is
    added if the likeliest type has less than `_CLEAR_PROBABILITY`, because that type is then wrong more often than
    right. Its confidence is 100 minus that of the likeliest type.

    Args:
        probabilities: 0..1, of the seven types that the network knows.
        mesh: (468, 3), in any upright frame.
    """
    likeliest = max(probabilities.values())
    confidences = {kind: 100 * p for kind, p in probabilities.items()}
    happy = probabilities[EmotionType.HAPPY]
    confidences[EmotionType.CONFUSED] = confused(mesh, happy, probabilities[EmotionType.SURPRISED])
    if likeliest < _CLEAR_PROBABILITY:
        confidences[EmotionType.UNKNOWN] = 100 * (1 - likeliest)
    ordered = sorted(confidences.items(), key=lambda pair: pair[1], reverse=True)
    return Expression(
        emotions=tuple(Emotion(kind, float(confidence)) for kind, confidence in ordered),
        smile=Attribute(value=happy > 0.5, confidence=100 * max(happy, 1 - happy)),
    )


# There are no public images labelled "confused". Observers see confusion in lowered brows and tightened lids, action
# units 4 and 7: Craig and others, "Emote aloud during learning with AutoTutor", 2008.
# Mean and standard deviation of the two measures, and the deviation of the sum of their standard scores, over 1,801
# faces of Labeled Faces in the Wild that are labelled calm, in any pose (`tools/evaluate_expression.py` prints them).
_BROWS_LOWERED = (-0.390, 0.048)
_LIDS_TIGHT = (-0.291, 0.047)
_SUM_DEVIATION = 1.46

# Chosen, not fitted: half the ceiling at two deviations, and a ceiling that keeps CONFUSED below any clear type.
_CONFUSED_CEILING = 35.0
_CONFUSED_SLOPE = 1.5
_CONFUSED_MIDDLE = 2.0


def confused(mesh: NDArray[np.float32], happy: float, surprised: float) -> float:
    """How confused a face looks: an unvalidated heuristic, about 1 for an average calm face.

    Smiles narrow the lids, and surprise moves the brows, so their probabilities lower the result.

    Args:
        mesh: (468, 3), in any upright frame.
        happy: the probability of HAPPY, 0..1.
        surprised: the probability of SURPRISED, 0..1.

    Returns:
        Percent, 0..35.
    """
    brows, lids = action_units(mesh)
    brows_score = (brows - _BROWS_LOWERED[0]) / _BROWS_LOWERED[1]
    lids_score = (lids - _LIDS_TIGHT[0]) / _LIDS_TIGHT[1]
    off = (brows_score + lids_score) / _SUM_DEVIATION - _CONFUSED_MIDDLE
    # tanh, because exp overflows on a mesh that is not a face.
    share = 0.5 * (1 + math.tanh(_CONFUSED_SLOPE * off / 2))
    return _CONFUSED_CEILING * share * (1 - happy) * (1 - surprised)


def action_units(mesh: NDArray[np.float32]) -> tuple[float, float]:
    """How far the brows are lowered and the lids tightened; both values grow with the action.

    Args:
        mesh: (468, 3), in any frame with square pixels.

    Returns:
        Brows: the negated sum of two lengths over the distance of the outer eye corners: the height of the inner brows
        above the line of those corners, and half the distance between the inner brows, which also come closer. Lids:
        the negated mean opening of the lids over the mean width of the eyes.
    """
    points = mesh[:, :2].astype(np.float64)
    left, right = points[list(OUTER_EYE_CORNERS)]
    distance = max(float(np.hypot(*(right - left))), 1e-6)
    up = -level_axes(left, right)[1]
    inner = points[list(INNER_BROWS)]
    height = float((inner.mean(axis=0) - (left + right) / 2) @ up)
    brows = -(height + 0.5 * float(np.hypot(*(inner[1] - inner[0])))) / distance
    opening = np.linalg.norm(points[list(UPPER_LIDS)] - points[list(LOWER_LIDS)], axis=1).mean()
    width = np.linalg.norm(points[list(OUTER_EYE_CORNERS)] - points[list(INNER_EYE_CORNERS)], axis=1).mean()
    return brows, -float(opening) / max(float(width), 1e-6)
