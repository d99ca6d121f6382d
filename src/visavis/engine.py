"""The engine: takes images and returns a comparison. Several threads may share it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Self, TypeVar

from visavis.analysis import Analysis, AnalyzedImage, Analyzer
from visavis.calibration import Calibration
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.deadline import Deadline
from visavis.errors import CalibrationMismatch, SourcesDiffer, VisavisError
from visavis.face import Detail
from visavis.image import DEFAULT_IMAGE_MEMORY, DEFAULT_LIMITS, Limits
from visavis.image_analyzer import ImageAnalyzer
from visavis.inputs import ImageInput, bytes_or_pixels, choice_of, unchanged
from visavis.roles import check_arguments, compare_analyzed, compare_images, or_error, result_of, strangers_text
from visavis.workers import Workers

__all__ = ["Engine"]

T = TypeVar("T")


class Engine:
    """Analyses images and compares faces. `open_engine` makes one; close it, or use it as a context manager.

    In a forked child an engine works as in its parent: it makes its own threads and networks at first use.

    Args:
        analyzer: finds and describes the faces of an image; called from several threads at once.
        calibration: maps a cosine to a similarity. With None, faces can be analysed, but not compared.
        threads: how many images are analysed at once, or faces of one image if there are fewer images.
        limits: the smallest and largest image that is decoded.
        face_cache_size: for how many images the faces stay in memory until `close`, by the SHA-256 of their bytes.
        image_memory: bytes that the decoded images may take together; an image waits for memory that others use.
        release: called once at the end of `close`, to release the resources of the analyzer.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     comparison = engine.compare(Path("examples/photos/obama.jpg"), Path("examples/photos/sunak.jpg"))
        >>> len(comparison.unmatched)
        1
    """

    def __init__(
        self,
        analyzer: Analyzer,
        calibration: Calibration | None,
        *,
        threads: int,
        limits: Limits = DEFAULT_LIMITS,
        face_cache_size: int = 0,
        image_memory: int = DEFAULT_IMAGE_MEMORY,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._workers = Workers(threads)
        self._analyze = ImageAnalyzer(analyzer, limits, face_cache_size, image_memory, self._workers.parallel_map)
        self._submit: Callable[..., Future[Analysis]] = lambda image, deadline, **how: self._workers.submit(
            deadline.key, self._analyze, image, deadline=deadline, **how
        )
        self._calibration = calibration
        self._release = release

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish running analyses, and release the threads, the networks and their memory.

        Calls that wait for a thread raise `EngineClosed`, and so do later calls. Closing twice is allowed.

        Example:
            >>> import visavis
            >>> engine = visavis.open_engine()
            >>> engine.close()
            >>> engine.analyze(b"")
            Traceback (most recent call last):
            visavis.errors.EngineClosed: the engine is closed; open another
        """
        self._workers.close()
        if self._analyze.cache is not None:
            self._analyze.cache.clear()
        self._release()

    def compare(
        self,
        source: ImageInput,
        target: ImageInput,
        options: CompareOptions = CompareOptions(),
        *,
        deadline: Deadline | None = None,
    ) -> Comparison:
        """Compare the largest face of `source` with the faces of `target`, at most the 100 largest.

        Args:
            source: a JPEG or PNG as bytes, a path or an open file, or RGB pixels (h, w, 3) uint8.
            target: likewise.
            options: threshold, quality filter, review band and detail.
            deadline: when the work must end. Default: never.

        Raises:
            InvalidRequest: an argument has a type that is not accepted, or a file cannot be read.
            EngineClosed, TimedOut, Cancelled: the engine was closed, or `deadline` ended the work.
            BadImage, ImageTooLarge, ImageTooSmall: an image cannot be analysed.
            NoFace: an image shows no face; its `role` says which. The source is reported first.
            FaceBelowQuality: the quality of the source's largest face is below `options.quality_filter`.
            CalibrationMismatch: the engine has no calibration.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> photos = Path("examples/photos")
            >>> with visavis.open_engine() as engine:
            ...     comparison = engine.compare(photos / "ardern_2018.jpg", photos / "ardern_2022.jpg")
            >>> [round(match.similarity) for match in comparison.matches]
            [100]
        """
        return self.compare_many([source], target, options, deadline=deadline)

    def compare_many(
        self,
        sources: Sequence[ImageInput],
        target: ImageInput,
        options: CompareOptions = CompareOptions(),
        *,
        deadline: Deadline | None = None,
    ) -> Comparison:
        """Compare one person, shown by several images, with the faces of `target`.

        The largest faces of the sources are fused into one template, whose similarity has its own calibration.
        `Match.by_source` has the similarities to the single images. Sources whose face does not match that of the
        first are in `Comparison.strangers`, and the warning `SourcesDiffer` names them.

        Args:
            sources: at least one image, all of the same person; with one image this is `compare`.
            target: an image, as for `compare`.
            options: as for `compare`.
            deadline: as for `compare`.

        Raises:
            InvalidRequest: `sources` is empty or not a sequence, or an image has a type that is not accepted.
            CalibrationMismatch: the calibration was not fitted for several sources.
            VisavisError: for an image, the calibration or the end of the work, as for `compare`.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> sources = [Path("examples/photos/ardern_2018.jpg"), Path("examples/photos/ardern_2022.jpg")]
            >>> with visavis.open_engine() as engine:
            ...     comparison = engine.compare_many(sources, Path("examples/photos/obama.jpg"))
            >>> len(comparison.matches), len(comparison.unmatched[0].by_source)
            (0, 2)
        """
        check_arguments(sources, options)
        similarity, deadline = self.calibration.similarity, deadline or Deadline()
        comparison = compare_images(self._submit, sources, target, options, similarity, deadline)
        if comparison.strangers:
            warnings.warn(strangers_text(comparison), SourcesDiffer, stacklevel=2)
        return comparison

    @property
    def calibration(self) -> Calibration:
        """The mapping from cosine to similarity.

        Raises:
            CalibrationMismatch: the engine has no calibration.
        """
        if self._calibration is None:
            raise CalibrationMismatch(
                "the engine has no calibration, so it cannot compare faces; fit one with `visavis calibrate`"
            )
        return self._calibration

    def analyze(
        self,
        image: ImageInput,
        *,
        largest_only: bool = False,
        detail: Detail = Detail.ALL,
        deadline: Deadline | None = None,
    ) -> Analysis:
        """Find and describe the faces of one image, at most the 100 largest. No face is not an error.

        Args:
            image: a JPEG or PNG as bytes, a path or an open file, or RGB pixels (h, w, 3) uint8.
            largest_only: describe only the largest face, which takes less time.
            detail: which fields of a face are computed.
            deadline: as for `compare`.

        Raises:
            InvalidRequest: an argument has a type that is not accepted, or a file cannot be read.
            BadImage, ImageTooLarge, ImageTooSmall, EngineClosed, TimedOut, Cancelled: as for `compare`.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> with visavis.open_engine() as engine:
            ...     analysis = engine.analyze(Path("examples/photos/sunak.jpg"))
            >>> len(analysis.faces), analysis.more
            (1, False)
        """
        detail = choice_of("detail", detail, Detail)
        given, deadline = bytes_or_pixels(image), deadline or Deadline()
        return result_of(self._submit(given, largest_only=largest_only, detail=detail, deadline=deadline))

    def analyze_many(
        self, images: Iterable[ImageInput], *, largest_only: bool = False, detail: Detail = Detail.ALL
    ) -> Iterator[Analysis | VisavisError]:
        """Analyse a stream of images, as many at once as the engine has threads.

        Memory does not grow with the number of images: `images` is read as it is needed, two for each thread ahead of
        the caller. Files are read by the threads too, so give paths and not the bytes of all files.

        Args:
            images: each as for `analyze`; a generator may make them.
            largest_only: as for `analyze`.
            detail: as for `analyze`.

        Yields:
            For each image, in their order, its analysis, or the error that `analyze` would raise for it.

        Raises:
            InvalidRequest, EngineClosed: `detail` is not a `Detail`, or the engine was closed.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> with visavis.open_engine() as engine:
            ...     for found in engine.analyze_many([Path("examples/photos/obama.jpg"), Path("no.jpg")]):
            ...         print(found if isinstance(found, visavis.VisavisError) else len(found.faces))
            1
            no.jpg cannot be read: No such file or directory
        """
        detail = choice_of("detail", detail, Detail)
        analyze = partial(self._analyze, largest_only=largest_only, detail=detail)
        return self._workers.stream(or_error(lambda image: analyze(bytes_or_pixels(image))), images)

    def analyze_for_comparisons(
        self, images: Iterable[T], *, read: Callable[[T], ImageInput] = unchanged, detail: Detail = Detail.ALL
    ) -> Iterator[AnalyzedImage | VisavisError]:
        """Analyse a stream of images, as `analyze_many`, each of which is then compared with any number of others.

        Args:
            images: anything that `read` makes an image of; by default images, as for `analyze`.
            read: called by the threads. It may raise the errors of `analyze` and `ObjectUnavailable`.
            detail: which fields of the faces of a target are computed.

        Yields:
            For each image what `compare_analyzed` takes.

        Raises:
            InvalidRequest, EngineClosed: as for `analyze_many`.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> paths = sorted(Path("examples/photos").glob("ardern_*.jpg"))
            >>> with visavis.open_engine() as engine:
            ...     old, new = engine.analyze_for_comparisons(paths)
            ...     len(engine.compare_analyzed(old, new).matches)
            1
        """
        detail = choice_of("detail", detail, Detail)
        analyze = partial(self._analyze.for_both_roles, detail=detail)
        return self._workers.stream(or_error(lambda image: analyze(bytes_or_pixels(read(image)))), images)

    def compare_analyzed(
        self,
        source: AnalyzedImage | VisavisError,
        target: AnalyzedImage | VisavisError,
        options: CompareOptions = CompareOptions(),
    ) -> Comparison:
        """Compare two images of `analyze_for_comparisons`, with the result of `compare`, to the digit.

        Args:
            source: an analysed image, or its error, which is raised.
            target: likewise.
            options: threshold, quality filter and review band; `detail` has no effect.

        Raises:
            VisavisError: as for `compare`; or `ObjectUnavailable`, if `read` raised it.

        Example:
            >>> import visavis
            >>> with visavis.open_engine() as engine:
            ...     engine.compare_analyzed(visavis.BadImage("cut short"), visavis.BadImage("empty"))
            Traceback (most recent call last):
            visavis.errors.BadImage: source: cut short
        """
        return compare_analyzed(source, target, options, self.calibration.similarity)
