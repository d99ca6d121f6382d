"""A comparison as one self-contained HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from visavis.calibration import Calibration
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.comparison_report.faces_table import best_of, faces_of_target, faces_table, roles_of
from visavis.comparison_report.meaning import (
    SCALE_POINTS,
    extrapolated_from,
    origin_of,
    same_person_below,
    strangers_reach,
    strangers_sentence,
)
from visavis.comparison_report.origin import ReportedImage, images_table, networks_table, settings_table
from visavis.comparison_report.scale_drawing import drawn_scale
from visavis.document import Items, Paragraph, Picture, Table
from visavis.errors import InvalidRequest
from visavis.html_page import element, html_page, section, shown_block
from visavis.image import Image, decode
from visavis.settings import Settings, settings_or_env
from visavis.similarity_scale import shown

__all__ = ["LIMITS", "report_comparison"]

LIMITS = (
    "At one threshold women are falsely matched more often than men.",
    "Error rates by age and skin colour were not measured.",
    (
        "visavis does not detect presentation attacks: photos, masks or generated images that are shown in place of a "
        "person."
    ),
    "Where a decision affects someone's rights, have a person review it.",
)
"""What a comparison does not say, in the words of the README."""

_DRAWING = "The source on the left and the target on the right, with the faces numbered as in the table"


def report_comparison(
    comparison: Comparison,
    sources: Sequence[ReportedImage],
    target: ReportedImage,
    *,
    calibration: Calibration,
    options: CompareOptions = CompareOptions(),
    settings: Settings | None = None,
    command: Sequence[str] = (),
    time: datetime | None = None,
) -> bytes:
    """A report of a comparison as one HTML file without scripts and without anything from outside.

    It contains the images with the faces drawn on them, a row for each face, what the similarities mean, and what the
    answer depends on: hashes, settings and versions. It contains no embedding.

    Args:
        comparison: of these images, with these options. `Detail.ALL` gives it the expressions of the target's faces.
        sources: the images of the sources, in their order.
        target: the image of the target.
        calibration: of the engine that compared the images.
        options: of the comparison.
        settings: of the engine; default: from the environment.
        command: the words of the command line, if there was one.
        time: of the report, with a time zone; default: now.

    Returns:
        The file, in UTF-8.

    Raises:
        InvalidRequest: the comparison has another number of sources.
        BadImage, ImageTooLarge, ImageTooSmall: an image cannot be decoded.
        SettingsError: no embedder has the name in the settings.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> source, target = Path("examples/photos/ardern_2018.jpg"), Path("examples/photos/ardern_2022.jpg")
        >>> images = [visavis.ReportedImage(photo.name, photo.read_bytes()) for photo in (source, target)]
        >>> with visavis.open_engine() as engine:
        ...     comparison = engine.compare(source, target)
        ...     page = visavis.report_comparison(comparison, images[:1], images[1], calibration=engine.calibration)
        >>> b"ardern_2022.jpg" in page
        True
    """
    if len(sources) != (count := len(comparison.sources)):
        raise InvalidRequest(f"sources must be the images of the {count} faces of the comparison, not {len(sources)}")
    made = (datetime.now(UTC) if time is None else time).astimezone(UTC)
    settings = settings_or_env(settings)
    decoded = [decode(image.data) for image in (*sources, target)]
    files = images_table([*roles_of(comparison), "target"], [*sources, target], [image.size for image in decoded])
    body = [
        _verdict(comparison, calibration, made),
        _picture(comparison, decoded),
        shown_block(faces_table(comparison)),
        section("What the similarities mean", _meaning(comparison, calibration, options)),
        section("Limits", [shown_block(Items(LIMITS))]),
        section("How this report was made", _origin(files, calibration, options, settings, command)),
    ]
    return html_page(f"Comparison of faces, {made:%Y-%m-%d %H:%M:%S} UTC", body)


def _verdict(comparison: Comparison, calibration: Calibration, made: datetime) -> Element:
    best = best_of(comparison)
    review = best is not None and best[1].review
    word = "Review by a person" if review else "Match" if comparison.matches else "No match"
    if best is not None:
        word += f", similarity {shown(best[1].similarity)}"
    kind = element(
        "p",
        element("span", "visavis, comparison of faces"),
        element("time", f"{made:%Y-%m-%d %H:%M:%S} UTC", datetime=f"{made:%Y-%m-%dT%H:%M:%SZ}"),
        class_="kind",
    )
    sentences = [element("p", sentence) for sentence in _sentences(comparison, calibration)]
    rank = "review" if review else "match" if comparison.matches else "other"
    warnings = [element("p", text, class_="note") for text in _warnings(comparison)]
    return element("header", kind, element("div", element("h1", word), *sentences, class_=f"verdict {rank}"), *warnings)


def _sentences(comparison: Comparison, calibration: Calibration) -> Iterator[str]:
    best = best_of(comparison)
    if best is None:
        yield "No face of the target was compared, because none passes the quality filter."
        return
    number, match = best
    count, of = len(comparison.matches), len(faces_of_target(comparison))
    to = "the source" if len(comparison.sources) == 1 else f"the {len(comparison.sources)} sources together"
    band = ", in the review band" if match.review else ""
    found = f"similarity of {shown(match.similarity)} to {to}{band}"
    if of == 1:
        yield f"The face of the target has a {found}. The threshold is {comparison.threshold:g}."
    else:
        yield f"Face {number} of the target has a {found}. The threshold is {comparison.threshold:g}."
        yield f"{count or 'None'} of {of} faces of the target {'reaches' if count <= 1 else 'reach'} it."
    yield strangers_sentence(calibration, match.similarity)


def _warnings(comparison: Comparison) -> Iterator[str]:
    for i, similarity in comparison.strangers:
        yield (
            f"Source S{i + 1} does not look like S1 (similarity {shown(similarity)}); "
            "all sources should show one person."
        )


def _picture(comparison: Comparison, decoded: Sequence[Image]) -> Element:
    *sources, target = decoded
    figure = shown_block(Picture("drawing.jpg", _DRAWING, comparison.draw(sources, target, ".jpg")))
    figure.append(element("figcaption", f"{_DRAWING}."))
    return figure


def _meaning(comparison: Comparison, calibration: Calibration, options: CompareOptions) -> Iterator[Element]:
    faces = faces_of_target(comparison)
    yield drawn_scale(calibration, [face.similarity for face in faces], comparison.threshold, options.review)
    yield element("div", shown_block(_scale_table(comparison, calibration)), class_="together")
    yield shown_block(Paragraph(" ".join(_threshold(comparison, calibration, options))))
    yield shown_block(Paragraph(" ".join(_rates(calibration))))


def _scale_table(comparison: Comparison, calibration: Calibration) -> Table:
    similarities = [face.similarity for face in faces_of_target(comparison)]
    rows = []
    for low, high in zip(SCALE_POINTS, (*SCALE_POINTS[1:], 101), strict=True):
        there = [number for number, value in enumerate(similarities, 1) if low <= value < high]
        strangers = strangers_reach(calibration, low) if low else "all"
        rows.append((str(low), strangers, same_person_below(calibration, low), _runs(there)))
    return Table(
        "The scale, and the faces from each similarity up to the next.",
        ("Similarity", "Strangers of one sex who reach it", "Pairs of one person below it", "Faces here"),
        tuple(rows),
    )


def _runs(numbers: Sequence[int]) -> str:
    """Rising numbers as text, as in `1 to 3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _threshold(comparison: Comparison, calibration: Calibration, options: CompareOptions) -> Iterator[str]:
    threshold = comparison.threshold
    yield f"A face is a match from a similarity of {threshold:g} on."
    yield f"Of pairs of strangers of the same sex {strangers_reach(calibration, threshold)} reach it."
    if (missed := same_person_below(calibration, threshold)) != "-":
        yield f"Of pairs of pictures of one person {missed} stay below it."
    if options.review is None:
        yield "No band of similarities was set for review."
        return
    low, high = options.review
    yield f"A person reviews similarities from {low:g} to {high:g}."
    yield f"Of pairs of strangers of the same sex {strangers_reach(calibration, high)} get to {high:g}."
    if (missed := same_person_below(calibration, low)) != "-":
        yield f"Of pairs of pictures of one person {missed} stay below {low:g}."


def _rates(calibration: Calibration) -> Iterator[str]:
    yield f"The rates were fitted on {origin_of(calibration)}; on other pictures they differ."
    if (first := extrapolated_from(calibration)) is not None:
        yield f"From {first:g} on they are extrapolated, because too few strangers reach such similarities."
    yield (
        "They are about one pair of faces: among many faces of a target, or many targets, one of a stranger reaches a "
        "similarity more often."
    )


def _origin(
    files: Table, calibration: Calibration, options: CompareOptions, settings: Settings, command: Sequence[str]
) -> Iterator[Element]:
    if command:
        # Each word alone and from the left, because a name in Arabic or Hebrew would reorder its neighbours.
        words = [node for word in command for node in (" ", element("bdi", shlex.quote(word), dir="ltr"))]
        yield element("div", element("p", "Command:"), element("pre", *words[1:]), class_="together")
    yield element("div", shown_block(files), class_="hashes")
    yield element("div", shown_block(networks_table(settings, calibration)), class_="hashes")
    yield element("div", shown_block(settings_table(options, settings)), class_="facts")
