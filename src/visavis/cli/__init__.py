"""The command line: `visavis COMMAND`. One small file a command; each is imported only when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from visavis import __version__
from visavis.errors import VisavisError

__all__ = ["main"]

_COMMANDS = {
    "compare": "compare the largest face of one photo with the faces of another",
    "faces": "show every field of every face of one photo",
    "serve": "answer CompareFaces over HTTP, as Amazon Rekognition does",
    "evaluate": "measure error rates on labelled photos and write a report",
    "calibrate": "fit the similarity scale to a labelled set of photos, or check that it holds",
    "models": "list, fetch, verify and carry the networks' files",
    "doctor": "say what this machine has and whether visavis can run",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 a problem that is named on standard error, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="visavis", description="Compare faces on your own machine, as Amazon Rekognition's CompareFaces does."
    )
    parser.add_argument("--version", action="version", version=f"visavis {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    # OpenCV's own threads would fight with the engine's for the cores. Read when it is first imported.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    for name, summary in _COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if words and words[0] == name:
            import_module(f"visavis.cli.{name}").add_arguments(sub)
    args = parser.parse_args(words)
    try:
        return int(import_module(f"visavis.cli.{args.command}").run(args))
    except VisavisError as error:
        print(f"visavis: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of our output has gone, `| head` for one; nothing is wrong.
        sys.stderr.close()
    except KeyboardInterrupt:
        print("visavis: stopped", file=sys.stderr)
    return 1
