"""Options and arguments for click. Functions of `visavis.cli.values` parse and check the values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from visavis.cli import values
from visavis.errors import InvalidRequest
from visavis.parsing import BadValue
from visavis.parsing import flag as parse_flag

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "Choice",
    "Option",
    "Parsed",
    "argument",
    "choice",
    "flag",
    "landmarks_flag",
    "name_of",
    "option",
    "quality_option",
]

Function = TypeVar("Function", bound=Callable[..., Any])

BETWEEN_VALUES = ","
"""Separates the values of a repeatable option in its environment variable."""


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A parse function as a click type. A `BadValue` becomes an error that names the option or variable.

    Args:
        parse: maps text to a value, and raises `BadValue`.
    """

    name = "text"

    def __init__(self, parse: Callable[[str], object]) -> None:
        self.parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Parse the text of an option, an argument or an environment variable.

        Raises:
            InvalidRequest: the text is wrong; the error names the option, argument or variable.
        """
        # A default may be a parsed value already. Shell completion needs no values.
        if not isinstance(value, str) or param is None or ctx is None or ctx.resilient_parsing:
            return value
        try:
            return self.parse(value)
        except BadValue as error:
            raise InvalidRequest(f"{name_of(param, ctx)} {error}") from error

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete the names of files or folders, if the value is one."""
        from click.shell_completion import CompletionItem

        del ctx, param
        function = self.parse.func if isinstance(self.parse, partial) else self.parse
        kind = "file" if function in values.FILES else "dir" if function in values.FOLDERS else ""
        return [CompletionItem(incomplete, type=kind)] if kind else []


class Choice(Parsed):
    """One of several names. Upper and lower case are the same.

    Args:
        choices: returns the names. It is called only when they are needed, because importing them may be slow.
    """

    name = "choice"

    def __init__(self, choices: Callable[[], Iterable[str]]) -> None:
        super().__init__(lambda text: values.one_of(text, choices()))
        self.choices = choices

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The names with bars between them, for the help."""
        del param, ctx
        return "|".join(self.choices())

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin with the incomplete word."""
        from click.shell_completion import CompletionItem

        del ctx, param
        return [CompletionItem(str(c)) for c in self.choices() if c.lower().startswith(incomplete.lower())]


class Option(click.Option):
    """An option that also has an environment variable, if its command has a prefix for variables.

    The arguments are those of `click.Option` and `section`, the heading over the option in the help of the command.
    `show_default` may also be a function that returns the text. It is called only for the help, because it may import.
    """

    def __init__(self, *args: Any, section: str = "Options", **attributes: Any) -> None:
        super().__init__(*args, **{"show_default": True, "show_envvar": True, **attributes})
        self.section = section

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The two columns of the help. A choice with a metavar lists its names in the text."""
        if callable(self.show_default):
            self.show_default = self.show_default()
        record = super().get_help_record(ctx)
        if record is not None and self.metavar and isinstance(self.type, Choice):
            return record[0], f"{record[1]} One of {', '.join(self.type.choices())}."
        return record

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """The value of the environment variable; None where it is not set or empty.

        Returns:
            The text; a list of texts if the option is repeatable; a bool if it is a flag.

        Raises:
            InvalidRequest: the option is a flag and the text is neither yes nor no.
        """
        text = self.resolve_envvar_value(ctx)
        if text is None or not text.strip():
            return None
        if self.is_flag:
            try:
                return parse_flag(text)
            except BadValue as error:
                raise InvalidRequest(f"{_variable_of(self, ctx)} {error}") from error
        if self.multiple:
            return [part.strip() for part in text.split(BETWEEN_VALUES) if part.strip()]
        return text


def name_of(param: click.Parameter, ctx: click.Context) -> str:
    """The name that a user knows a parameter by: that of an option, an argument or an environment variable."""
    if ctx.get_parameter_source(param.name or "") is click.core.ParameterSource.ENVIRONMENT:
        return _variable_of(param, ctx)
    if isinstance(param, click.Argument):
        return (param.metavar or param.human_readable_name).strip("[.]")
    return max(param.opts, key=len)


def _variable_of(param: click.Parameter, ctx: click.Context) -> str:
    return f"{ctx.auto_envvar_prefix}_{param.name}".upper()


def option(
    *names: str, parse: Callable[[str], object] | Parsed, cls: type[Option] = Option, **attributes: Any
) -> Callable[[Function], Function]:
    """Add an option with a value to a command. `parse` maps its text to the value."""
    parsed = parse if isinstance(parse, Parsed) else Parsed(parse)
    return click.option(*names, cls=cls, type=parsed, **attributes)


def flag(name: str, *, cls: type[Option] = Option, **attributes: Any) -> Callable[[Function], Function]:
    """Add an option without a value to a command."""
    return click.option(name, cls=cls, is_flag=True, **attributes)


def argument(
    name: str, *, parse: Callable[[str], object], metavar: str, **attributes: Any
) -> Callable[[Function], Function]:
    """Add an argument to a command. `parse` maps its text to the value."""
    return click.argument(name, type=Parsed(parse), metavar=metavar, **attributes)


def choice(choices: Iterable[str] | Callable[[], Iterable[str]]) -> Choice:
    """The type of an option with several names to choose from, given as values or as a function."""
    return Choice(choices if callable(choices) else partial(tuple, tuple(choices)))


landmarks_flag = flag("--landmarks", help="With --draw: also draw landmarks and the axes of the pose.")

quality_option = option(
    "--quality",
    parse=choice(values.quality_filters),
    default="NONE",
    help="Faces below this quality are not compared.",
)
