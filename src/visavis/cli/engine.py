"""Options that stand for settings: the same, with the same environment variables, for every command that has them.

The variables are read by `Settings` alone. Here they are only named, for the help of the commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import click

from visavis.cli import values
from visavis.cli.options import Option, choice, flag, option
from visavis.settings import ACCURACIES, MOST_THREADS, Settings

__all__ = ["ENGINE", "SERVER", "STORE", "settings_options"]

Function = Callable[..., Any]


class Setting(Option):
    """An option over a setting; what its variable says, `Settings` has read."""

    def value_from_envvar(self, ctx: click.Context) -> None:
        del ctx


_OPTIONS: dict[str, Callable[[Function], Function]] = {
    "home": option(
        "--home",
        cls=Setting,
        parse=values.folder_to_make,
        metavar="FOLDER",
        envvar="VISAVIS_HOME",
        help="Where the networks' files are kept.",
        show_default="this user's cache folder",
    ),
    "offline": flag(
        "--offline", cls=Setting, default=None, envvar="VISAVIS_OFFLINE", help="Never fetch a network's file."
    ),
    "accuracy": option(
        "--accuracy",
        cls=Setting,
        parse=choice(ACCURACIES),
        envvar="VISAVIS_ACCURACY",
        help="high also embeds each face's mirror image: fewer false non-matches for a third more time.",
        show_default="standard",
    ),
    "embedder": option(
        "--embedder",
        cls=Setting,
        parse=values.nonempty,
        metavar="NAME",
        envvar="VISAVIS_EMBEDDER",
        help="Compare by this one of `visavis models list`.",
        show_default="the one that ships",
    ),
    "device": option(
        "--device",
        cls=Setting,
        parse=values.device,
        metavar="CPU|GPU|NPU|AUTO",
        envvar="VISAVIS_DEVICE",
        help="Where the networks run, by OpenVINO's name; GPU.0, GPU.1 where there are several; `visavis doctor` lists "
        "them.",
        show_default="CPU",
    ),
    "threads": option(
        "--threads",
        cls=Setting,
        parse=partial(values.whole_number, least=1, most=MOST_THREADS),
        metavar="N",
        envvar="VISAVIS_THREADS",
        help="Images that are analysed at once.",
        show_default="the cores that this process may use",
    ),
    "face_cache_size": option(
        "--face-cache",
        "face_cache_size",
        cls=Setting,
        parse=values.whole_number,
        metavar="N",
        envvar="VISAVIS_FACE_CACHE",
        section="Load",
        help="Keep the faces of the N images used last in memory, not the images, so that they are not analysed again.",
        show_default="0",
    ),
}
"""By field of `Settings`."""

STORE = ("home", "offline")
ENGINE = ("accuracy", "embedder", "device", "threads", *STORE)
SERVER = ("face_cache_size", *ENGINE)


def settings_options(fields: tuple[str, ...]) -> Callable[[Function], Function]:
    """Give a command options for these fields of `Settings`.

    The command's function gets `settings`: the environment's, with the values of the command line over them.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def with_settings(**given: Any) -> Any:
            chosen = {field: given.pop(field) for field in fields}
            settings = replace(Settings.from_env(), **{k: v for k, v in chosen.items() if v is not None})
            return function(settings=settings, **given)

        decorated: Function = with_settings
        for field in reversed(fields):
            decorated = _OPTIONS[field](decorated)
        return decorated

    return decorate
