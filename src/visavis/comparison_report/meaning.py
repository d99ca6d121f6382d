"""What similarities mean, in words: how often strangers and how often pictures of one person have them."""

from __future__ import annotations

from visavis.calibration import Calibration
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR, SIMILARITY_SCALE

__all__ = [
    "SCALE_POINTS",
    "extrapolated_from",
    "origin_of",
    "same_person_below",
    "strangers_reach",
    "strangers_sentence",
]

SCALE_POINTS = tuple(int(similarity) for similarity, _ in SIMILARITY_SCALE if similarity <= max(PROMISED_FMR))
"""The similarities of the scale for which a rate is stated."""


def strangers_reach(calibration: Calibration, similarity: float) -> str:
    """How often two different people of the same sex reach a similarity, as in `1 in 1,000`.

    Args:
        calibration: the scale.
        similarity: 0..100.

    Example:
        >>> from visavis.calibration import load_calibration
        >>> [strangers_reach(load_calibration(), similarity) for similarity in (0.5, 1, 80, 99.9)]
        ['more than 1 in 2', '1 in 2', '1 in 1,000', 'fewer than 1 in 1,000,000']
    """
    rate = calibration.false_match_rate(similarity)
    if rate > 0.5:
        return "more than 1 in 2"
    # Two digits, because the scale was measured no more exactly.
    text = f"1 in {float(f'{1 / rate:.2g}'):,.0f}"
    return f"fewer than {text}" if similarity > max(PROMISED_FMR) else text


def strangers_sentence(calibration: Calibration, similarity: float) -> str:
    """The rate of `strangers_reach` as a sentence, which says how well the rate is known."""
    text = strangers_reach(calibration, similarity)
    sentence = f"{text[0].upper()}{text[1:]} pairs of strangers of the same sex score this high"
    first = extrapolated_from(calibration)
    if first is not None and similarity >= first:
        return f"{sentence}; this rate is extrapolated."
    if similarity < LOWEST_PROMISED:
        return f"{sentence}; rates below {LOWEST_PROMISED} are not checked on people outside the fit."
    return f"{sentence}."


def same_person_below(calibration: Calibration, similarity: float) -> str:
    """How often two pictures of one person stay below a similarity, in per cent; "-" where it was not measured."""
    measured = calibration.fnmr[:, 0]
    rate = calibration.false_non_match_rate(similarity)
    if rate is None or not measured[0] <= similarity <= measured[-1]:
        return "-"
    return f"{100 * rate:.1f} %"


def extrapolated_from(calibration: Calibration) -> float | None:
    """The lowest similarity whose rate is extrapolated, because too few strangers reach it; None if none is known."""
    levels = calibration.provenance.get("levels")
    if not isinstance(levels, list):
        return None
    return min((float(level["similarity"]) for level in levels if level["extrapolated"]), default=None)


def origin_of(calibration: Calibration) -> str:
    """The data that the scale was fitted on."""
    return str(calibration.provenance.get("data_set", "data that its file does not name"))
