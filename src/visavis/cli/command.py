"""Commands and groups of commands: click's, with help that is printed like any output, and our words for mistakes."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from visavis.cli.options import Option

__all__ = ["Command", "Group"]

CONTEXT = {"max_content_width": 110}


def _show_help(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    del param
    if wanted and not ctx.resilient_parsing:
        # click's echo would pass by the stream that tells a full disk from a closed pipe.
        print(ctx.get_help())
        ctx.exit()


class Command(click.Command):
    """A command; its options stand in its help under the headings of their sections."""

    def __init__(self, *args: Any, context_settings: dict[str, Any] | None = None, **attributes: Any) -> None:
        """As `click.Command`."""
        attributes |= {"context_settings": {**CONTEXT, **(context_settings or {})}, "add_help_option": False}
        super().__init__(*args, **attributes)
        self.params.append(_help_option())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
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
    """A command that consists of commands. A name that is none of them is answered by the nearest, and by all."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which the help shows them."""
        del ctx
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            ctx.fail(f"a command is missing; the commands are {', '.join(self.list_commands(ctx))}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx) and not ctx.resilient_parsing:
            self._refuse(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _refuse(self, ctx: click.Context, word: str) -> NoReturn:
        import difflib

        names = self.list_commands(ctx)
        near = difflib.get_close_matches(word.lower(), names, 1)
        meant = f"did you mean {near[0]}? The" if near else "the"
        ctx.fail(f"there is no command {word!r}; {meant} commands are {', '.join(names)}")
