"""Compares images in the roles of source and target; errors say which image they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analysis, AnalyzedImage
from visavis.compare_options import CompareOptions, passes_filter
from visavis.comparison import Comparison, Similarity
from visavis.comparison import compare as compare_faces
from visavis.deadline import Deadline
from visavis.errors import (
    BadImage,
    EngineClosed,
    FaceBelowQuality,
    ImageTooLarge,
    ImageTooSmall,
    InvalidRequest,
    NoFace,
    ObjectUnavailable,
    Role,
    VisavisError,
)
from visavis.face import Detail, Face
from visavis.inputs import ImageInput, bytes_or_pixels, short_repr
from visavis.vision.quality import QUALITY_THRESHOLDS

__all__ = ["check_arguments", "compare_analyzed", "compare_images", "or_error", "result_of", "strangers_text"]

R = TypeVar("R")
T = TypeVar("T")

ABOUT_ONE_IMAGE = (BadImage, ImageTooLarge, ImageTooSmall, InvalidRequest, ObjectUnavailable)
"""The errors because of which one image cannot be analysed."""


def or_error(analyze: Callable[[T], R]) -> Callable[[T], R | VisavisError]:
    """A function that returns the errors of `ABOUT_ONE_IMAGE` that `analyze` raises."""

    def analysed(image: T) -> R | VisavisError:
        try:
            return analyze(image)
        except ABOUT_ONE_IMAGE as error:
            return error

    return analysed


def check_arguments(sources: object, options: object) -> None:
    """Check the types of the arguments of a comparison.

    Raises:
        InvalidRequest: `sources` is not a sequence of images or is empty, or `options` is of another type.
    """
    if isinstance(sources, bytes | bytearray | memoryview | str | np.ndarray) or not isinstance(sources, Sequence):
        raise InvalidRequest(f"sources must be a list of images, not {type(sources).__name__}")
    if not sources:
        raise InvalidRequest("sources must contain at least one image")
    if not isinstance(options, CompareOptions):
        raise InvalidRequest(f"options must be CompareOptions(similarity_threshold=...), not {short_repr(options)}")


def compare_images(
    submit: Callable[..., Future[Analysis]],
    sources: Sequence[ImageInput],
    target: ImageInput,
    options: CompareOptions,
    similarity: Similarity,
    deadline: Deadline,
) -> Comparison:
    """Analyse all images at once, and compare their faces.

    Args:
        submit: starts to analyse an image; its arguments are those of `Engine.analyze`.
        sources: at least one image of a person.
        target: an image.
        options: threshold, quality filter, review band and detail.
        similarity: maps a cosine to a similarity.
        deadline: of the work. It is cancelled after an error, because the other images need no analysis then.

    Raises:
        EngineClosed: the engine was closed meanwhile.
        VisavisError: as for `compare_analyzed`. Errors of the sources are raised first.
    """
    roles = ["source"] if len(sources) == 1 else [f"source {i}" for i in range(1, len(sources) + 1)]
    given = [_read(role, image) for image, role in zip([*sources, target], [*roles, "target"], strict=True)]
    futures = [submit(image, largest_only=True, detail=Detail.MINIMAL, deadline=deadline) for image in given[:-1]]
    futures.append(submit(given[-1], largest_only=False, detail=options.detail, deadline=deadline))
    *of_sources, of_target = (partial(result_of, future) for future in futures)
    try:
        return _compare(dict(zip(roles, of_sources, strict=True)), of_target, options, similarity)
    except BaseException:
        deadline.cancel()
        for future in futures:
            future.cancel()
        raise


def result_of(future: Future[Analysis]) -> Analysis:
    """The result of an analysis, when it has one.

    Raises:
        EngineClosed: the engine was closed before it started.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise EngineClosed("the engine was closed before it analysed this image") from error


def strangers_text(comparison: Comparison) -> str:
    """The text of the warning about sources that do not match the first."""
    which = ", ".join(f"{i + 1} (similarity {similarity:.2f})" for i, similarity in comparison.strangers)
    return f"these sources do not match the first: {which}"


def compare_analyzed(
    source: AnalyzedImage | VisavisError,
    target: AnalyzedImage | VisavisError,
    options: CompareOptions,
    similarity: Similarity,
) -> Comparison:
    """Compare two analysed images, as `Engine.compare` compares them.

    Args:
        source: what `Engine.analyze_for_comparisons` yields.
        target: likewise.
        options: threshold, quality filter and review band.
        similarity: maps a cosine to a similarity.

    Raises:
        BadImage, ImageTooLarge, ImageTooSmall, InvalidRequest, ObjectUnavailable: an image could not be analysed.
        NoFace: an image shows no face; its `role` says which. The source is reported first.
        FaceBelowQuality: the quality of the source's largest face is below `options.quality_filter`.
    """

    def as_source() -> Analysis:
        if isinstance(source, AnalyzedImage):
            return source.as_source
        raise source

    def as_target() -> Analysis:
        if isinstance(target, AnalyzedImage):
            return target.as_target
        raise target

    return _compare({"source": as_source}, as_target, options, similarity)


def _read(name: str, image: ImageInput) -> bytes | NDArray[np.uint8]:
    """As `bytes_or_pixels`; the error names the image."""
    try:
        return bytes_or_pixels(image)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error


def _compare(
    sources: Mapping[str, Callable[[], Analysis]],
    target: Callable[[], Analysis],
    options: CompareOptions,
    similarity: Similarity,
) -> Comparison:
    """Compare faces. Each function returns the analysis of an image, or raises its error."""
    faces = [_largest_face(result, name, options) for name, result in sources.items()]
    targets = _analysis_with_faces(target, "target", "target").faces
    return compare_faces(
        faces,
        [face for face in targets if passes_filter(face, options.quality_filter)],
        threshold=options.similarity_threshold,
        similarity=similarity,
        review=options.review,
    )


def _largest_face(result: Callable[[], Analysis], name: str, options: CompareOptions) -> Face:
    """The largest face of a source, if its quality is high enough; errors name the image."""
    face = _analysis_with_faces(result, "source", name).faces[0]
    if not passes_filter(face, options.quality_filter):
        reasons = ", ".join(face.quality.reasons) or "low quality"
        raise FaceBelowQuality(
            f"{name}: the largest face does not pass the quality filter {options.quality_filter}: its quality score "
            f"is {face.quality.score:.0f}, at least {QUALITY_THRESHOLDS[options.quality_filter]:g} is needed "
            f"({reasons})",
            role="source",
        )
    return face


def _analysis_with_faces(result: Callable[[], Analysis], role: Role, name: str) -> Analysis:
    """The analysis of an image that must have a face; errors name the image."""
    try:
        analysis = result()
    except ABOUT_ONE_IMAGE as error:
        raise type(error)(f"{name}: {error}") from error
    if not analysis.faces:
        raise NoFace(f"{name}: no face was found", role=role)
    return analysis
