"""The parsers of the command line: the program's own, and one for each command, made only when it is asked for."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from visavis import __version__
from visavis.parsing import BadValue

__all__ = ["COMMANDS", "Parser", "parse", "parser_of"]

COMMANDS = {
    "compare": "compare the largest face of one photo with the faces of another",
    "faces": "show every field of every face of one photo",
    "serve": "answer CompareFaces over HTTP, as Amazon Rekognition does",
    "evaluate": "measure error rates on labelled photos and write a report",
    "calibrate": "fit the similarity scale to a labelled set of photos, or check that it holds",
    "models": "list, fetch, verify and carry the networks' files",
    "doctor": "say what this machine has and whether visavis can run",
}


class Parser(argparse.ArgumentParser):
    """Exits with 2 after wrong usage. A `type` may raise BadValue, whose text is shown after the option's name."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"visavis: {message}\n")

    def _get_value(self, action: argparse.Action, arg_string: str) -> object:
        try:
            return super()._get_value(action, arg_string)
        except BadValue as error:
            # Without the usage: its many lines would hide the one that helps.
            name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest).upper()
            self.exit(2, f"visavis: {name} {error}\n")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command and its arguments; `command` is its name.

    Raises:
        SystemExit: with 2 after wrong usage, which is printed; with 0 after `--help` or `--version`.
    """
    if not words or words[0] not in COMMANDS:
        _answer_without_command(words)
    return parser_of(words[0]).parse_args(words[1:], argparse.Namespace(command=words[0]))


def _answer_without_command(words: Sequence[str]) -> NoReturn:
    parser = Parser(
        prog="visavis", description="Compare faces on your own machine, as Amazon Rekognition's CompareFaces does."
    )
    parser.add_argument("--version", action="version", version=f"visavis {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary)
    if not words:
        parser.print_help(sys.stderr)
        parser.exit(2)
    if not words[0].startswith("-"):
        parser.error(_no_such_command(words[0]))
    parser.parse_args(words)
    parser.error("the command comes first, then its options")


def parser_of(command: str) -> Parser:
    """The parser of what comes after the name of a command."""
    summary = COMMANDS[command]
    parser = Parser(prog=f"visavis {command}", description=summary[0].upper() + summary[1:] + ".")
    import_module(f"visavis.cli.{command}").add_arguments(parser)
    return parser


def _no_such_command(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), COMMANDS, 1)
    meant = f"did you mean {near[0]}? The" if near else "the"
    return f"there is no command {word!r}; {meant} commands are {', '.join(COMMANDS)}"
