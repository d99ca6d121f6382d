"""A report as values: sections of text, lists, tables and pictures. Markdown and HTML are made of the same values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Block", "Document", "Items", "Paragraph", "Picture", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of plain texts."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain texts.

    Attributes:
        caption: what the table shows.
        head: the names of the columns. The first column names the rows.
        rows: one text for each column.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes:
        name: of its file. The suffix is `.png`, `.jpg` or `.svg`.
        text: what it shows, for readers who do not see it.
        data: the bytes of the file.
    """

    name: str
    text: str
    data: bytes


Block: TypeAlias = Paragraph | Items | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes:
        title: the heading of the whole.
        lead: the blocks before the first section.
        sections: in their order.
    """

    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]
