"""Makers that several kinds of tests share."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from visavis.api import shapes
from visavis.api.shapes import Shape
from visavis.engine import Engine
from visavis.runtime import open_engine

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell, its signals or its named pipes")
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux reports it")
full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

PHOTOS = Path(__file__).parent.parent / "examples/photos"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the unit tests last, because processes that share the files then end at about the same time."""
    items.sort(key=lambda item: "/unit/" in item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let programs that tests start be interrupted: background jobs of a shell ignore SIGINT, and nohup SIGHUP."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.name == "posix" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def photo() -> Callable[[str], bytes]:
    """A photograph of the examples by name."""
    return lambda name: (PHOTOS / f"{name}.jpg").read_bytes()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real networks."""
    with open_engine() as engine:
        yield engine


def encode(image: Pil.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image as the bytes of a file."""
    out = io.BytesIO()
    quickly = {"compress_level": 1} if kind == "PNG" else {}
    image.save(out, kind, **quickly | options)
    return out.getvalue()


def gradient(width: int = 120, height: int = 90) -> Pil.Image:
    """An image whose every corner has a colour of its own."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Pil.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def with_later_enum(monkeypatch: pytest.MonkeyPatch, operation: str, member: str, value: str) -> None:
    """Let the enum of a member of a request, or of its items, have one more value, as a later service model may."""

    def longer(shape: Shape) -> Shape:
        if shape.item is not None:
            return replace(shape, item=longer(shape.item))
        return replace(shape, enum=(*shape.enum, value))

    found = shapes.input_of(operation)
    extended = replace(found, members={**found.members, member: longer(found.members[member])})
    monkeypatch.setattr(shapes, "input_of", {operation: extended}.__getitem__)


WITH_INTERRUPT = """
import os, signal, sys
left = int(sys.argv.pop(1))
def hook(event, args):
    global left
    if event == "import":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)
from visavis.cli import main
sys.addaudithook(hook)
sys.exit(main())
"""
"""For `python -c`: the command line, stopped by Ctrl-C at the import whose number is the first argument."""
