"""`visavis compare SOURCE... TARGET`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import ENGINE, engine_for_one, settings_options
from visavis.cli.files import ImageArgument, read_images, refuse_landmarks_alone, refuse_overwriting, write_file
from visavis.cli.options import argument, choice, flag, landmarks_flag, option, quality_option
from visavis.cli.process import DIFFERENT, DONE, complain
from visavis.cli.service import encoded, with_error_codes
from visavis.errors import InvalidRequest, SourcesDiffer

if TYPE_CHECKING:
    from visavis.api.response import FieldSet
    from visavis.calibration import Calibration
    from visavis.compare_options import CompareOptions
    from visavis.comparison import Comparison
    from visavis.face import Detail, Face, QualityFilter
    from visavis.settings import Settings

__all__ = ["compare"]

_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999, which is the last that `datetime` has."""


def _default_threshold() -> str:
    from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
    from visavis.similarity_scale import PROMISED_FMR

    fmr = PROMISED_FMR[int(DEFAULT_SIMILARITY_THRESHOLD)]
    return f"{DEFAULT_SIMILARITY_THRESHOLD:g}, a false match rate of 1 in {1 / fmr:,.0f}"


@click.command("compare", cls=Command)
@argument("sources", parse=values.image, nargs=-1, metavar="SOURCE...")
@argument("target", parse=values.image, metavar="TARGET")
@option(
    "--threshold",
    parse=values.percent,
    metavar="0..100",
    help="Similarity from which a face is a match.",
    show_default=_default_threshold,
)
@quality_option
@option(
    "--review",
    parse=values.percent,
    nargs=2,
    metavar="LOW HIGH",
    help="Mark similarities from LOW to HIGH for manual review, and print the error rates beyond them.",
)
@option(
    "--draw",
    parse=values.image_to_write,
    metavar="OUT.png|OUT.jpg",
    help="Write all photos with the faces drawn on them, as PNG or JPEG.",
)
@landmarks_flag
@option(
    "--report",
    parse=values.page_to_write,
    metavar="OUT.html",
    help="Write a report for people: the drawing, every face, what the similarities mean, hashes and versions.",
)
@flag("--json", help="Print Rekognition's response as JSON.")
@option(
    "--attributes",
    parse=choice(values.attribute_sets),
    default="ALL",
    help="With --json: every documented field, or only those in recorded responses of Amazon's service.",
)
@settings_options(ENGINE)
def compare(
    *,
    settings: Settings,
    sources: tuple[ImageArgument, ...],
    target: ImageArgument,
    threshold: float | None,
    quality: QualityFilter,
    review: tuple[float, float] | None,
    draw: Path | None,
    report: Path | None,
    landmarks: bool,
    json: bool,
    attributes: FieldSet,
) -> int:
    """Compare the largest face of SOURCE with the faces of TARGET, at most the 100 largest.

    Several sources, which are photos of one person, are fused. A photo named - is read from standard input.
    The exit status is 0 if a face matches and 1 if none does.
    """
    if not sources:
        click.get_current_context().fail("two photos are needed: SOURCE, or several of one person, and then TARGET")
    images = [*sources, target]
    if review and review[0] > review[1]:
        low, high = review
        raise InvalidRequest(f"--review must have LOW before HIGH, not {low:g} and {high:g}")
    for output in (draw, report):
        refuse_overwriting(output, [image.path for image in images])
    refuse_landmarks_alone(draw, landmarks)
    time = _time() if report else None
    *source_data, target_data = read = read_images(images)
    with engine_for_one(settings) as engine:
        # Imported here, because the networks are compiled meanwhile.
        from visavis.compare_options import CompareOptions
        from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD

        threshold = DEFAULT_SIMILARITY_THRESHOLD if threshold is None else threshold
        detail = _detail(json, attributes, whole=landmarks or report is not None)
        options = CompareOptions(threshold, quality, review, detail)
        with warnings.catch_warnings(), with_error_codes() if json else nullcontext():
            warnings.simplefilter("ignore", SourcesDiffer)  # a warning below names their files
            comparison = engine.compare_many(source_data, target_data, options)
        print(as_json(comparison, attributes) if json else as_text(comparison, images))
        _warn(comparison, images)
        if review and not json:
            print(_review(engine.calibration, review))
    if draw is not None:
        write_file(draw, comparison.draw(source_data, target_data, draw.suffix, landmarks=landmarks))
    if report is not None:
        photos = list(zip(map(str, images), read, strict=True))
        page = _report(comparison, photos, engine.calibration, options, settings, time)
        write_file(report, page)
    return DONE if comparison.matches else DIFFERENT


def _warn(comparison: Comparison, images: Sequence[ImageArgument]) -> None:
    """Name the sources that do not look like the first."""
    from visavis.similarity_scale import shown

    for i, similarity in comparison.strangers:
        complain(
            f"warning: {images[i]} does not look like {images[0]} (similarity {shown(similarity)}); "
            "all sources should show one person"
        )


def _report(
    comparison: Comparison,
    photos: Sequence[tuple[str, bytes]],
    calibration: Calibration,
    options: CompareOptions,
    settings: Settings,
    time: datetime | None,
) -> bytes:
    from visavis.comparison_report import ReportedImage, report_comparison

    *sources, target = (ReportedImage(name, data) for name, data in photos)
    command = click.get_current_context().obj
    return report_comparison(
        comparison,
        sources,
        target,
        calibration=calibration,
        options=options,
        settings=settings,
        command=command,
        time=time,
    )


def _time() -> datetime | None:
    """The time that SOURCE_DATE_EPOCH sets, with which the same comparison gives the same file; None: now."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        return datetime.fromtimestamp(values.whole_number(text, most=_LAST_SECOND), UTC) if text else None
    except values.BadValue as error:
        raise InvalidRequest(f"SOURCE_DATE_EPOCH {error}") from error


def _detail(json: bool, attributes: FieldSet, *, whole: bool) -> Detail:
    from visavis.face import Detail

    if json:
        from visavis.api.response import DETAIL

        return DETAIL[attributes]
    # The text shows only what MINIMAL has. A report has the expressions, and landmarks are drawn with the pupils.
    return Detail.ALL if whole else Detail.MINIMAL


def as_text(comparison: Comparison, images: Sequence[ImageArgument]) -> str:
    """One line for each source and for each face of the target, with its similarity."""
    from visavis.similarity_scale import shown

    *sources, target = images
    lines = [
        f"source     {image}: face at {_place(face)}" for image, face in zip(sources, comparison.sources, strict=True)
    ]
    for verdict, found in (("match", comparison.matches), ("no match", comparison.unmatched)):
        for match in found:
            line = f"{'REVIEW' if match.review else verdict:10} {shown(match.similarity):>6}  {target}: "
            line += f"face at {_place(match.face)}"
            if len(match.by_source) > 1:
                line += f", to each source {', '.join(shown(s) for s in match.by_source)}"
            lines.append(line)
    return "\n".join(lines)


def _review(calibration: Calibration, band: tuple[float, float]) -> str:
    low, high = band
    text = f"above {high:g}: two people of one sex get there once in {1 / calibration.false_match_rate(high):,.0f}"
    missed = calibration.false_non_match_rate(low)
    if missed is not None:
        text += f"; below {low:g}: {100 * missed:.1f} % of one person's photos stay there"
    return f"review     {text}"


def _place(face: Face) -> str:
    box = face.box
    return f"{box.left:.0f},{box.top:.0f} ({box.width:.0f} x {box.height:.0f} pixels)"


def as_json(comparison: Comparison, attributes: FieldSet) -> str:
    """The response to CompareFaces, byte for byte the same as from the server."""
    from visavis.api.compare_faces import render

    return encoded(render(comparison, attributes))
