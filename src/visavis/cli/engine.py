"""Options that choose the engine, the same for every command that has one."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

from visavis.cli import values
from visavis.settings import ACCURACIES, Settings

__all__ = ["add_engine_arguments", "engine_settings"]


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accuracy", type=partial(values.one_of, choices=ACCURACIES), metavar="|".join(ACCURACIES),
        help="high also embeds each face's mirror image: fewer false non-matches for a third more time "
        "(default: standard, or VISAVIS_ACCURACY)",
    )  # fmt: skip
    parser.add_argument(
        "--embedder", type=values.nonempty, metavar="NAME",
        help="compare by this one of `visavis models list` (default: VISAVIS_EMBEDDER, else the one that ships)",
    )  # fmt: skip
    parser.add_argument(
        "--device", type=values.device, metavar="CPU|GPU|NPU|AUTO",
        help="where the networks run, by OpenVINO's name; GPU.0, GPU.1 where there are several; `visavis doctor` lists "
        "them (default: CPU, or VISAVIS_DEVICE)",
    )  # fmt: skip


def engine_settings(args: argparse.Namespace) -> Settings:
    """The environment's settings with the command line's choices over them.

    Raises:
        SettingsError: a variable holds something it cannot.
    """
    settings = Settings.from_env()
    if args.accuracy:
        settings = replace(settings, accuracy=args.accuracy)
    if args.device:
        settings = replace(settings, device=args.device)
    return replace(settings, embedder=args.embedder) if args.embedder else settings
