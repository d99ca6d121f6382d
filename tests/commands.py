"""The commands of the command line, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from visavis.cli.program import program

TOP = click.Context(program, info_name="visavis")


def commands() -> dict[str, click.Command]:
    """Every command by its words, such as "models add"; groups are left out."""
    return dict(_below(program, ""))


def _below(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(TOP):
        command = group.get_command(TOP, name)
        assert command is not None
        path = f"{words} {name}".strip()
        if isinstance(command, click.Group):
            yield from _below(command, path)
        else:
            yield path, command


def parse(words: list[str]) -> dict[str, Any]:
    """What a command's function would be given for these words."""
    for count in (2, 1):
        if command := commands().get(" ".join(words[:count])):
            return command.make_context(" ".join(words[:count]), words[count:]).params
    raise AssertionError(f"no command: {words}")
