"""Options that choose the engine, the same for every command that has one."""

from __future__ import annotations

import argparse
from dataclasses import replace

from visavis.settings import ACCURACIES, Settings

__all__ = ["add_engine_arguments", "engine_settings"]


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accuracy", choices=ACCURACIES,
        help="high also embeds each face's mirror image: a sixth fewer false non-matches for a third more time "
        "(default: standard, or VISAVIS_ACCURACY)",
    )  # fmt: skip


def engine_settings(args: argparse.Namespace) -> Settings:
    """The environment's settings with the command line's choices over them."""
    settings = Settings.from_env()
    return replace(settings, accuracy=args.accuracy) if args.accuracy else settings
