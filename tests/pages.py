"""Reads HTML pages as a browser does, for tests of reports."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

__all__ = ["Page"]

_VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """A page: its elements with their attributes, its tables as rows of texts, and its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self.title = ""
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(data.decode("utf-8"))
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "table":
            self._rows, self._caption = [], ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "title":
            self.title += data
        elif inside != "style":
            self.text += data
        if inside == "caption":
            self._caption += data
        if inside in ("td", "th"):
            self._rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element with this tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self, beginning: str) -> list[list[str]]:
        """The rows of the table whose caption begins so; the first is the head."""
        (found,) = [rows for caption, rows in self.tables.items() if caption.startswith(beginning)]
        return found

    def assert_self_contained(self, data: bytes) -> None:
        """Check that the page runs no script, asks for nothing, and shows only pictures that it contains."""
        tags = {tag for tag, _ in self.elements}
        assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "a", "audio", "video", "use"}
        for tag, attributes in self.elements:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "href", "srcset")]
            assert ("src" in attributes) == (tag == "img")
        for image in self.all("img"):
            kind, _, content = image["src"].partition(";base64,")
            assert kind in ("data:image/png", "data:image/jpeg", "data:image/svg+xml")
            assert base64.b64decode(content, validate=True)
            assert image["alt"]
        (policy,) = [m["content"] for m in self.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        (style,) = re.findall(r"<style>(.*?)</style>", data.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy == (
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        )
        assert not re.search(r"https?:|//|@import|url\(", style)

    def assert_accessible(self) -> None:
        """Check language, order of headings, captions, scopes and texts of pictures."""
        assert self.all("html") == [{"lang": "en"}]
        assert self.title
        headings = [int(tag[1]) for tag, _ in self.elements if re.fullmatch(r"h[1-6]", tag)]
        assert headings[0] == 1
        assert headings.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(headings))
        assert len(self.all("caption")) == len(self.all("table"))
        assert "" not in self.tables
        assert {cell["scope"] for cell in self.all("th")} <= {"row", "col"}
        for drawing in self.all("svg"):
            assert drawing["role"] == "img"
            assert drawing["aria-label"]
