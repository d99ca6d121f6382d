"""Draws the scale of similarities: a bar with the threshold, the review band and the faces of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from visavis.calibration import Calibration
from visavis.comparison_report.meaning import SCALE_POINTS, strangers_reach
from visavis.html_page import element

__all__ = ["drawn_scale"]

_TOP, _HEIGHT = 48, 18  # pixels
_LEFT, _RIGHT = 4.0, 93.0  # per cent of the width, at the similarities 0 and 99; the part beyond is above 99
_MOST_NAMED = 3  # faces at one place; more are counted


def drawn_scale(
    calibration: Calibration, similarities: Sequence[float], threshold: float, review: tuple[float, float] | None
) -> Element:
    """The bar. Equal distances on it are equal factors of the false match rate.

    Widths are in per cent and texts in pixels, so that the texts stay readable on a narrow screen.

    Args:
        calibration: the scale.
        similarities: of face 1, face 2 and so on.
        threshold: where matches begin.
        review: the review band.
    """
    place = _Places(calibration)
    begin = place(threshold)
    return element(
        "svg",
        element(
            "rect", class_="above", x=_percent(begin), y=str(_TOP), width=_percent(100 - begin), height=str(_HEIGHT)
        ),
        element("rect", class_="bar", x="0", y=str(_TOP), width="100%", height=str(_HEIGHT)),
        *_band(place, review),
        *_ticks(calibration, place),
        _line(begin, _TOP - 5, _TOP + _HEIGHT + 5, "threshold"),
        *_faces([place(similarity) for similarity in similarities]),
        class_="scale",
        height=str(_TOP + _HEIGHT + 40),
        role="img",
        aria_label="The scale of similarities from 0 to 100 with the faces of this comparison; the table below says "
        "the same.",
    )


class _Places:
    """Maps a similarity to a place on the bar, in per cent of the width."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def __call__(self, similarity: float) -> float:
        highest = SCALE_POINTS[-1]
        if similarity > highest:
            return _RIGHT + (similarity - highest) / (100 - highest) * (99 - _RIGHT)
        decades = -math.log10(self._calibration.false_match_rate(similarity))
        whole = -math.log10(self._calibration.false_match_rate(highest))
        return _LEFT + decades / whole * (_RIGHT - _LEFT)


def _band(place: _Places, review: tuple[float, float] | None) -> Iterator[Element]:
    if review is not None:
        left, right = map(place, review)
        yield element(
            "rect",
            class_="band",
            x=_percent(left),
            y=str(_TOP + 3),
            width=_percent(right - left),
            height=str(_HEIGHT - 6),
        )


def _ticks(calibration: Calibration, place: _Places) -> Iterator[Element]:
    below = _TOP + _HEIGHT
    for similarity in SCALE_POINTS[1:]:
        x = place(similarity)
        yield _line(x, below, below + 5)
        yield _text(x, below + 18, str(similarity))
        yield _text(x, below + 34, strangers_reach(calibration, similarity), "quiet more")


def _faces(places: Sequence[float]) -> Iterator[Element]:
    """A line to the bar for each place, and above it the numbers of the faces there."""
    groups: dict[int, list[int]] = {}
    for number, x in enumerate(places, 1):
        groups.setdefault(int(x // 10), []).append(number)
    level, last = 0, -2
    for group, numbers in sorted(groups.items()):
        # Neighbours stand on two levels, so that their texts do not touch.
        level, last = (1 - level if group == last + 1 else 0), group
        x = sum(places[number - 1] for number in numbers) / len(numbers)
        named = ", ".join(map(str, numbers)) if len(numbers) <= _MOST_NAMED else f"{len(numbers)} faces"
        # A digit is about 2 per cent of the width of a phone.
        margin = 1 + len(named)
        yield _text(min(max(x, margin), 100 - margin), _TOP - 12 - 17 * level, named, "strong")
        yield from (_line(places[number - 1], _TOP - 6, _TOP + _HEIGHT / 2) for number in numbers)


def _line(x: float, top: float, bottom: float, class_: str = "mark") -> Element:
    return element("line", class_=class_, x1=_percent(x), x2=_percent(x), y1=f"{top:g}", y2=f"{bottom:g}")


def _text(x: float, y: float, text: str, class_: str = "plain") -> Element:
    return element("text", text, class_=class_, x=_percent(x), y=f"{y:g}", text_anchor="middle")


def _percent(x: float) -> str:
    return f"{x:.2f}%"
