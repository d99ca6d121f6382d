"""Options that the commands about labelled images share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from visavis.cli import values
from visavis.cli.options import option

__all__ = ["errata_option", "resume_option"]

RESUME = "Keep embeddings in this file and continue from it after an interruption; it contains personal data."


def errata_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--errata` to a command, which gets it as `errata`: a file or None."""
    return option("--errata", parse=values.existing_file, metavar="FILE", help="A CSV file of known label errors.")(
        function
    )


def resume_option(text: str = RESUME) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the option `--resume` to a command, which gets it as `resume`: a file or None."""
    return option("--resume", parse=partial(values.output_file, in_place=True), metavar="FILE", help=text)
