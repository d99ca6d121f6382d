"""Engine: two pictures in, a comparison out. Thread-safe; owns the workers."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from visavis.analysis import Analysis, Analyzer
from visavis.calibration import Calibration
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.comparison import compare as compare_faces
from visavis.errors import CalibrationMismatch, FaceBelowQuality, InvalidRequest, NoFace, Role
from visavis.face import Face, QualityFilter
from visavis.image import DEFAULT_LIMITS, Limits, decode
from visavis.vision.quality import BARS

__all__ = ["CompareOptions", "Engine"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What to compare by.

    similarity_threshold: 0..100, inclusive
    quality_filter:       faces below this bar are not compared
    """

    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE

    def __post_init__(self) -> None:
        if not 0 <= self.similarity_threshold <= 100:
            raise InvalidRequest(f"the similarity threshold must be 0 to 100, not {self.similarity_threshold}")


class Engine:
    """Compares faces. Use it as a context manager, or close it when done.

    Args:
        analyzer: finds and describes the faces of a picture; called from several threads at once.
        calibration: from cosine to similarity; None where there is none yet: faces are analysed, and not compared.
        threads: how many pictures are analysed at once.
    """

    def __init__(
        self, analyzer: Analyzer, calibration: Calibration | None, *, threads: int, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._analyzer = analyzer
        self._calibration = calibration
        self._limits = limits
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="visavis")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way and let the workers go."""
        self._workers.shutdown(wait=True, cancel_futures=True)

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
        if self._calibration is None:
            raise CalibrationMismatch("without a calibration faces can be analysed, but not compared")
        pictures = [
            self._workers.submit(self._analyze, source, largest_only=True),
            self._workers.submit(self._analyze, target, largest_only=False),
        ]
        face = self._first(pictures[0], pictures[1], options)
        faces = _result(pictures[1], "target").faces
        return compare_faces(
            face,
            [f for f in faces if clears(f, options.quality_filter)],
            threshold=options.similarity_threshold,
            similarity=self._calibration.similarity,
        )

    def analyze(self, picture: bytes, *, largest_only: bool = False) -> Analysis:
        """The faces of one picture, largest first; none is no error.

        Args:
            picture: a JPEG or PNG.
            largest_only: describe the largest face and spare the time for the others.

        Raises:
            BadImage, ImageTooLarge, ImageTooSmall: the picture cannot be analysed.
        """
        return self._workers.submit(self._analyze, picture, largest_only=largest_only).result()

    def _analyze(self, picture: bytes, *, largest_only: bool) -> Analysis:
        return self._analyzer(decode(picture, self._limits), largest_only=largest_only)

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
    analysis = picture.result()
    if not analysis.faces:
        raise NoFace(f"no face was found in the {role} picture", role=role)
    return analysis
