"""The command line: `visavis COMMAND`. One small file a command; each is imported only when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# Little else is imported here, because until `main` runs Ctrl-C prints Python's own traceback.
from visavis.cli.process import run, run_process

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, which `visavis.cli.process` lists.

    Args:
        argv: the words after the program's name. Without them, those of the process, whose signals and streams are
            then taken to be this command's own.
    """
    if argv is None:
        return run_process(lambda: _command(sys.argv[1:]))
    return run(lambda: _command(argv))


def _command(words: Sequence[str]) -> int:
    from visavis.cli.program import run_words

    return run_words(words)
