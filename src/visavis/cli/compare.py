"""`visavis compare SOURCE TARGET`."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from functools import partial

from visavis.api.response import DETAIL, Attributes
from visavis.calibration import Calibration
from visavis.cli import values
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.cli.files import Photo, read_photos, refuse_overwriting, write_file
from visavis.cli.process import DIFFERENT, DONE, complain
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.engine import CompareOptions, Engine
from visavis.errors import InvalidRequest, SourcesDiffer, VisavisError
from visavis.face import Detail, Face, QualityFilter
from visavis.image import decode
from visavis.report import draw_comparison, shown
from visavis.runtime import open_engine

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(wrong_usage=parser.error)
    parser.usage = "visavis compare [options] SOURCE [SOURCE ...] TARGET"
    parser.add_argument(
        "photos", type=values.photo, nargs="+", metavar="PHOTO",
        help="the source, whose largest face is compared (several photos of one person are fused), and last the "
        "target, with whose faces, at most the 100 largest, it is compared; - reads one of them from standard input",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=values.percent, default=DEFAULT_SIMILARITY_THRESHOLD, metavar="0..100",
        help="similarity from which a face is a match (default: %(default)g, a false match rate of 1 in 1,000)",
    )  # fmt: skip
    parser.add_argument(
        "--quality", type=partial(values.one_of, choices=tuple(QualityFilter)), default=QualityFilter.NONE,
        metavar="FILTER", help="faces below this bar are not compared: NONE (default), LOW, AUTO, MEDIUM or HIGH",
    )  # fmt: skip
    parser.add_argument(
        "--review", type=values.percent, nargs=2, metavar=("LOW", "HIGH"),
        help="mark similarities in this band for a person to look at, with the error rates on either side",
    )  # fmt: skip
    parser.add_argument(
        "--draw", type=values.picture_to_write, metavar="OUT.png|OUT.jpg",
        help="write both photos with the faces drawn on them, as the kind of picture that the suffix says",
    )  # fmt: skip
    add_engine_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print Rekognition's response as JSON")
    parser.add_argument(
        "--attributes", type=partial(values.one_of, choices=tuple(Attributes)), default=Attributes.ALL,
        metavar="ALL|DEFAULT",
        help="with --json: every documented field, or those that Amazon's service was recorded to send",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Compare once, print the result as text or JSON, and draw it if asked; returns the exit status."""
    if len(args.photos) < 2:
        args.wrong_usage("two photos are needed at least: a source, or several, and last the target")
    if args.review and args.review[0] > args.review[1]:
        low, high = args.review
        raise InvalidRequest(f"--review must be LOW and then HIGH, not {low:g} and {high:g}")
    refuse_overwriting(args.draw, [photo.path for photo in args.photos])
    settings = engine_settings(args)
    *sources, target = read_photos(args.photos)
    review = tuple(args.review) if args.review else None
    options = CompareOptions(args.threshold, args.quality, review, _detail(args))
    with open_engine(settings, once=True) as engine:
        compare = compare_as_service if args.json else Engine.compare_many
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SourcesDiffer)  # named below, by their files
            comparison = compare(engine, sources, target, options)
        print(as_json(comparison, args.attributes) if args.json else as_text(comparison, args.photos))
        for i, similarity in comparison.strangers:
            complain(
                f"warning: {args.photos[i]} does not look like {args.photos[0]} (similarity {shown(similarity)}); "
                "several sources should all show one person"
            )
        if review and not args.json:
            print(_review(engine.calibration, review))
    if args.draw is not None:
        write_file(args.draw, draw_comparison(decode(sources[0]), decode(target), comparison, args.draw.suffix))
    return DONE if comparison.matches else DIFFERENT


def _detail(args: argparse.Namespace) -> Detail:
    if args.json:
        return DETAIL[Attributes(args.attributes)]
    # What is printed needs no more; the drawing writes no expressions, but its eyes are pupils.
    return Detail.ALL if args.draw else Detail.MINIMAL


def as_text(comparison: Comparison, photos: Sequence[Photo]) -> str:
    *sources, target = photos
    lines = [
        f"source     {photo}: face at {_place(face)}" for photo, face in zip(sources, comparison.sources, strict=True)
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


def as_json(comparison: Comparison, attributes: Attributes) -> str:
    """What every other door answers, word for word."""
    from visavis.api.compare_faces import render
    from visavis.aws.wire import encode

    return encode(render(comparison, attributes)).decode()


def compare_as_service(engine: Engine, sources: Sequence[bytes], target: bytes, options: CompareOptions) -> Comparison:
    """As `Engine.compare_many`.

    Raises:
        InvalidRequest: with Amazon's code, and what went wrong in our words.
    """
    try:
        return engine.compare_many(sources, target, options)
    except VisavisError as error:
        from visavis.api.errors import to_wire

        raise InvalidRequest(f"{to_wire(error).code}: {error}") from error
