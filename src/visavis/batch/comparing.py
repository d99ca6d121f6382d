"""Compares the rows of a manifest in their order, and analyses the images that they name ahead of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from visavis.analysis import AnalyzedImage
from visavis.batch.pictures import AnalyzedImages
from visavis.batch.rows import Row, RowResult
from visavis.compare_options import CompareOptions
from visavis.comparison import Similarity
from visavis.engine import Engine
from visavis.errors import InvalidRequest, VisavisError
from visavis.inputs import read_file
from visavis.roles import compare_analyzed

__all__ = ["Analyze", "Read", "analyze_by", "compare_analyzed_rows", "compare_rows", "read_path"]

Read: TypeAlias = Callable[[str], bytes]
"""Returns the bytes of the image at a location, or raises a `VisavisError`; called by several threads."""

Analyze: TypeAlias = Callable[[Iterable[str]], Iterator[AnalyzedImage | VisavisError]]
"""Analyses the images at some locations, and yields the results in their order."""

WINDOW = 10_000
"""Rows whose images are looked up ahead of the comparisons."""

READERS = 8
"""Threads that read images ahead of the analysis."""


def read_path(location: str) -> bytes:
    """The bytes of an image file.

    Raises:
        InvalidRequest: the file cannot be read, or the location is a URI.
    """
    scheme, separator, _ = location.partition("://")
    if separator:
        raise InvalidRequest(f"{scheme}:// is not read here; give the path of a file")
    return read_file(Path(location))


def compare_rows(
    rows: Iterable[Row], engine: Engine, options: CompareOptions = CompareOptions(), *, read: Read = read_path
) -> Iterator[RowResult]:
    """Compare the images of each row. Each image is read and analysed once, in whatever rows it is.

    Memory grows neither with the number of rows nor with that of images. The analyses of all images are kept in a
    temporary database that no other process can open. It is gone when the generator is exhausted or closed, or the
    process ends.

    Args:
        rows: may be a generator; 10,000 rows are taken at a time.
        engine: an open engine.
        options: as for `Engine.compare`; the threshold is that of rows without their own.
        read: returns the bytes of the image at a location.

    Yields:
        A result for each row, in their order. A row that cannot be compared has an error and stops nothing.

    Raises:
        EngineClosed: the engine was closed.
        CalibrationMismatch: the engine has no calibration.

    Example:
        >>> import visavis
        >>> from visavis.batch import Row, compare_rows
        >>> photos = "examples/photos"
        >>> rows = [
        ...     Row("same", f"{photos}/ardern_2018.jpg", f"{photos}/ardern_2022.jpg"),
        ...     Row("missing", f"{photos}/ardern_2018.jpg", f"{photos}/none.jpg"),
        ... ]
        >>> with visavis.open_engine() as engine:
        ...     for result in compare_rows(rows, engine):
        ...         print(result.row.id, result.error or result.best.similarity > 99)
        same True
        missing target: examples/photos/none.jpg cannot be read: No such file or directory
    """
    return compare_analyzed_rows(rows, analyze_by(engine, options, read), options, engine.calibration.similarity)


def analyze_by(engine: Engine, options: CompareOptions, read: Read) -> Analyze:
    """A function that analyses images with `engine`, and reads the next ones meanwhile."""

    def analyze(locations: Iterable[str]) -> Iterator[AnalyzedImage | VisavisError]:
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="visavis-read")
        try:
            # The stream takes two images for each thread ahead of the caller, so no more are read ahead.
            futures = (readers.submit(read, location) for location in locations)
            yield from engine.analyze_for_comparisons(futures, read=Future.result, detail=options.detail)
        finally:
            readers.shutdown(cancel_futures=True)

    return analyze


def compare_analyzed_rows(
    rows: Iterable[Row], analyze: Analyze, options: CompareOptions, similarity: Similarity, *, window: int = WINDOW
) -> Iterator[RowResult]:
    """As `compare_rows`, with images that `analyze` analyses.

    Args:
        rows: may be a generator.
        analyze: called once for the new images of each window.
        options: as for `compare_rows`.
        similarity: maps a cosine to a similarity.
        window: how many rows are taken at a time.
    """
    remaining = iter(rows)
    with closing(AnalyzedImages()) as images:
        while taken := list(islice(remaining, window)):
            good = [row for row in taken if row.fault is None]
            new = [at for row in good for at in (row.source, row.target) if images.claim(at)]
            arriving = zip(new, analyze(new), strict=True)
            result_of = partial(_result, images, arriving, options, similarity)
            yield from map(result_of, taken)


def _result(
    images: AnalyzedImages,
    arriving: Iterator[tuple[str, AnalyzedImage | VisavisError]],
    options: CompareOptions,
    similarity: Similarity,
    row: Row,
) -> RowResult:
    """Compare the images of a row, after those that it still lacks have arrived."""
    if row.fault is not None:
        return RowResult(row, error=InvalidRequest(row.fault))
    if row.threshold is not None and row.threshold != options.similarity_threshold:
        options = replace(options, similarity_threshold=row.threshold)

    def analysed(location: str) -> AnalyzedImage | VisavisError:
        while (found := images.get(location)) is None:
            images.put(*next(arriving))
        return found

    try:
        return RowResult(row, compare_analyzed(analysed(row.source), analysed(row.target), options, similarity))
    except VisavisError as error:
        return RowResult(row, error=error)
