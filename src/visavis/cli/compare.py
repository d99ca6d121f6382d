"""`visavis compare SOURCE TARGET`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visavis.api.response import Attributes
from visavis.calibration import Calibration
from visavis.cli.engine import add_engine_arguments, engine_settings
from visavis.cli.files import read_picture, write_file
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.engine import CompareOptions, Engine
from visavis.errors import InvalidRequest
from visavis.face import Detail, Face, QualityFilter
from visavis.image import decode
from visavis.report import draw_comparison, shown
from visavis.runtime import open_engine

if TYPE_CHECKING:
    from visavis.api.request import S3ObjectRef

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(wrong_usage=parser.error)
    parser.usage = "visavis compare [options] SOURCE [SOURCE ...] TARGET"
    parser.add_argument(
        "photos", type=Path, nargs="+", metavar="PHOTO",
        help="the source, whose largest face is compared (several photos of one person are fused), and last the "
        "target, with whose faces, at most the 100 largest, it is compared",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=_percent, default=DEFAULT_SIMILARITY_THRESHOLD, metavar="0..100",
        help="similarity from which a face is a match (default: %(default)g, a false match rate of 1 in 1,000)",
    )  # fmt: skip
    parser.add_argument(
        "--quality", type=QualityFilter, choices=list(QualityFilter), default=QualityFilter.NONE, metavar="FILTER",
        help="faces below this bar are not compared: NONE (default), LOW, AUTO, MEDIUM or HIGH",
    )  # fmt: skip
    parser.add_argument(
        "--review", type=_percent, nargs=2, metavar=("LOW", "HIGH"),
        help="mark similarities in this band for a person to look at, with the error rates on either side",
    )  # fmt: skip
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="write both photos with the faces drawn on them")
    add_engine_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print Rekognition's response as JSON")
    parser.add_argument(
        "--attributes", type=Attributes, choices=list(Attributes), default=Attributes.ALL, metavar="ALL|DEFAULT",
        help="with --json: every documented field, or those that Amazon's service was recorded to send",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if len(args.photos) < 2:
        args.wrong_usage("two photos are needed at least: a source, or several, and last the target")
    *sources, target = (read_picture(path) for path in args.photos)
    options = CompareOptions(
        args.threshold,
        args.quality,
        tuple(args.review) if args.review else None,
        # What is printed needs no more; the drawing writes no expressions, but its eyes are pupils.
        Detail.FULL if args.draw else Detail.PLAIN,
    )
    with open_engine(engine_settings(args), once=True) as engine:
        if args.json:
            print(as_json(engine, sources, target, args))
        if args.draw is None and args.json:
            return 0
        comparison = engine.compare_many(sources, target, options)
        if not args.json:
            print(as_text(comparison, args.photos))
            if options.review:
                print(_review(engine.calibration, options.review))
    if args.draw is not None:
        write_file(args.draw, draw_comparison(decode(sources[0]), decode(target), comparison))
    return 0


def as_text(comparison: Comparison, photos: Sequence[Path]) -> str:
    *sources, target = photos
    faces = comparison.sources or (comparison.source,)
    lines = [f"source     {path}: face at {_place(face)}" for path, face in zip(sources, faces, strict=True)]
    for verdict, found in (("match", comparison.matches), ("no match", comparison.unmatched)):
        for match in found:
            line = f"{'REVIEW' if match.review else verdict:10} {shown(match.similarity):>6}  {target}: "
            line += f"face at {_place(match.face)}"
            if match.by_source:
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


class _Files:
    """The photos as objects of a store: local files may be larger than what a request can carry."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self._pictures = pictures

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        del limit
        return self._pictures[ref.name]


def as_json(engine: Engine, sources: Sequence[bytes], target: bytes, args: argparse.Namespace) -> str:
    """What every other door answers, word for word.

    Raises:
        InvalidRequest: with Amazon's code and what went wrong.
    """
    # Not needed for anything else here, and not small.
    from visavis.api.operations import Dispatcher
    from visavis.aws.policy import LOCAL_CALLER
    from visavis.aws.wire import WireError, encode

    def compare(_: bytes, target: bytes, options: CompareOptions) -> Comparison:
        return engine.compare_many(sources, target, options)

    files = _Files({"source": sources[0], "target": target})
    params = {
        "SourceImage": {"S3Object": {"Bucket": "files", "Name": "source"}},
        "TargetImage": {"S3Object": {"Bucket": "files", "Name": "target"}},
        "SimilarityThreshold": args.threshold,
        "QualityFilter": args.quality.value,
    }
    try:
        answer = Dispatcher(compare, files, args.attributes).dispatch("CompareFaces", params, LOCAL_CALLER)
    except WireError as error:
        raise InvalidRequest(f"{error.code}: {error.__cause__ or error.message}") from error
    return encode(answer).decode()


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100")
    return value
