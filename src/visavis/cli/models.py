"""`visavis models list|fetch|verify|path|export|import|add|remove`."""

from __future__ import annotations

import argparse
from functools import partial

from visavis.cli import values
from visavis.cli.add_model import add, add_arguments_of_add
from visavis.models.store import Status
from visavis.models.user_provided import calibration_file, input_of, remove_embedder
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    actions.add_parser("list", help="which models there are, their licences, and which are here")
    actions.add_parser("fetch", help="fetch and make ready those that are missing")
    actions.add_parser("verify", help="check the SHA-256 of every file that is here")
    path = actions.add_parser("path", help="print where a model's file is")
    path.add_argument(
        "name",
        type=values.nonempty,
        nargs="?",
        metavar="NAME",
        help="a model of `visavis models list`; without it, the cache folder",
    )
    export = actions.add_parser("export", help="write all models into one file, for a machine without a network")
    export.add_argument("file", type=partial(values.output_file, make_folder=True), metavar="FILE")
    import_ = actions.add_parser("import", help="take the models from such a file")
    import_.add_argument("file", type=values.existing_file, metavar="FILE")
    add_arguments_of_add(actions.add_parser("add", help="take an ONNX file as an embedder of your own"))
    remove = actions.add_parser("remove", help="forget an embedder of your own, its file and its calibration")
    remove.add_argument("name", type=values.nonempty, metavar="NAME")


def run(args: argparse.Namespace) -> int:
    settings = Settings.from_env()
    if args.action == "add":
        return add(args, settings)
    store = open_store(settings)
    match args.action:
        case "list":
            print("\n".join(_described(status) for status in store.status()))
        case "fetch":
            print(*store.fetch(), sep="\n")
        case "verify":
            for path in store.verify():
                print(f"right  {path}")
        case "path":
            print(store.root if args.name is None else store.file(args.name))
        case "export":
            store.export(args.file)
            print(f"wrote {args.file}; on the other machine: visavis models import {args.file.name}")
        case "import":
            print(*store.import_(args.file), sep="\n")
        case "remove":
            print(f"removed {remove_embedder(store, args.name).name}")
    return 0


def _described(status: Status) -> str:
    model = status.model
    state = "ready" if status.ready else "here" if status.present else "missing"
    lines = (
        f"{model.name:10} {state:8} {model.size / 1e6:5.1f} MB  {model.licence:11} {model.file}\n"
        f"{'':10} sha256 {model.sha256}\n{'':10} {model.origin}"
    )
    if not model.user_provided:
        return lines
    calibrated = "calibrated" if calibration_file(model).is_file() else "not calibrated yet"
    return f"{lines}; {input_of(model.build)}; {calibrated}"
