"""`visavis models add FILE`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.command import Command
from visavis.cli.engine import STORE, settings_options
from visavis.cli.labelled import resume_option
from visavis.cli.options import argument, choice, option
from visavis.cli.process import DONE
from visavis.errors import InvalidRequest

if TYPE_CHECKING:
    from visavis.models.model_file import Build, Colour, Layout
    from visavis.settings import Settings

__all__ = ["add"]

INPUT = "The network's input, which the file does not describe"


@click.command("add", cls=Command)
@argument("file", parse=values.existing_file, metavar="FILE")
@option("--name", parse=values.model_name, required=True, metavar="NAME", help="The name for --embedder.")
@option(
    "--template",
    parse=choice(values.templates),
    required=True,
    help="The positions of eyes, nose and mouth in its input.",
)
@option("--input", parse=choice(values.inputs), metavar="INPUT", section=INPUT, help="Colour, mean and scale, by name.")
@option("--colour", parse=choice(("RGB", "BGR")), section=INPUT, help="Instead of --input.")
@option("--mean", parse=values.number, metavar="M", section=INPUT, help="With --scale: (value - M) / S of 0..255.")
@option("--scale", parse=partial(values.number, nonzero=True), metavar="S", section=INPUT, help="With --mean.")
@option(
    "--layout",
    parse=choice(("NCHW", "NHWC")),
    default="NCHW",
    section=INPUT,
    help="The order of its axes; it is checked.",
)
@option(
    "--licence", parse=values.nonempty, default="not stated", metavar="TEXT", help="Shown by `visavis models list`."
)
@option(
    "--calibrate",
    parse=values.existing_folder,
    metavar="FOLDER",
    help="Fit the similarity scale to this labelled folder.",
)
@option("--group", parse=values.nonempty, metavar="COLUMN", help="With --calibrate: as in `visavis calibrate`.")
@resume_option("With --calibrate: as in `visavis calibrate`.")
@settings_options(STORE)
def add(
    *,
    settings: Settings,
    file: Path,
    name: str,
    template: str,
    input: str | None,  # noqa: A002
    colour: Colour | None,
    mean: float | None,
    scale: float | None,
    layout: Layout,
    licence: str,
    calibrate: Path | None,
    group: str | None,
    resume: Path | None,
) -> int:
    """Add FILE as an embedder of your own.

    FILE is an ONNX network that maps one 112x112 image to one vector.
    """
    from visavis.models.user_provided import add_embedder, input_of
    from visavis.runtime import open_store

    del template  # there is only one
    build = _build_of(input, colour, mean, scale, layout)
    if calibrate is not None:
        from visavis.evaluate import check_folder

        # An unsuitable folder is refused before the model is added.
        check_folder(calibrate, group=group)
    elif group or resume:
        raise InvalidRequest("--group and --resume need --calibrate")
    model = add_embedder(open_store(settings), settings.embedders, file, name=name, build=build, licence=licence)
    print(f"added {model.name}, sha256 {model.sha256}, {input_of(model.build)}")
    if calibrate is None:
        print(f"calibrate it before use: visavis calibrate FOLDER --embedder {model.name}")
    else:
        from visavis.cli.calibrate import calibrate_own

        calibrate_own(calibrate, replace(settings, embedder=model.name), group=group, resume=resume)
    return DONE


def _build_of(
    name: str | None, colour: Colour | None, mean: float | None, scale: float | None, layout: Layout
) -> Build:
    from visavis.models.model_file import Build
    from visavis.models.user_provided import INPUTS

    if name is not None:
        if (colour, mean, scale) != (None, None, None):
            raise InvalidRequest("--input sets colour, mean and scale; give either it or --colour, --mean and --scale")
        return replace(INPUTS[name], layout=layout)
    if colour is None or mean is None or scale is None:
        raise InvalidRequest("the network's input must be described: give --input, or --colour, --mean and --scale")
    return Build("onnx", layout, colour, mean, scale)
