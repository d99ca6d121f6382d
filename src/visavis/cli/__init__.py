"""The command line: `visavis COMMAND`. Each command has a file, which is imported only when the command runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

# Little is imported here, because Ctrl-C prints a Python traceback until `main` runs.
from visavis.cli.process import end_process, run, run_process

__all__ = ["command", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; default: the words of this process. Signal handlers and standard
            streams are set up only with the default, because the process then belongs to this command.

    Returns:
        The exit status; `visavis.cli.process` lists them.
    """
    if argv is None:
        return run_process(lambda: _command(sys.argv[1:]))
    return run(lambda: _command(argv))


def command() -> NoReturn:
    """What `visavis` and `python -m visavis` run: one command, as `main` does, and then the process ends."""
    end_process(lambda: _command(sys.argv[1:]))


def _command(words: Sequence[str]) -> int:
    from visavis.cli.program import run_words

    return run_words(words)
