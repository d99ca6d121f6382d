"""Make the pictures of the web page for the documentation, from the example photos.

    python -m tools.docs_page [--out FOLDER]
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from tools.browser import ROOT, Visit, browsing

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


def main() -> None:
    """Write page_*.webp."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with serving() as url, browsing() as browser:
        for name, (context, act, whole) in PICTURES.items():
            visit = Visit(browser, url, **context)
            act(visit)
            visit.page.wait_for_timeout(500)  # until the photos have settled
            path = out / f"page_{name}.webp"  # a tenth of a PNG, which photos make large
            with Image.open(io.BytesIO(visit.page.screenshot(full_page=whole))) as image:
                image.convert("RGB").save(path, quality=86, method=6)
            visit.context.close()
            print(f"{path}: {path.stat().st_size:,} bytes")


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server."""
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield next(line.split()[-1] for line in process.stdout if "http://" in line)
        process.terminate()


def example(name: str) -> Callable[[Visit], None]:
    """Press the button of an example and wait for the answer."""

    def act(visit: Visit) -> None:
        visit.page.get_by_role("button", name=name).click()
        visit.answered()

    return act


def group(visit: Visit) -> None:
    """Two sources and a group, with landmarks and a review band."""
    example("two sources")(visit)
    visit.page.get_by_label("Landmarks").check()
    visit.page.get_by_label("A person reviews similarities").check()


def error(visit: Visit) -> None:
    """A file that is no photo, and a photo without a face."""
    visit.choose("source", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Dear all, ..."})
    visit.choose("target", ROOT / "examples" / "photos" / "sunak.jpg")
    visit.page.locator("#source .notice").wait_for()


PICTURES: dict[str, tuple[dict[str, Any], Callable[[Visit], None], bool]] = {
    "desktop": (DESKTOP, example("one person"), True),
    "group": (DESKTOP, group, True),
    "dark": (DESKTOP | {"color_scheme": "dark"}, example("a group"), True),
    "phone": (PHONE, example("a group"), False),
    "error": (DESKTOP, error, False),
}


if __name__ == "__main__":
    main()
