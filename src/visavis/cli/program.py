"""The program: its commands, the errors about wrong usage, and shell completion."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from visavis import __version__
from visavis.cli.command import Command, Group
from visavis.cli.options import Choice, Option
from visavis.cli.process import DONE, PROBLEM, complain, say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "program", "run_words"]

COMMANDS = {
    "compare": "Compare the largest face of one photo with the faces of another.",
    "faces": "Describe the faces of one photo: place, pose, quality, expression and gaze.",
    "batch": "Compare many pairs of photos, each analysed once, and write a row for each.",
    "serve": "Answer CompareFaces and DetectFaces over HTTP, as Amazon Rekognition does.",
    "evaluate": "Measure error rates on labelled photos and write a report.",
    "calibrate": "Fit the similarity scale to a labelled set of photos, or check that it holds.",
    "models": "List, fetch, verify, export and import the networks' files.",
    "doctor": "Show what this machine has and whether visavis can run.",
}
"""Name and summary of each command. The module `visavis.cli.NAME` defines the command NAME."""

COMPLETION = "_VISAVIS_COMPLETE"
"""The variable that asks the program for completions. click's shell scripts set it."""


class Program(Group):
    """The group of all commands. A command is imported when it is used; help and completion need only the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"visavis.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries of the commands."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin with the incomplete word."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return found + Command.shell_complete(self, ctx, incomplete)


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    del param
    if wanted and not ctx.resilient_parsing:
        print(f"visavis {__version__}")
        ctx.exit()


program = Program(
    "visavis",
    help="Answer Amazon Rekognition's CompareFaces and DetectFaces on your own machine.",
    params=[
        Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version.",
        )
    ],
)


def run_words(words: Sequence[str]) -> int:
    """Run the command that `words`, which follow the program's name, describe, and return the exit status.

    `click.Command.main` is not used, because it replaces the KeyboardInterrupt of Ctrl-C and prints a message.
    """
    if instruction := os.environ.get(COMPLETION):
        return _complete(instruction)
    if not words:
        say(program.get_help(click.Context(program, info_name="visavis", **program.context_settings)))
        return PROBLEM
    try:
        # A report shows the words, and click keeps only what they mean.
        with program.make_context("visavis", [*words], obj=("visavis", *words)) as context:
            return int(program.invoke(context) or DONE)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        return _wrong_usage(error)


def _wrong_usage(error: click.UsageError) -> int:
    text = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption):
        text = f"there is no option {error.option_name}"
        if error.ctx is not None and error.ctx.command is program:
            text += " of visavis itself; the command comes first, then its options"
        elif error.possibilities:
            text += f"; did you mean {error.possibilities[0]}?"
        elif error.ctx is not None:
            text += f"; `{error.ctx.command_path} --help` lists the options"
    elif isinstance(error, click.BadOptionUsage) and error.ctx is not None:
        text += _right_use(error.option_name, error.ctx.command)
    if error.ctx is not None:
        say(error.ctx.get_usage())
    complain(text[:1].lower() + text[1:])
    return PROBLEM


def _right_use(option_name: str, command: click.Command) -> str:
    """What would be right for an option with a missing value; empty for one that takes none."""
    (param,) = (param for param in command.params if option_name in param.opts)
    if isinstance(param, click.Option) and param.is_flag:
        return ""
    metavar = param.type.get_metavar(param) if isinstance(param.type, Choice) else param.metavar
    return f"; give {option_name} {metavar}"


def _complete(instruction: str) -> int:
    from click.shell_completion import get_completion_class

    shell, _, step = instruction.partition("_")
    kind = get_completion_class(shell)
    if kind is None or step not in ("source", "complete"):
        complain(f"{COMPLETION} must be bash_source, zsh_source or fish_source, not {instruction!r}")
        return PROBLEM
    completion = kind(program, {}, "visavis", COMPLETION)
    print(completion.source() if step == "source" else completion.complete())
    return DONE
