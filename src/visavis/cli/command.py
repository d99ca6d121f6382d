"""click's commands and groups, with options by section in the help, help on standard output, and our error texts."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from visavis.cli.options import Option

__all__ = ["Command", "Group"]

CONTEXT = {"max_content_width": 110}


def _show_help(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    del param
    if wanted and not ctx.resilient_parsing:
        # click's echo bypasses the stream of `process` that tells a full disk from a closed pipe.
        print(ctx.get_help())
        ctx.exit()


class Command(click.Command):
    """A command. Its help lists the options under the headings of their sections."""

    def __init__(self, *args: Any, context_settings: dict[str, Any] | None = None, **attributes: Any) -> None:
        """Create a command. The arguments are those of `click.Command`."""
        attributes |= {"context_settings": {**CONTEXT, **(context_settings or {})}, "add_help_option": False}
        super().__init__(*args, **attributes)
        self.params.append(_help_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command.

        Raises:
            UsageError: the words are wrong; it has the context, which click's parser does not give to every error.
        """
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, Option):
                sections.setdefault(param.section, []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _help_option() -> Option:
    return Option(
        ["-h", "--help"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        allow_from_autoenv=False,
        callback=_show_help,
        help="Show this text.",
    )


class Group(Command, click.Group):
    """A command that consists of commands. The error for an unknown name suggests the nearest and lists all."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        del ctx
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options and then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, the first of which must be a command.

        Raises:
            UsageError: there are no words; the text lists the commands.
        """
        if not args and not ctx.resilient_parsing:
            ctx.fail(f"a command is missing; the commands are {', '.join(self.list_commands(ctx))}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Raises:
            UsageError: there is no such command; the text suggests the nearest and lists all.
        """
        if args[0] not in self.list_commands(ctx) and not ctx.resilient_parsing:
            self._refuse(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _refuse(self, ctx: click.Context, word: str) -> NoReturn:
        import difflib

        names = self.list_commands(ctx)
        near = difflib.get_close_matches(word.lower(), names, 1)
        meant = f"did you mean {near[0]}? The" if near else "the"
        ctx.fail(f"there is no command {word!r}; {meant} commands are {', '.join(names)}")
