"""`visavis models list|fetch|verify|path|export|import|add|remove`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli import values
from visavis.cli.add_model import add
from visavis.cli.command import Group
from visavis.cli.engine import STORE, settings_options
from visavis.cli.options import argument
from visavis.cli.process import DONE, PROBLEM

if TYPE_CHECKING:
    from visavis.models.store import ModelStore, Status
    from visavis.settings import Settings

__all__ = ["models"]


@click.group("models", cls=Group)
def models() -> None:
    """List, fetch, verify, export and import the networks' files, and add embedders of your own."""


@models.command("list")
@settings_options(STORE)
def list_(*, settings: Settings) -> int:
    """List the models with their licences, and show which are on this machine."""
    store = _store(settings)
    print("\n".join(_described(status) for status in store.status()))
    return DONE


@models.command()
@settings_options(STORE)
def fetch(*, settings: Settings) -> int:
    """Download the missing models and prepare them."""
    print(*_store(settings).fetch(), sep="\n")
    return DONE


@models.command()
@settings_options(STORE)
def verify(*, settings: Settings) -> int:
    """Check the SHA-256 of every file on this machine, and of the networks that were built from them."""
    from visavis.vision.expression import NETWORK, load_expression_calibration

    store = _store(settings)
    for path in store.verify():
        print(f"right  {path}")
    load_expression_calibration()
    print(f"right  {NETWORK}")
    damaged = store.damaged()
    for path in damaged:
        print(f"damaged  {path}; it is built again when it is next needed, or delete it")
    return PROBLEM if damaged else DONE


@models.command()
@argument("name", parse=values.nonempty, metavar="[NAME]", required=False)
@settings_options(STORE)
def path(*, settings: Settings, name: str | None) -> int:
    """Print the path of the file of the model NAME, or of the cache folder."""
    store = _store(settings)
    print(store.root if name is None else store.file(name))
    return DONE


@models.command()
@argument("file", parse=partial(values.output_file, make_folder=True), metavar="FILE")
@settings_options(STORE)
def export(*, settings: Settings, file: Path) -> int:
    """Write all models to FILE, to import them on a machine without a network."""
    _store(settings).export(file)
    print(f"wrote {file}; on the other machine: visavis models import {file.name}")
    return DONE


@models.command("import")
@argument("file", parse=values.existing_file, metavar="FILE")
@settings_options(STORE)
def import_(*, settings: Settings, file: Path) -> int:
    """Import the models of FILE, which `visavis models export` wrote."""
    print(*_store(settings).import_(file), sep="\n")
    return DONE


models.add_command(add)


@models.command()
@argument("name", parse=values.nonempty, metavar="NAME")
@settings_options(STORE)
def remove(*, settings: Settings, name: str) -> int:
    """Remove your embedder NAME with its file and its calibration."""
    from visavis.models.user_provided import remove_embedder

    print(f"removed {remove_embedder(_store(settings), name).name}")
    return DONE


def _store(settings: Settings) -> ModelStore:
    from visavis.runtime import open_store

    return open_store(settings)


def _described(status: Status) -> str:
    from visavis.models.user_provided import calibration_file, input_of

    model = status.model
    state = "ready" if status.ready else "here" if status.present else "missing"
    lines = (
        f"{model.name:12} {state:8} {model.size / 1e6:5.1f} MB  {model.licence:11} {model.file}\n"
        f"{'':12} sha256 {model.sha256}\n"
    )
    if update := model.update:
        lines += (
            f"{'':12} changed by {update.file} ({update.size / 1e6:.1f} MB), sha256 {update.sha256}\n"
            f"{'':12} sha256 of the weights {update.weights_sha256}\n"
        )
    lines += f"{'':12} {model.origin}"
    if not model.user_provided:
        return lines
    calibrated = "calibrated" if calibration_file(model).is_file() else "not calibrated yet"
    return f"{lines}; {input_of(model.build)}; {calibrated}"
