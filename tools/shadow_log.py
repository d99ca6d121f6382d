"""Reads what a service answered to CompareFaces requests, for `tools.shadow_report`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from bench.answers import corners_of

from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.errors import InvalidRequest
from visavis.inputs import percent_of

LONGEST_LINE = 10_000_000
"""Bytes of a line. A response with 100 faces of 30 landmarks has some 400,000."""
LONGEST_NAME = 60
"""Characters of an id or a code that are shown, so that no image that was logged by mistake gets into a report."""

NAMED = 10
"""How many lines of a kind are named."""

Corners: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in fractions of the image. An array would take twice the memory."""


class Answer(NamedTuple):
    """What is kept of a line.

    Attributes:
        error: the code of the error; None for a response.
        faces: how many faces of the target were compared.
        low: the best similarity, 0..100, if it is known; otherwise 0.
        high: the same if it is known; otherwise the request's threshold, below which it is.
        box: of the matched face with the best similarity; None without one.
    """

    error: str | None = None
    faces: int = 0
    low: float = 0.0
    high: float = 0.0
    box: Corners | None = None

    def matches(self, threshold: float) -> bool | None:
        """Whether a face has this similarity; None if the line does not tell."""
        if self.low == self.high:
            return self.faces > 0 and self.low >= threshold
        return False if self.high <= threshold else None

    def __str__(self) -> str:
        if not self.faces:
            return "no face"
        return f"{self.low:.2f}" if self.low == self.high else f"below {self.high:g}"


class Pair(NamedTuple):
    """The answers of both services to a request."""

    id: str
    amazon: Answer
    visavis: Answer

    @property
    def gap(self) -> float:
        """The difference of the similarities; where one is only known to be below a threshold, the least it can be."""
        return max(0.0, self.amazon.low - self.visavis.high, self.visavis.low - self.amazon.high)


@dataclass(slots=True)
class Log:
    """The lines of a file.

    Attributes:
        answers: by id.
        broken: the number of each line that cannot be used, and why.
        doubled: the id of each further line of an id; it is not used.
        contradicted: the id of each line with a match below the threshold that its request is said to have had.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)


def read_log(path: Path, request_threshold: float = DEFAULT_SIMILARITY_THRESHOLD) -> Log:
    """Read a file. Of each line only a few numbers are kept.

    Args:
        path: a file of the form that this module's docstring describes.
        request_threshold: 0..100, of the requests of lines that do not state theirs.

    Raises:
        InvalidRequest: the file cannot be read, or no line can be used.
    """
    log = Log()
    try:
        for number, line in _lines(path):
            try:
                name, answer, contradicted = _parsed(line, request_threshold)
            except (ValueError, RecursionError, InvalidRequest) as error:
                why = str(error) if isinstance(error, InvalidRequest) else "it is not JSON in UTF-8"
                log.broken.append(f"line {number}: {why}")
                continue
            if name in log.answers:
                log.doubled.append(name)
                continue
            log.answers[name] = answer
            log.contradicted += [name] if contradicted else []
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}") from error
    if not log.answers:
        raise InvalidRequest(f"{path} has no line that can be used: {'; '.join(log.broken[:NAMED]) or 'it is empty'}")
    return log


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The number, from 1, and the bytes of each line that is not blank; of a line that is too long only the first."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            rest = line
            while len(line) > LONGEST_LINE and rest and not rest.endswith(b"\n"):
                rest = file.readline(LONGEST_LINE)
            if line.strip():
                yield number, line.removeprefix(b"\xef\xbb\xbf")


def _parsed(line: bytes, request_threshold: float) -> tuple[str, Answer, bool]:
    """The id and the answer of a line, and whether a match contradicts the threshold of its request."""
    if len(line) > LONGEST_LINE:
        raise InvalidRequest(f"it has more than {LONGEST_LINE:,} bytes")
    row = json.loads(line.decode())
    if not isinstance(row, dict):
        raise InvalidRequest("it is not a JSON object")
    name: Any = row.get("id")
    response: Any = row.get("response")
    error: Any = row.get("error")
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise InvalidRequest("it has no id")
    if (response is None) == (error is None):
        raise InvalidRequest("it must have either a response (visavis batch writes it with --full) or an error")
    if error is not None:
        if not isinstance(error, dict) or not isinstance(error.get("code"), str):
            raise InvalidRequest("its error has no code")
        return str(name), Answer(shown(error["code"])), False
    asked = request_threshold if row.get("threshold") is None else percent_of("threshold", row["threshold"])
    try:
        matched = [(percent_of("Similarity", m["Similarity"]), _corners(m["Face"])) for m in response["FaceMatches"]]
        faces = len(matched) + len(response["UnmatchedFaces"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise InvalidRequest("its response is not one of CompareFaces") from wrong
    if matched:
        best, box = max(matched)
        # A response has float32 values: 99.7 is 99.69999695 there.
        return str(name), Answer(None, faces, best, best, box), min(matched)[0] < asked - 1e-4
    if faces and row.get("similarity") is not None:
        best = percent_of("similarity", row["similarity"])
        return str(name), Answer(None, faces, best, best), False
    return str(name), Answer(None, faces, 0.0, asked if faces else 0.0), False


def _corners(face: dict[str, Any]) -> Corners:
    left, top, right, bottom = corners_of(face["BoundingBox"])
    return float(left), float(top), float(right), float(bottom)


def shown(text: str) -> str:
    """A text from a file as a report shows it: cut, and without characters that mean something in Markdown."""
    cut = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
    return "".join(c if c.isalnum() or c in " -_.,:;/=@+()'" else "?" for c in cut)
