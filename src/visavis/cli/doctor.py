"""`visavis doctor`."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version

from visavis import __version__
from visavis.cli.process import DONE, PROBLEM
from visavis.errors import ModelError, SettingsError
from visavis.models.core import Core, devices
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = ["add_arguments", "run"]

_PARTS = ("openvino", "numpy", "opencv-python-headless", "pillow", "simplejpeg", "onnx", "pip")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace) -> int:
    del args
    settings = Settings.from_env()
    print(f"visavis    {__version__}")
    print(f"python     {platform.python_version()} at {sys.executable}")
    print(f"machine    {platform.system()} {platform.machine()}, {settings.threads} threads")
    print("parts      " + ", ".join(f"{part} {version(part)}" for part in _PARTS))
    print("devices    " + ", ".join(f"{name} ({full_name})" for name, full_name in devices()))
    print(f"cache      {settings.home}{' (offline)' if settings.offline else ''}")
    try:
        Core(cache=None, device=settings.device).check_device()
    except SettingsError as error:
        print(f"chosen     {error}")
        return PROBLEM
    try:
        checked = open_store(settings).verify()
    except ModelError as error:
        print(f"models     {error}")
        return PROBLEM
    print(f"models     {len(checked)} here, every SHA-256 right")
    return DONE
