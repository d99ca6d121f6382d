"""Reads the images of a comparison, and finds their faces; errors say which image they are about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analysis
from visavis.compare_options import CompareOptions, passes_filter
from visavis.errors import BadImage, FaceBelowQuality, ImageTooLarge, ImageTooSmall, InvalidRequest, NoFace, Role
from visavis.face import Face
from visavis.inputs import ImageInput, bytes_or_pixels
from visavis.vision.quality import QUALITY_THRESHOLDS

__all__ = ["analysis_with_faces", "largest_face", "read_as"]


def read_as(name: str, image: ImageInput) -> bytes | NDArray[np.uint8]:
    """As `bytes_or_pixels`; the error names the image."""
    try:
        return bytes_or_pixels(image)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error


def largest_face(result: Callable[[], Analysis], name: str, options: CompareOptions) -> Face:
    """The largest face of a source image.

    Args:
        result: returns the analysis of the image, or raises its error.
        name: of the image in error messages.
        options: with the quality filter that the face must pass.

    Raises:
        NoFace, FaceBelowQuality: the image has no face, or one of too low quality.
        BadImage, ImageTooLarge, ImageTooSmall: as `result` raises them; the error names the image.
    """
    face = analysis_with_faces(result, "source", name).faces[0]
    if not passes_filter(face, options.quality_filter):
        reasons = ", ".join(face.quality.reasons) or "low quality"
        raise FaceBelowQuality(
            f"{name}: the largest face does not pass the quality filter {options.quality_filter}: its quality score "
            f"is {face.quality.score:.0f}, at least {QUALITY_THRESHOLDS[options.quality_filter]:g} is needed "
            f"({reasons})",
            role="source",
        )
    return face


def analysis_with_faces(result: Callable[[], Analysis], role: Role, name: str) -> Analysis:
    """The analysis of an image that must have a face; errors name it.

    Args:
        result: returns the analysis of the image, or raises its error.
        role: of the image, in the error.
        name: of the image in error messages.
    """
    try:
        analysis = result()
    except (BadImage, ImageTooLarge, ImageTooSmall) as error:
        raise type(error)(f"{name}: {error}") from error
    if not analysis.faces:
        raise NoFace(f"{name}: no face was found", role=role)
    return analysis
