"""Make the pictures of the web page and of a printed report for the documentation, from the example photos.

python -m tools.docs_page [--out FOLDER]
"""

from __future__ import annotations

import argparse
import atexit
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from tools.browser import ROOT, Visit, browsing

import visavis

PHOTOS = ROOT / "examples" / "photos"
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
MARGIN = 56  # pixels, 15 mm of a printed page at 96 pixels an inch
A4 = {"width": 794 - 2 * MARGIN, "height": 1123 - 2 * MARGIN}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


def main() -> None:
    """Write page_*.webp and report.webp."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with serving() as url, browsing() as browser:
        for name, (context, act, whole) in PICTURES.items():
            visit = Visit(browser, url, **context)
            act(visit)
            visit.page.wait_for_timeout(500)  # until the photos have settled
            write(out / f"page_{name}.webp", visit.page.screenshot(full_page=whole))
            visit.context.close()
        visit = Visit(browser, report().as_uri(), viewport=A4)
        visit.page.emulate_media(media="print")
        write(out / "report.webp", visit.page.screenshot(), margin=MARGIN)


def write(path: Path, screenshot: bytes, *, margin: int = 0) -> None:
    """Write a PNG, with a white margin, as WebP, which takes a tenth of it."""
    with Image.open(io.BytesIO(screenshot)) as image:
        ImageOps.expand(image.convert("RGB"), margin, "white").save(path, quality=86, method=6)
    print(f"{path}: {path.stat().st_size:,} bytes")


def report() -> Path:
    """The report of a comparison, in a file that is deleted at the end of this process."""
    file = Path(tempfile.mkdtemp()) / "report.html"
    atexit.register(shutil.rmtree, file.parent)
    names = ("ardern_2018.jpg", "ardern_2022.jpg")
    source, target = (visavis.ReportedImage(name, (PHOTOS / name).read_bytes()) for name in names)
    with visavis.open_engine() as engine:
        comparison = engine.compare(source.data, target.data)
        page = visavis.report_comparison(comparison, [source], target, calibration=engine.calibration)
    file.write_bytes(page)
    return file


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
    visit.choose("target", PHOTOS / "sunak.jpg")
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
