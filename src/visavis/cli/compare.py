"""`visavis compare SOURCE TARGET`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

from visavis.api.operations import Dispatcher
from visavis.api.request import S3ObjectRef
from visavis.api.response import Attributes
from visavis.aws.policy import LOCAL_CALLER
from visavis.aws.wire import WireError, encode
from visavis.cli.chosen import add_embedder, settings_of
from visavis.cli.files import read_picture, write_file
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.engine import CompareOptions, Engine
from visavis.errors import InvalidRequest
from visavis.face import Face, QualityFilter
from visavis.image import decode
from visavis.report import draw_comparison
from visavis.runtime import open_engine

__all__ = ["add_arguments", "run", "shown"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="photo whose largest face is compared")
    parser.add_argument("target", type=Path, help="photo whose faces it is compared with, at most the 100 largest")
    parser.add_argument(
        "--threshold", type=_percent, default=DEFAULT_SIMILARITY_THRESHOLD, metavar="0..100",
        help="similarity from which a face is a match (default: %(default)g, a false match rate of 1 in 1,000)",
    )  # fmt: skip
    parser.add_argument(
        "--quality", type=QualityFilter, choices=list(QualityFilter), default=QualityFilter.NONE, metavar="FILTER",
        help="faces below this bar are not compared: NONE (default), LOW, AUTO, MEDIUM or HIGH",
    )  # fmt: skip
    add_embedder(parser)
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="write both photos with the faces drawn on them")
    parser.add_argument("--json", action="store_true", help="print Rekognition's response as JSON")
    parser.add_argument(
        "--attributes", type=Attributes, choices=list(Attributes), default=Attributes.ALL, metavar="ALL|DEFAULT",
        help="with --json: every documented field, or those that Amazon's service was recorded to send",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    pictures = read_picture(args.source), read_picture(args.target)
    with open_engine(settings_of(args)) as engine:
        if args.json:
            print(as_json(engine, pictures, args))
        if args.draw is not None or not args.json:
            comparison = engine.compare(*pictures, CompareOptions(args.threshold, args.quality))
    if args.draw is not None:
        source, target = (decode(picture) for picture in pictures)
        write_file(args.draw, draw_comparison(source, target, comparison))
    if not args.json:
        print(as_text(comparison, args.source, args.target))
    return 0


def as_text(comparison: Comparison, source: Path, target: Path) -> str:
    lines = [f"source     {source}: face at {_place(comparison.source)}"]
    for match in comparison.matches:
        lines.append(f"match      {shown(match.similarity)}  {target}: face at {_place(match.face)}")
    for other in comparison.unmatched:
        lines.append(f"no match   {shown(other.similarity)}  {target}: face at {_place(other.face)}")
    return "\n".join(lines)


def shown(similarity: float) -> str:
    """To two decimals, downwards: what is not wholly similar is never shown as 100."""
    return f"{math.floor(similarity * 100) / 100:6.2f}"


def _place(face: Face) -> str:
    box = face.box
    return f"{box.left:.0f},{box.top:.0f} ({box.width:.0f} x {box.height:.0f} pixels)"


class _Files:
    """The two photos as objects of a store: local files may be larger than what a request can carry."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self._pictures = pictures

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        del limit
        return self._pictures[ref.name]


def as_json(engine: Engine, pictures: tuple[bytes, bytes], args: argparse.Namespace) -> str:
    """What every other door answers, word for word.

    Raises:
        InvalidRequest: with Amazon's code and message.
    """
    files = _Files(dict(zip(("source", "target"), pictures, strict=True)))
    source, target = ({"S3Object": {"Bucket": "files", "Name": name}} for name in ("source", "target"))
    params = {
        "SourceImage": source,
        "TargetImage": target,
        "SimilarityThreshold": args.threshold,
        "QualityFilter": args.quality.value,
    }
    try:
        answer = Dispatcher(engine.compare, files, args.attributes).dispatch("CompareFaces", params, LOCAL_CALLER)
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
