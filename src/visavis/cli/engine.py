"""Options for settings. Every command with one of them has the same option with the same environment variable.

Only `Settings` reads the variables. This module names them because the help of the commands shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from visavis.cli import process, values
from visavis.cli.options import Option, choice, flag, option
from visavis.settings import ACCURACIES, MOST_THREADS, PRECISIONS, Settings

if TYPE_CHECKING:
    from visavis.engine import Engine

__all__ = ["ENGINE", "SERVER", "STORE", "engine_for_one", "settings_options"]

Function = Callable[..., Any]


class Setting(Option):
    """An option that overrides a setting. It does not read its variable, because `Settings` does."""

    def value_from_envvar(self, ctx: click.Context) -> None:
        """None: the variable is left to `Settings`."""
        del ctx


_OPTIONS: dict[str, Callable[[Function], Function]] = {
    "home": option(
        "--home",
        cls=Setting,
        parse=values.folder_to_make,
        metavar="FOLDER",
        envvar="VISAVIS_HOME",
        help="Folder of the networks' files.",
        show_default="this user's cache folder",
    ),
    "data_home": option(
        "--data-home",
        cls=Setting,
        parse=values.folder_to_make,
        metavar="FOLDER",
        envvar="VISAVIS_DATA_HOME",
        help="Folder of the embedders that you added.",
        show_default="this user's data folder",
    ),
    "offline": flag(
        "--offline", cls=Setting, default=None, envvar="VISAVIS_OFFLINE", help="Never download a network's file."
    ),
    "accuracy": option(
        "--accuracy",
        cls=Setting,
        parse=choice(ACCURACIES),
        envvar="VISAVIS_ACCURACY",
        help="high also embeds each face's mirror image: fewer false non-matches, and a third more time.",
        show_default="standard",
    ),
    "embedder": option(
        "--embedder",
        cls=Setting,
        parse=values.nonempty,
        metavar="NAME",
        envvar="VISAVIS_EMBEDDER",
        help="The embedder to compare with, by its name in `visavis models list`.",
        show_default="the shipped one",
    ),
    "device": option(
        "--device",
        cls=Setting,
        parse=values.device,
        metavar="CPU|GPU|NPU|AUTO",
        envvar="VISAVIS_DEVICE",
        help="Where the networks run, by OpenVINO's name; GPU.0, GPU.1 if there are several; `visavis doctor` lists "
        "them.",
        show_default="CPU",
    ),
    "precision": option(
        "--precision",
        cls=Setting,
        parse=choice(PRECISIONS),
        envvar="VISAVIS_PRECISION",
        help="bf16 is faster on processors with AVX512_BF16 or AMX, and moves similarities a little.",
        show_default="f32",
    ),
    "threads": option(
        "--threads",
        cls=Setting,
        parse=partial(values.whole_number, least=1, most=MOST_THREADS),
        metavar="N",
        envvar="VISAVIS_THREADS",
        help="Images that are analysed at the same time.",
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
        help="Keep the faces of the N most recent images in memory (not the images), so as not to analyse them again.",
        show_default="0",
    ),
}
"""The options by field of `Settings`."""

STORE = ("home", "data_home", "offline")
ENGINE = ("accuracy", "embedder", "device", "precision", "threads", *STORE)
SERVER = ("face_cache_size", *ENGINE)


def settings_options(fields: tuple[str, ...]) -> Callable[[Function], Function]:
    """Add options for these fields of `Settings` to a command.

    The function of the command gets `settings`, which are those of the environment with the options over them.
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


_kept: list[Engine] = []


@contextmanager
def engine_for_one(settings: Settings) -> Iterator[Engine]:
    """Open an engine for the only analysis of a command, as fast as possible.

    It is closed unless the process ends with the command, because destroying the networks takes 50 ms.
    """
    from visavis.runtime import open_engine

    engine = open_engine(settings, once=True)
    if process.OWNED:
        _kept.append(engine)
    try:
        yield engine
    finally:
        if not process.OWNED:
            engine.close()
