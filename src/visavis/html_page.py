"""Self-contained HTML pages: no script, nothing from outside, for screens of every size and for A4.

`element` is the only way that text enters a page, so every text is escaped. A character that is not printable, such as
one that reverses the direction of a file's name, is shown as its escape.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias
from xml.etree.ElementTree import Element, tostring

from visavis.document import Block, Items, Paragraph, Picture, Table

if TYPE_CHECKING:
    from visavis.document import Document

__all__ = ["Node", "document_page", "element", "html_page", "section", "shown_block", "visible"]

Node: TypeAlias = Element | str

_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
_NUMBERS = re.compile(r"[0-9][-+.,e%() 0-9x]*(to [-+.,e% 0-9]+)?")
_LONGEST_WORD = 20
"""Characters. Longer are names of files and hashes, and no word in the texts of a report."""
_LONGEST_NUMBER = 24
"""Characters, of a number or an interval, which stay on one line; a list of numbers may be longer."""
_MOST_NARROW = 4
"""Columns that fit a phone beside each other, if no word in them is long."""


def element(tag: str, /, *children: Node, **attributes: str) -> Element:
    """An element of HTML or SVG.

    Args:
        tag: the name of the element.
        children: elements, and texts, which are escaped when the page is written.
        attributes: an underscore stands for a hyphen; one at the end is dropped, as in `class_`.

    Example:
        >>> from xml.etree.ElementTree import tostring
        >>> tostring(element("p", "<b> & ", element("b", "bold"), class_="note"), "unicode", method="html")
        '<p class="note">&lt;b&gt; &amp; <b>bold</b></p>'
    """
    made = Element(tag, {name.rstrip("_").replace("_", "-"): visible(value) for name, value in attributes.items()})
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + visible(child)
        else:
            last.tail = (last.tail or "") + visible(child)
    return made


def visible(text: str) -> str:
    r"""The text with Python's escapes for characters that are not printable, half surrogate pairs among them.

    Example:
        >>> visible("photo\u202egpj.exe\udcff")
        'photo\\u202egpj.exe\\udcff'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def html_page(title: str, body: Iterable[Element]) -> bytes:
    """A complete page in UTF-8.

    Its policy forbids every script, every request, and every style but its own.

    Args:
        title: of the window, the tab and the printed file.
        body: what the page shows, in its order.

    Example:
        >>> page = html_page("Results", [element("h1", "Results")])
        >>> page[:15], b"<h1>Results</h1>" in page, b"<script" in page
        (b'<!DOCTYPE html>', True, False)
    """
    css = (files("visavis") / "html_page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    style = element("style")
    style.text = css
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", name="referrer", content="no-referrer"),
            element("title", title),
            style,
        ),
        element("body", element("main", *body)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{tostring(page, 'unicode', method='html')}\n".encode()


def document_page(document: Document) -> bytes:
    """A document as a page.

    Example:
        >>> from visavis.document import Document
        >>> b"<h1>Results</h1>" in document_page(Document("Results", (), ()))
        True
    """
    lead = element("header", element("h1", document.title), *map(shown_block, document.lead))
    sections = [section(part.title, map(shown_block, part.blocks)) for part in document.sections]
    return html_page(document.title, [lead, *sections])


def section(title: str, nodes: Iterable[Element]) -> Element:
    """Elements under a heading of the second level."""
    return element("section", element("h2", title), *nodes)


def shown_block(block: Block) -> Element:
    """A block of a document as an element."""
    match block:
        case Paragraph():
            return element("p", block.text)
        case Items():
            return element("ul", *(element("li", item) for item in block.items))
        case Table():
            return _table(block)
        case Picture():
            return element("figure", _image(block))


def _image(picture: Picture) -> Element:
    kind = _MEDIA_TYPES[PurePath(picture.name).suffix]
    return element("img", src=f"data:{kind};base64,{base64.b64encode(picture.data).decode()}", alt=picture.text)


def _table(table: Table) -> Element:
    # A narrow screen shows each row of a wide table as a block, in which `data-label` names the cells. The roles keep
    # it a table there.
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.head)
    # The first column names the rows.
    numeric = [False, *map(_is_numeric, columns[1:])]
    head = [
        element("th", name, scope="col", role="columnheader", **_class(numeric=right, long=False))
        for name, right in zip(table.head, numeric, strict=True)
    ]
    rows = [element("tr", *_cells(row, table.head, numeric), role="row") for row in table.rows]
    wide = len(table.head) > _MOST_NARROW or any(_is_long(text) for row in table.rows for text in row)
    return element(
        "table",
        element("caption", table.caption),
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *rows, role="rowgroup"),
        role="table",
        class_="wide" if wide else "narrow",
    )


def _cells(row: Sequence[str], head: Sequence[str], numeric: Sequence[bool]) -> Iterator[Element]:
    for i, (text, name, right) in enumerate(zip(row, head, numeric, strict=True)):
        shared = {"data_label": name, **_class(numeric=right, long=_is_long(text))}
        if i == 0:
            yield element("th", text, scope="row", role="rowheader", **shared)
        else:
            yield element("td", text, role="cell", **shared)


def _is_numeric(texts: Sequence[str]) -> bool:
    """Whether each text that is not empty is a number, an interval or a dash."""
    filled = [text for text in texts if text not in ("", "-")]
    return bool(filled) and all(len(text) <= _LONGEST_NUMBER and _NUMBERS.fullmatch(text) for text in filled)


def _is_long(text: str) -> bool:
    """Whether a word is too long for a column, so that it may be broken anywhere."""
    return any(len(word) > _LONGEST_WORD for word in text.split())


def _class(*, numeric: bool, long: bool) -> dict[str, str]:
    names = " ".join(name for name, given in (("number", numeric), ("long", long)) if given)
    return {"class_": names} if names else {}
