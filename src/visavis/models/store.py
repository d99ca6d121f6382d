"""The cache of model files and ready networks.

    <root>/files/<sha256>/<file>          as its origin published it, checked before it stands there
    <root>/ready/<sha256>-<version>/      the ready network that `build.py` made of it: model.xml, model.bin
    <root>/compiled/                      OpenVINO's own cache
    <root>/.lock                          held while something is fetched or built

All of it can be deleted, and is then fetched or made again. Ready networks of a user's embedders are here too; their
files are in the user's data folder (`user_provided.py`).

A file or folder appears under its name only when it is right and whole: it is made in a temporary folder beside its
place and moved there in one step.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from visavis.errors import ModelCorrupt, ModelStoreError, ModelUnavailable
from visavis.files import sha256_of
from visavis.models.manifest import Manifest, ModelFile
from visavis.models.writing import locked, writing

__all__ = ["ModelStore", "Status"]

Builder = Callable[[ModelFile, Path, Path], None]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the file of a model is here, and its ready network."""

    model: ModelFile
    path: Path
    present: bool
    ready: bool


class ModelStore:
    """Finds models, and fetches and builds those that are missing.

    Args:
        root: the cache folder; made when first needed.
        manifest: the models that exist.
        builder: (model, source file, empty folder) -> the ready network in that folder, as model.xml and model.bin.
        build_version: the version of the builder; after a change of it every network is built again.
        offline: never fetch.
        say: takes a line about slow work; by default a line on standard error.
    """

    def __init__(
        self,
        root: Path,
        manifest: Manifest,
        *,
        builder: Builder,
        build_version: str,
        offline: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._root = root
        self._manifest = manifest
        self._builder = builder
        self._build_version = build_version
        self._offline = offline
        self._say = say if say is not None else _to_stderr

    @property
    def root(self) -> Path:
        return self._root

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def ready(self, name: str) -> Path:
        """The path of a model's ready network, an .xml with its .bin beside it; fetches and builds it if need be.

        Raises:
            ModelUnavailable, ModelCorrupt, ModelStoreError: see `visavis.errors`.
        """
        return self.ready_network(self._manifest[name])

    def ready_network(self, model: ModelFile) -> Path:
        """The same, for a model that need not be in the manifest."""
        network = self._ready_folder(model) / "model.xml"
        if not network.is_file():
            with self.locked():
                if not network.is_file():
                    self._build(model)
        return network

    def fetch(self, names: Sequence[str] | None = None) -> list[Path]:
        """Fetch and build what is missing of the models `names`, by default all; returns the paths of their files."""
        wanted = list(self._manifest.models) if names is None else list(names)
        for name in wanted:
            self.ready(name)
        return [self._file(self._manifest[name]) for name in wanted]

    def status(self) -> list[Status]:
        """Whether each model is here, without checking hashes."""
        return [
            Status(m, self._file(m), self._file(m).is_file(), (self._ready_folder(m) / "model.xml").is_file())
            for m in self._manifest.models.values()
        ]

    def verify(self) -> list[Path]:
        """Check the SHA-256 of every file again.

        Raises:
            ModelUnavailable: a model is not in the cache.
            ModelCorrupt: a file is not what the manifest says.
        """
        return [self._verified(model) for model in self._manifest.models.values()]

    def export(self, target: Path) -> None:
        """Write the files of the shipped models into one zip file, for a machine without a network.

        What is missing is fetched first. A user's embedders are left out, because their folders can be copied.
        """
        shipped = [model for model in self._manifest.models.values() if not model.user_provided]
        self.fetch([model.name for model in shipped])
        with writing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for model in shipped:
                archive.write(self._verified(model), model.file)

    def import_(self, source: Path) -> list[Path]:
        """Copy model files from a zip file that `export` made. Each is checked, and unknown members are refused.

        Raises:
            ModelStoreError: `source` is not a readable zip file, or the cache cannot be written.
            ModelCorrupt: a member is not what the manifest says.
            ModelUnavailable: a member is not a model of this version of visavis, or there is none.
        """
        by_file = {model.file: model for model in self._manifest.models.values() if not model.user_provided}
        try:
            with zipfile.ZipFile(source) as archive, self.locked():
                members = archive.infolist()
                if not members:
                    raise ModelUnavailable(f"{source} is empty")
                if unknown := [m.filename for m in members if m.filename not in by_file]:
                    raise ModelUnavailable(
                        f"{source} holds {unknown[0]!r}, which is not a model of this version of visavis"
                    )
                return [self._import_member(archive, m, by_file[m.filename]) for m in members]
        except (OSError, zipfile.BadZipFile) as error:
            raise ModelStoreError(f"{source} cannot be imported: {error}") from error

    def discard_ready(self, model: ModelFile) -> None:
        """Remove the ready networks that were made of a model, whatever its description said then."""
        with self.locked():
            for folder in (self._root / "ready").glob(f"{model.sha256[:16]}-*"):
                shutil.rmtree(folder)

    def _import_member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, model: ModelFile) -> Path:
        if member.file_size != model.size:
            raise ModelCorrupt(f"{model.file} in the archive has {member.file_size} bytes instead of {model.size}")
        with self._temporary() as folder:
            with archive.open(member) as data, (folder / model.file).open("wb") as out:
                shutil.copyfileobj(data, out)
            return self._place(model, folder / model.file)

    def _build(self, model: ModelFile) -> None:
        source = self._verified(model) if self._file(model).is_file() else self._fetch(model)
        with self._temporary() as folder:
            ready = folder / "ready"
            ready.mkdir()
            self._builder(model, source, ready)
            self._move(ready, self._ready_folder(model))

    def _fetch(self, model: ModelFile) -> Path:
        if model.user_provided:
            raise ModelUnavailable(_missing(model, self._file(model)))
        if self._offline:
            raise ModelUnavailable(
                f"the model {model.file} is not in {self._root} and fetching is switched off (offline mode); "
                "run `visavis models fetch` with a network, or `visavis models import FILE`"
            )
        missing = [m for m in self._manifest.models.values() if not m.user_provided and not self._file(m).is_file()]
        with self._temporary() as folder:
            # A source often holds several models; all that are missing are taken while its wheel is at hand.
            for each in missing:
                if each is model or _same_wheel(each, model):
                    self._fetch_one(each, folder)
        return self._file(model)

    def _fetch_one(self, model: ModelFile, folder: Path) -> None:
        from visavis.models.fetch import fetch

        failures: list[str] = []
        for source in model.sources:
            try:
                self._say(f"fetching {model.file} ({model.size / 1e6:.1f} MB) from {source}")
                self._place(model, fetch(model, source, folder, progress=sys.stderr.isatty()))
            except (ModelUnavailable, ModelCorrupt) as error:
                failures.append(str(error))
            else:
                return
        raise ModelUnavailable(
            f"the model {model.file} could not be fetched. " + " ".join(f"[{f}]" for f in failures) + " "
            "Without a network, bring it with `visavis models export` and `visavis models import`."
        )

    def _place(self, model: ModelFile, arrived: Path) -> Path:
        _check_sha256(model, arrived)
        target = self._file(model)
        self._move(arrived, target)
        return target

    def _move(self, made: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():  # left by hand without its network, because whole folders are moved
            shutil.rmtree(target)
        os.replace(made, target)  # noqa: PTH105  # the one atomic step, named as such

    def _verified(self, model: ModelFile) -> Path:
        path = self._file(model)
        if not path.is_file():
            missing = f"the model {model.file} is not in {self._root}; run `visavis models fetch`"
            raise ModelUnavailable(_missing(model, path) if model.user_provided else missing)
        _check_sha256(model, path)
        return path

    def file(self, name: str) -> Path:
        """Where the file of the model `name` is, or would be."""
        return self._file(self._manifest[name])

    def _file(self, model: ModelFile) -> Path:
        return (model.folder or self._root / "files" / model.sha256) / model.file

    def _ready_folder(self, model: ModelFile) -> Path:
        # The file of a user's embedder does not determine its network, because its description can be changed.
        described = f"-{model.build.fingerprint}" if model.user_provided else ""
        return self._root / "ready" / f"{model.sha256[:16]}{described}-{self._build_version}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into the cache until the block ends. Must not be nested."""
        with locked(self._root):
            yield

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        # Born 0700; its contents are readable by others only once they have been moved out.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self._root) as folder:
            yield Path(folder)


def _same_wheel(one: ModelFile, other: ModelFile) -> bool:
    return str(one.sources[0]) == str(other.sources[0])


def _missing(model: ModelFile, path: Path) -> str:
    return f"the file {path} is missing. {model.remedy}"


def _check_sha256(model: ModelFile, path: Path) -> None:
    """Check that a file is the model's.

    Raises:
        ModelCorrupt: its SHA-256 is another; the message has both.
    """
    found = sha256_of(path)
    if found != model.sha256:
        raise ModelCorrupt(
            f"{path} is not the model {model.file}: its SHA-256 is {found}, it should be {model.sha256}. {model.remedy}"
        )


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
