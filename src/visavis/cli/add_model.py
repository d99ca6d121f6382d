"""`visavis models add FILE`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

from visavis.cli import values
from visavis.errors import InvalidRequest
from visavis.models.manifest import Build
from visavis.models.user_provided import INPUTS, TEMPLATES, add_embedder, input_of
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = ["add", "add_arguments_of_add"]


def add_arguments_of_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=values.existing_file, metavar="FILE", help="an ONNX network from one 112x112 picture to one vector"
    )
    parser.add_argument("--name", type=values.model_name, required=True, help="what --embedder will call it")
    parser.add_argument(
        "--template", type=partial(values.one_of, choices=TEMPLATES), required=True, metavar="|".join(TEMPLATES),
        help="where its faces' eyes, nose and mouth lie",
    )  # fmt: skip
    fed = parser.add_argument_group("what its input takes, which the file does not tell")
    fed.add_argument(
        "--input", type=partial(values.one_of, choices=tuple(INPUTS)), metavar="INPUT",
        help=f"one of {', '.join(INPUTS)}; or instead:",
    )  # fmt: skip
    fed.add_argument("--colour", type=partial(values.one_of, choices=("RGB", "BGR")), metavar="RGB|BGR")
    fed.add_argument(
        "--mean", type=values.number, metavar="M", help="with --scale: (value - M) / S of pixels in 0..255"
    )
    fed.add_argument("--scale", type=partial(values.number, nonzero=True), metavar="S")
    fed.add_argument(
        "--layout", type=partial(values.one_of, choices=("NCHW", "NHWC")), default="NCHW", metavar="NCHW|NHWC",
        help="default: %(default)s; checked",
    )  # fmt: skip
    parser.add_argument(
        "--licence", type=values.nonempty, default="not stated", metavar="TEXT", help="for `visavis models list`"
    )
    parser.add_argument(
        "--calibrate", type=values.existing_folder, metavar="FOLDER",
        help="fit its similarity scale to this labelled folder",
    )  # fmt: skip
    parser.add_argument(
        "--group", type=values.nonempty, metavar="COLUMN", help="with --calibrate: as of `visavis calibrate`"
    )
    parser.add_argument(
        "--work", type=partial(values.output_file, in_place=True), metavar="FILE",
        help="with --calibrate: as of `visavis calibrate`",
    )  # fmt: skip


def add(args: argparse.Namespace, settings: Settings) -> int:
    build = _build_of(args)
    data = None
    if args.calibrate is not None:
        # A folder that will not do is refused before anything is taken.
        from visavis.cli.calibrate import calibrate_own, labelled

        data = labelled(args.calibrate, column=args.group)
    elif args.group or args.work:
        raise InvalidRequest("--group and --work go with --calibrate")
    model = add_embedder(
        open_store(settings), settings.embedders, args.file, name=args.name, build=build, licence=args.licence
    )
    print(f"added {model.name}, sha256 {model.sha256}, {input_of(model.build)}")
    if data is None:
        print(f"it compares nothing yet; calibrate it: visavis calibrate FOLDER --embedder {model.name}")
    else:
        calibrate_own(data, replace(settings, embedder=model.name), work=args.work)
    return 0


def _build_of(args: argparse.Namespace) -> Build:
    by_hand = (args.colour, args.mean, args.scale)
    if args.input is not None:
        if by_hand != (None, None, None):
            raise InvalidRequest("--input says colour, mean and scale; name it or them, not both")
        return replace(INPUTS[args.input], layout=args.layout)
    if None in by_hand:
        raise InvalidRequest("say what the network's input takes: --input, or --colour, --mean and --scale together")
    return Build("onnx", args.layout, args.colour, args.mean, args.scale)
