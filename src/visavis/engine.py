"""Engine: two pictures in, a comparison out. Thread-safe; owns the workers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from visavis.analysis import Analysis, Analyzer
from visavis.calibration import Calibration
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison, compare_fused
from visavis.comparison import compare as compare_faces
from visavis.errors import (
    BadImage,
    CalibrationMismatch,
    FaceBelowQuality,
    ImageTooLarge,
    ImageTooSmall,
    InvalidRequest,
    NoFace,
    Role,
)
from visavis.face import Detail, Face, QualityFilter
from visavis.image import DEFAULT_LIMITS, Limits, decode
from visavis.memory import Memory
from visavis.vision.quality import BARS
from visavis.workers import Workers

__all__ = ["CompareOptions", "Engine"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What to compare by.

    similarity_threshold: 0..100, inclusive
    quality_filter:       faces below this bar are not compared
    review:               a band of similarities, low and high, both inclusive, in which a person should look
    detail:               how much is found out of the target's faces; of the source's always the plain
    """

    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE
    review: tuple[float, float] | None = None
    detail: Detail = Detail.FULL

    def __post_init__(self) -> None:
        if not 0 <= self.similarity_threshold <= 100:
            raise InvalidRequest(f"the similarity threshold must be 0 to 100, not {self.similarity_threshold}")
        if self.review is not None and not 0 <= self.review[0] <= self.review[1] <= 100:
            raise InvalidRequest(f"the review band must be two similarities from 0 to 100, not {self.review}")


class Engine:
    """Compares faces. Use it as a context manager, or close it when done.

    Args:
        analyzer: finds and describes the faces of a picture; called from several threads at once.
        calibration: from cosine to similarity; None where there is none yet: faces are analysed, and not compared.
        threads: how many pictures are analysed at once, or faces where there are fewer pictures.
        remembered: pictures whose faces are kept in memory, by the SHA-256 of their bytes, until the engine is closed.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        calibration: Calibration | None,
        *,
        threads: int,
        limits: Limits = DEFAULT_LIMITS,
        remembered: int = 0,
    ) -> None:
        self._analyzer = analyzer
        self._calibration = calibration
        self._limits = limits
        self._workers = Workers(threads)
        self._memory: Memory[Analysis] | None = Memory(remembered) if remembered else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way and let the workers go."""
        self._workers.close()
        if self._memory is not None:
            self._memory.clear()

    def compare(self, source: bytes, target: bytes, options: CompareOptions = CompareOptions()) -> Comparison:
        """Compare the largest face of `source` with up to 100 faces of `target`, the largest.

        Args:
            source: a JPEG or PNG.
            target: a JPEG or PNG.

        Raises:
            BadImage, ImageTooLarge, ImageTooSmall: a picture cannot be analysed.
            NoFace: a picture shows no face; its `role` says which. The source is reported first.
            FaceBelowQuality: the source's largest face does not clear `options.quality_filter`.
            CalibrationMismatch: the engine has no calibration.
        """
        calibration = self.calibration
        pictures = [
            self._workers.submit(self._analyze, source, largest_only=True, detail=Detail.PLAIN),
            self._workers.submit(self._analyze, target, largest_only=False, detail=options.detail),
        ]
        face = self._first(pictures[0], pictures[1], options)
        faces = _result(pictures[1], "target").faces
        return compare_faces(
            face,
            [f for f in faces if clears(f, options.quality_filter)],
            threshold=options.similarity_threshold,
            similarity=calibration.similarity,
            review=options.review,
        )

    def compare_many(
        self, sources: Sequence[bytes], target: bytes, options: CompareOptions = CompareOptions()
    ) -> Comparison:
        """Compare one person, shown by several pictures, with the faces of `target`.

        The largest faces of the sources are fused into one template, whose similarity has a calibration of its own;
        each `Match.by_source` has the similarities to the single pictures.

        Args:
            sources: at least one JPEG or PNG, all of the same person; of one alone, this is `compare`.
            target: a JPEG or PNG.

        Raises:
            InvalidRequest: there is no source.
            CalibrationMismatch: the calibration says nothing of several sources.
            BadImage, ImageTooLarge, ImageTooSmall, NoFace, FaceBelowQuality: as for `compare`.
        """
        if not sources:
            raise InvalidRequest("at least one source picture is needed")
        if len(sources) == 1:
            return self.compare(sources[0], target, options)
        calibration = self.calibration
        looks = [
            self._workers.submit(self._analyze, source, largest_only=True, detail=Detail.PLAIN) for source in sources
        ]
        rest = self._workers.submit(self._analyze, target, largest_only=False, detail=options.detail)
        faces = [self._first(look, rest, options) for look in looks]
        targets = _result(rest, "target").faces
        return compare_fused(
            faces,
            [f for f in targets if clears(f, options.quality_filter)],
            threshold=options.similarity_threshold,
            fused=partial(calibration.similarity, sources=len(faces)),
            single=calibration.similarity,
            review=options.review,
        )

    @property
    def calibration(self) -> Calibration:
        """What this engine's similarities mean.

        Raises:
            CalibrationMismatch: it has none.
        """
        if self._calibration is None:
            raise CalibrationMismatch("without a calibration faces can be analysed, but not compared")
        return self._calibration

    def analyze(self, picture: bytes, *, largest_only: bool = False, detail: Detail = Detail.FULL) -> Analysis:
        """The faces of one picture, largest first; none is no error.

        Args:
            picture: a JPEG or PNG.
            largest_only: describe the largest face and spare the time for the others.
            detail: how much is found out of each face.

        Raises:
            BadImage, ImageTooLarge, ImageTooSmall: the picture cannot be analysed.
        """
        return self._workers.submit(self._analyze, picture, largest_only=largest_only, detail=detail).result()

    def _analyze(self, picture: bytes, *, largest_only: bool, detail: Detail) -> Analysis:
        if self._memory is None:
            return self._analyze_anew(picture, largest_only=largest_only, detail=detail)
        key = hashlib.sha256(picture).digest(), largest_only, detail
        analysis = self._memory.get(key)
        if analysis is None:
            analysis = self._analyze_anew(picture, largest_only=largest_only, detail=detail)
            self._memory.keep(key, analysis)
        return analysis

    def _analyze_anew(self, picture: bytes, *, largest_only: bool, detail: Detail) -> Analysis:
        image = decode(picture, self._limits)
        return self._analyzer(image, largest_only=largest_only, detail=detail, spread=self._workers.spread)

    @staticmethod
    def _first(source: Future[Analysis], target: Future[Analysis], options: CompareOptions) -> Face:
        try:
            face = _result(source, "source").faces[0]
            if not clears(face, options.quality_filter):
                reasons = ", ".join(face.quality.reasons) or "low quality"
                raise FaceBelowQuality(
                    f"the largest face of the source does not clear the quality filter "
                    f"{options.quality_filter}: {reasons}",
                    role="source",
                )
        except BaseException:
            target.cancel()
            raise
        return face


def clears(face: Face, bar: QualityFilter) -> bool:
    """Whether `face` is good enough for `bar`."""
    return face.quality.score >= BARS[bar]


def _result(picture: Future[Analysis], role: Role) -> Analysis:
    try:
        analysis = picture.result()
    except (BadImage, ImageTooLarge, ImageTooSmall) as error:
        raise type(error)(f"{role} picture: {error}") from error
    if not analysis.faces:
        raise NoFace(f"no face was found in the {role} picture", role=role)
    return analysis
