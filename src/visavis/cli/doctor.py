"""`visavis doctor`."""

from __future__ import annotations

import sys

import click

from visavis import __version__
from visavis.cli.command import Command
from visavis.cli.engine import STORE, settings_options
from visavis.cli.process import DONE, PROBLEM
from visavis.errors import CalibrationMismatch, ModelError, SettingsError
from visavis.settings import Settings

__all__ = ["doctor"]

_PARTS = ("openvino", "numpy", "opencv-python-headless", "pillow", "simplejpeg", "onnx", "pip")


@click.command("doctor", cls=Command)
@settings_options(("device", "precision", "threads", *STORE))
def doctor(*, settings: Settings) -> int:
    """Show what this machine has and whether visavis can run: versions, devices, and every network's SHA-256."""
    import platform
    from importlib.metadata import version

    from visavis.models.core import Core, devices
    from visavis.runtime import open_store
    from visavis.vision.expression import load_expression_calibration

    print(f"visavis    {__version__}")
    print(f"python     {platform.python_version()} at {sys.executable}")
    print(f"machine    {platform.system()} {platform.machine()}, {settings.threads} threads")
    print("parts      " + ", ".join(f"{part} {version(part)}" for part in _PARTS))
    print("devices    " + ", ".join(f"{name} ({full_name})" for name, full_name in devices()))
    print(f"data       {settings.data_home}")
    print(f"cache      {settings.home}{' (offline)' if settings.offline else ''}")
    try:
        core = Core(cache=None, device=settings.device)
        core.check_device()
        core.check_precision(settings.precision)
    except SettingsError as error:
        print(f"chosen     {error}")
        return PROBLEM
    try:
        store = open_store(settings)
        checked, damaged = store.verify(), store.damaged()
        load_expression_calibration()
    except (ModelError, CalibrationMismatch) as error:
        print(f"models     {error}")
        return PROBLEM
    print(f"models     {len(checked)} here and those in the package, every SHA-256 right")
    for path in damaged:
        print(f"damaged    {path}; it is built again when it is next needed, or delete it")
    return PROBLEM if damaged else DONE
