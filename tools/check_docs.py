"""Build the site from docs/ into site/ in strict mode, and fail if a page loads something from another host.

The build also fails if a page is not in the navigation, or if the target of a link does not exist.
"""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlparse

ROOT = Path(__file__).parent.parent
SITE = ROOT / "site"

LOADS = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href"), ("object", "data")}
"""The tags and attributes whose addresses a browser loads without a click."""


class Loads(HTMLParser):
    """Collects the addresses on other hosts that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (tag, name) in LOADS and value and urlparse(value).netloc:
                self.found.append(value)


def loads_of(page: str) -> list[str]:
    """Return the addresses on other hosts that a page of HTML loads."""
    parser = Loads()
    parser.feed(page)
    return parser.found


def main() -> None:
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    # Without --quiet, because that option also hides warnings from --strict.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(SITE)]
    built = subprocess.run(command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True)
    if built.returncode:
        raise SystemExit(built.stdout + built.stderr)
    pages = sorted(SITE.rglob("*.html"))
    found = [f"{page.relative_to(ROOT)}: {url}" for page in pages for url in loads_of(page.read_text("utf-8"))]
    if found:
        raise SystemExit("pages must not load anything from other hosts; these do:\n" + "\n".join(found))
    print(f"{len(pages)} pages in {SITE.name}/")


if __name__ == "__main__":
    main()
