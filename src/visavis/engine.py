"""Engine: two pictures in, a comparison out. Thread-safe; owns the workers."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analysis, Analyzer
from visavis.calibration import Calibration
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.comparison import compare as compare_faces
from visavis.errors import (
    BadImage,
    CalibrationMismatch,
    EngineClosed,
    FaceBelowQuality,
    ImageTooLarge,
    ImageTooSmall,
    InvalidRequest,
    NoFace,
    Role,
    SourcesDiffer,
)
from visavis.face import Detail, Face, QualityFilter
from visavis.image import DEFAULT_LIMITS, Limits, decode, from_pixels
from visavis.inputs import ImageInput, bytes_or_pixels, choice_of, percent_of, told
from visavis.memory import Memory
from visavis.vision.quality import QUALITY_THRESHOLDS
from visavis.workers import Workers

__all__ = ["CompareOptions", "Engine"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What to compare by.

    Numbers may be given as texts, and choices as texts in any case.

    similarity_threshold: 0..100, inclusive
    quality_filter:       faces below this bar are not compared
    review:               a band of similarities, low and high, both inclusive, in which a person should look
    detail:               how much is found out of the target's faces; of the source's always the plain

    Raises:
        InvalidRequest: a value is none of these; the text names it and what would be right.

    Example:
        >>> CompareOptions(similarity_threshold="90", quality_filter="auto").quality_filter
        <QualityFilter.AUTO: 'AUTO'>
    """

    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE
    review: tuple[float, float] | None = None
    detail: Detail = Detail.FULL

    def __post_init__(self) -> None:
        def become(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        become("similarity_threshold", percent_of("similarity_threshold", self.similarity_threshold))
        become("quality_filter", choice_of("quality_filter", self.quality_filter, QualityFilter))
        become("detail", choice_of("detail", self.detail, Detail))
        if self.review is not None:
            become("review", _band(self.review))


def _band(value: object) -> tuple[float, float]:
    ends = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if len(ends) != 2:
        raise InvalidRequest(f"review must be two similarities, low and high, not {told(value)}")
    low, high = (percent_of("review", end) for end in ends)
    if low > high:
        raise InvalidRequest(f"review must be two similarities, the lower first, not {told(value)}")
    return low, high


class Engine:
    """Compares faces. Use it as a context manager, or close it when done.

    Args:
        analyzer: finds and describes the faces of a picture; called from several threads at once.
        calibration: from cosine to similarity; None where there is none yet: faces are analysed, and not compared.
        threads: how many pictures are analysed at once, or faces where there are fewer pictures.
        remembered: pictures whose faces are kept in memory, by the SHA-256 of their bytes, until the engine is closed.
        release: called once at the end of `close`, to let go of what the analyzer runs on.

    In a forked child an engine works as in its parent: it makes threads and networks of its own at first use.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        calibration: Calibration | None,
        *,
        threads: int,
        limits: Limits = DEFAULT_LIMITS,
        remembered: int = 0,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._analyzer = analyzer
        self._calibration = calibration
        self._limits = limits
        self._workers = Workers(threads)
        self._memory: Memory[Analysis] | None = Memory(remembered) if remembered else None
        self._release = release

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is under way, and release the threads, the networks and their memory.

        What waits for a thread gets `EngineClosed`, and so does every later call. Closing twice is allowed.
        """
        self._workers.close()
        if self._memory is not None:
            self._memory.clear()
        self._release()

    def compare(self, source: ImageInput, target: ImageInput, options: CompareOptions = CompareOptions()) -> Comparison:
        """Compare the largest face of `source` with up to 100 faces of `target`, the largest.

        Args:
            source: a JPEG or PNG as bytes, a path or an open file, or RGB pixels (h, w, 3) uint8.
            target: likewise.

        Raises:
            InvalidRequest: an argument is of another type, or a file cannot be read.
            EngineClosed: the engine was closed.
            BadImage, ImageTooLarge, ImageTooSmall: a picture cannot be analysed.
            NoFace: a picture shows no face; its `role` says which. The source is reported first.
            FaceBelowQuality: the source's largest face does not clear `options.quality_filter`.
            CalibrationMismatch: the engine has no calibration.
        """
        return self.compare_many([source], target, options)

    def compare_many(
        self, sources: Sequence[ImageInput], target: ImageInput, options: CompareOptions = CompareOptions()
    ) -> Comparison:
        """Compare one person, shown by several pictures, with the faces of `target`.

        The largest faces of the sources are fused into one template, whose similarity has a calibration of its own;
        each `Match.by_source` has the similarities to the single pictures. Sources whose face does not match that of
        the first are in `Comparison.strangers`, and the warning `SourcesDiffer` names them.

        Args:
            sources: at least one image, all of the same person; of one alone, this is `compare`.
            target: an image.

        Raises:
            InvalidRequest: `sources` is empty or no sequence, or one of the images is of a type that is not taken.
            CalibrationMismatch: the calibration says nothing of several sources.
            BadImage, ImageTooLarge, ImageTooSmall, NoFace, FaceBelowQuality, EngineClosed: as for `compare`.
        """
        if isinstance(sources, bytes | bytearray | memoryview | str | np.ndarray) or not isinstance(sources, Sequence):
            raise InvalidRequest(f"sources must be a list of images, not {type(sources).__name__}")
        if not sources:
            raise InvalidRequest("at least one source image is needed")
        calibration = self.calibration
        faces, targets = self._faces_of(sources, target, options)
        comparison = compare_faces(
            faces,
            [f for f in targets if passes_filter(f, options.quality_filter)],
            threshold=options.similarity_threshold,
            similarity=calibration.similarity,
            review=options.review,
        )
        if comparison.strangers:
            which = ", ".join(f"{i + 1} (similarity {similarity:.2f})" for i, similarity in comparison.strangers)
            warnings.warn(f"sources that do not look like the first: {which}", SourcesDiffer, stacklevel=2)
        return comparison

    @property
    def calibration(self) -> Calibration:
        """What this engine's similarities mean.

        Raises:
            CalibrationMismatch: it has none.
        """
        if self._calibration is None:
            raise CalibrationMismatch("without a calibration faces can be analysed, but not compared")
        return self._calibration

    def analyze(self, picture: ImageInput, *, largest_only: bool = False, detail: Detail = Detail.FULL) -> Analysis:
        """The faces of one picture, largest first, at most 100; none is no error.

        Args:
            picture: a JPEG or PNG as bytes, a path or an open file, or RGB pixels (h, w, 3) uint8.
            largest_only: describe the largest face and spare the time for the others.
            detail: how much is found out of each face.

        Raises:
            InvalidRequest: an argument is of another type, or a file cannot be read.
            BadImage, ImageTooLarge, ImageTooSmall: the picture cannot be analysed.
            EngineClosed: the engine was closed.
        """
        detail = choice_of("detail", detail, Detail)
        return _waited_for(self._submit(bytes_or_pixels(picture), largest_only=largest_only, detail=detail))

    def _faces_of(
        self, sources: Sequence[ImageInput], target: ImageInput, options: CompareOptions
    ) -> tuple[list[Face], tuple[Face, ...]]:
        """The largest face of each source, and the faces of the target. The sources' errors are raised first."""
        if not isinstance(options, CompareOptions):
            raise InvalidRequest(f"options must be CompareOptions(similarity_threshold=...), not {told(options)}")
        roles = ["source"] if len(sources) == 1 else [f"source {i}" for i in range(1, len(sources) + 1)]
        given = [_read(image, role) for image, role in zip([*sources, target], [*roles, "target"], strict=True)]
        looks = [self._submit(image, largest_only=True, detail=Detail.PLAIN) for image in given[:-1]]
        rest = self._submit(given[-1], largest_only=False, detail=options.detail)
        try:
            faces = [_first(look, role, options) for look, role in zip(looks, roles, strict=True)]
            return faces, _result(rest, "target", "target").faces
        except BaseException:
            for future in (*looks, rest):
                future.cancel()
            raise

    def _submit(self, picture: bytes | NDArray[np.uint8], *, largest_only: bool, detail: Detail) -> Future[Analysis]:
        return self._workers.submit(self._analyze, picture, largest_only=largest_only, detail=detail)

    def _analyze(self, picture: bytes | NDArray[np.uint8], *, largest_only: bool, detail: Detail) -> Analysis:
        if self._memory is None:
            return self._analyze_anew(picture, largest_only=largest_only, detail=detail)
        key = _digest(picture), largest_only, detail
        analysis = self._memory.get(key)
        if analysis is None:
            analysis = self._analyze_anew(picture, largest_only=largest_only, detail=detail)
            self._memory.keep(key, analysis)
        return analysis

    def _analyze_anew(self, picture: bytes | NDArray[np.uint8], *, largest_only: bool, detail: Detail) -> Analysis:
        image = (decode if isinstance(picture, bytes) else from_pixels)(picture, self._limits)  # type: ignore[arg-type]
        return self._analyzer(image, largest_only=largest_only, detail=detail, spread=self._workers.spread)


def passes_filter(face: Face, bar: QualityFilter) -> bool:
    """Whether `face` is good enough for `bar`."""
    return face.quality.score >= QUALITY_THRESHOLDS[bar]


def _digest(picture: bytes | NDArray[np.uint8]) -> bytes:
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).digest()
    # The shape goes first, because the same pixels may be those of another picture.
    return hashlib.sha256(f"{picture.shape}".encode() + picture.tobytes()).digest()


def _read(image: ImageInput, name: str) -> bytes | NDArray[np.uint8]:
    try:
        return bytes_or_pixels(image)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error


def _first(look: Future[Analysis], name: str, options: CompareOptions) -> Face:
    face = _result(look, "source", name).faces[0]
    if not passes_filter(face, options.quality_filter):
        reasons = ", ".join(face.quality.reasons) or "low quality"
        raise FaceBelowQuality(
            f"{name}: the largest face does not clear the quality filter {options.quality_filter}: its quality score "
            f"is {face.quality.score:.0f}, at least {QUALITY_THRESHOLDS[options.quality_filter]:g} is needed "
            f"({reasons})",
            role="source",
        )
    return face


def _result(look: Future[Analysis], role: Role, name: str) -> Analysis:
    try:
        analysis = _waited_for(look)
    except (BadImage, ImageTooLarge, ImageTooSmall) as error:
        raise type(error)(f"{name}: {error}") from error
    if not analysis.faces:
        raise NoFace(f"{name}: no face was found", role=role)
    return analysis


def _waited_for(look: Future[Analysis]) -> Analysis:
    try:
        return look.result()
    except CancelledError as error:
        raise EngineClosed("the engine was closed before it came to this picture") from error
