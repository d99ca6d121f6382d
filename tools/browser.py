"""A real browser on the page of a server, for tests, measurements and pictures of the page."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
REQUIRED = "VISAVIS_REQUIRE_BROWSER"
"""The environment variable with which a missing browser, or a missing axe-core, fails the tests."""

PATIENCE = 60_000  # milliseconds

_OPTIONS = (
    "--no-sandbox",  # Chromium's sandbox does not start as root, as whom containers run these tests
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def browser_program() -> str | None:
    """The path of an installed Chromium or Chrome; None without one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def is_required() -> bool:
    """Whether the tests must fail without a browser."""
    return os.environ.get(REQUIRED, "") not in ("", "0")


@contextmanager
def browsing() -> Iterator[Browser]:
    """The installed browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page that is open in a context of its own, and what it did besides being looked at.

    Attributes:
        page: Playwright's page.
        posts: the target and status of each POST request so far.
        addresses: every address that was requested.
        complaints: what the console and the page reported as wrong.
    """

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page: Page = self.context.new_page()
        self.posts: list[tuple[str, int]] = []
        self.addresses: list[str] = []
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("response", self._answered)
        self.page.goto(url)
        ready = self.page.locator("#version")  # written last by the web page's own script; a report has none
        if ready.count():
            expect(ready).not_to_be_empty(timeout=PATIENCE)

    def _said(self, kind: str, text: str) -> None:
        # Chromium itself writes a line about each answer of 400 and more.
        if kind in ("error", "warning") and "the server responded with a status of 4" not in text:
            self.complaints.append(text)

    def _answered(self, response: Any) -> None:
        if response.request.method == "POST":
            target = response.request.headers["x-amz-target"].partition(".")[2]
            self.posts.append((target, response.status))

    def choose(self, role: str, *files: Any) -> None:
        """Choose files, which are paths or dicts of Playwright, with the chooser of a panel."""
        self.page.locator(f"#{role} input[type=file]").set_input_files(list(files))

    def answered(self) -> None:
        """Wait for the answer of the server, and until the details of the sources are there."""
        # Not wait_for_function, because it evaluates a string each time, which the page's policy forbids.
        expect(self.page.locator("#result")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#stage")).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
        self.says("match")

    def says(self, words: str) -> None:
        """Wait until the status has these words."""
        expect(self.page.locator("#status")).to_contain_text(words, timeout=PATIENCE)

    @property
    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def compared(self, operation: str = "CompareFaces") -> int:
        """How many requests of an operation were answered."""
        return sum(target == operation for target, _ in self.posts)


def crowd() -> dict[str, Any]:
    """A picture of 108 faces, copies of two example portraits, as a file for `Visit.choose`."""
    faces = []
    for name in ("obama", "sunak"):
        with Image.open(ROOT / "examples" / "photos" / f"{name}.jpg") as image:
            faces.append(image.convert("RGB").crop((230, 60, 560, 480)).resize((110, 140)))
    picture = Image.new("RGB", (1320, 1260))
    for i in range(108):
        picture.paste(faces[i % 2], (110 * (i % 12), 140 * (i // 12)))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return {"name": "crowd.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}
