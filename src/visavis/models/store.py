"""The cache of model files and ready networks.

    <root>/files/<sha256>/<file>          as its origin published it, checked before it stands there
    <root>/ready/<sha256>-<build_version>/       what `build.py` made of it: model.xml, model.bin
    <root>/compiled/                      the runtime's own cache, safe to delete
    <root>/user-manifest.toml             the user's own embedders, whose files no source brings back
    <root>/calibrations/<sha256>.json     the similarity curve of each of them
    <root>/.lock                          held while something is fetched or built

A file or folder appears under its name only when it is right and whole: it is made in a temporary folder beside its
place and moved there in one step.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from visavis.errors import ModelCorrupt, ModelError, ModelStoreError, ModelUnavailable
from visavis.files import sha256_of, writing_atomically
from visavis.models.manifest import Manifest, ModelFile

__all__ = ["ModelStore", "Status", "writing"]

_LOCK_SECONDS = 900  # another process may be downloading 45 MB over a slow line

Builder = Callable[[ModelFile, Path, Path], None]


@dataclass(frozen=True, slots=True)
class Status:
    """What the cache holds of one model."""

    model: ModelFile
    path: Path
    present: bool
    ready: bool


class ModelStore:
    """Finds models in a cache folder, and fetches and builds those that are missing.

    Args:
        root: the cache folder; made when first needed.
        manifest: the models that exist.
        builder: (model, source file, empty folder) -> the ready network in that folder, as model.xml and model.bin.
        build_version: names the builder's version; a change of it builds anew.
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
        """The path of a model's ready network (an .xml with its .bin beside it), fetched and built if need be.

        Raises:
            ModelUnavailable, ModelCorrupt, ModelStoreError: see `visavis.errors`.
        """
        model = self._manifest[name]
        network = self._ready_folder(model) / "model.xml"
        if not network.is_file():
            with self.locked():
                if not network.is_file():
                    self._build(model)
        return network

    def fetch(self, names: Sequence[str] | None = None) -> list[Path]:
        """Have the files of `names` (default: all) in the cache, and their ready networks; returns the files' paths."""
        wanted = list(self._manifest.models) if names is None else list(names)
        for name in wanted:
            self.ready(name)
        return [self._file(self._manifest[name]) for name in wanted]

    def status(self) -> list[Status]:
        """What is here, without checking hashes."""
        return [
            Status(m, self._file(m), self._file(m).is_file(), (self._ready_folder(m) / "model.xml").is_file())
            for m in self._manifest.models.values()
        ]

    def verify(self) -> list[Path]:
        """Hash every file that is here again.

        Raises:
            ModelUnavailable: a model is not in the cache.
            ModelCorrupt: a file is not what the manifest says.
        """
        return [self._verified(model) for model in self._manifest.models.values()]

    def export(self, target: Path) -> None:
        """Write the shipped models' files into one zip file, for a machine without a network; fetches what is missing.

        A user's own are left out: the other machine's manifest does not know them.
        """
        shipped = [model for model in self._manifest.models.values() if not model.user_provided]
        self.fetch([model.name for model in shipped])
        with writing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for model in shipped:
                archive.write(self._verified(model), model.file)

    def import_(self, source: Path) -> list[Path]:
        """Take model files from a zip file made by `export`; every one is checked, and unknown members are refused.

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

    def take(self, model: ModelFile, source: Path, *, probe: Callable[[Path], None]) -> None:
        """Bring a model of the user's own into the cache and make it ready; a failure leaves nothing behind.

        Args:
            probe: given the ready network, raises where it will not do.
        """
        with self.locked(), self._temporary() as folder:
            copy = folder / model.file
            shutil.copyfile(source, copy)
            _check(model, copy)
            ready = folder / "ready"
            ready.mkdir()
            self._builder(model, copy, ready)
            probe(ready / "model.xml")
            # What is left of an earlier one of these bytes was perhaps made for other colours.
            self._drop(model)
            self._move(copy, self._file(model))
            self._move(ready, self._ready_folder(model))

    def drop(self, model: ModelFile) -> None:
        """Remove what the cache holds of a model of the user's own, its calibration too."""
        with self.locked():
            self._drop(model)

    def _drop(self, model: ModelFile) -> None:
        self.calibration(model).unlink(missing_ok=True)
        for folder in (self._file(model).parent, *(self._root / "ready").glob(f"{model.sha256[:16]}-*")):
            if folder.is_dir():
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
            raise ModelUnavailable(
                f"{self._file(model)} is gone, and a model of your own is fetched from nowhere; "
                f"run `visavis models remove {model.name}` and add it anew"
            )
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
        _check(model, arrived)
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
            way_out = f"add {model.name!r} anew" if model.user_provided else "run `visavis models fetch`"
            raise ModelUnavailable(f"the model {model.file} is not in {self._root}; {way_out}")
        _check(model, path)
        return path

    def file(self, name: str) -> Path:
        """Where the file of the model `name` is, or would be."""
        return self._file(self._manifest[name])

    def calibration(self, model: ModelFile) -> Path:
        """Where the calibration of a user's own embedder is, or would be."""
        return self._root / "calibrations" / f"{model.sha256}.json"

    def _file(self, model: ModelFile) -> Path:
        return self._root / "files" / model.sha256 / model.file

    def _ready_folder(self, model: ModelFile) -> Path:
        return self._root / "ready" / f"{model.sha256[:16]}-{self._build_version}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The only process to write into the cache, until the block ends; not to be entered twice."""
        from filelock import FileLock

        with _as_store_error(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            with FileLock(self._root / ".lock", timeout=_LOCK_SECONDS):
                yield

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        # Born 0700; its contents are readable by others only once they have been moved out.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self._root) as folder:
            yield Path(folder)


def _same_wheel(one: ModelFile, other: ModelFile) -> bool:
    return str(one.sources[0]) == str(other.sources[0])


def _check(model: ModelFile, path: Path) -> None:
    found = sha256_of(path)
    if found != model.sha256:
        way_out = (
            f"Run `visavis models remove {model.name}` and add it anew."
            if model.user_provided
            else "Delete it and run `visavis models fetch`."
        )
        raise ModelCorrupt(
            f"{path} is not the model {model.file}: its SHA-256 is {found}, the manifest says {model.sha256}. {way_out}"
        )


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """As `writing_atomically`, in a folder that is made if need be.

    Raises:
        ModelStoreError: the file cannot be written.
    """
    with _as_store_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with writing_atomically(target) as temporary:
            yield temporary


@contextmanager
def _as_store_error(where: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except TimeoutError as error:
        raise ModelStoreError(f"another process has held {where} for {_LOCK_SECONDS} s; is it stuck?") from error
    except OSError as error:
        raise ModelStoreError(f"{where} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full (about 80 MB are needed)"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "it is read-only for this user; set VISAVIS_HOME to a folder that is not"
    return error.strerror or str(error)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
