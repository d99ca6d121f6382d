"""Options that the commands about labelled images share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from visavis.cli import values
from visavis.cli.options import option

__all__ = ["errata_option", "resume_option"]

RESUME = "Write embeddings here as they come, and go on from it after an interruption; it holds personal data."


def errata_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `errata`, a file or None."""
    return option(
        "--errata", parse=values.existing_file, metavar="FILE", help="A CSV file of what is wrong with the set."
    )(function)


def resume_option(text: str = RESUME) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `resume`, a file or None."""
    return option("--resume", parse=partial(values.output_file, in_place=True), metavar="FILE", help=text)
