"""Which embedder a command compares by."""

from __future__ import annotations

import argparse
from dataclasses import replace

from visavis.settings import Settings

__all__ = ["add_embedder", "settings_of"]


def add_embedder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--embedder", metavar="NAME",
        help="compare by this one of `visavis models list` (default: VISAVIS_EMBEDDER, else the one that ships)",
    )  # fmt: skip


def settings_of(args: argparse.Namespace) -> Settings:
    """The environment's settings, and what the command line says over them.

    Raises:
        SettingsError: a variable holds something it cannot.
    """
    settings = Settings.from_env()
    return replace(settings, embedder=args.embedder) if args.embedder else settings
