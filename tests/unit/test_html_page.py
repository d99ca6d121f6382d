"""Pages of HTML: what enters them as text stays text, and their style can be read and printed."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tests.pages import Page
from visavis.document import Block, Document, Items, Paragraph, Picture, Section, Table
from visavis.html_page import document_page, element, html_page, visible

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'"
CSS = (files("visavis") / "html_page.css").read_text("utf-8")


def page_of(*blocks: Block, title: str = "A report") -> Page:
    data = document_page(Document(title, blocks[:1], (Section("Part", blocks[1:]),)))
    page = Page(data)
    page.assert_self_contained(data)
    page.assert_accessible()
    return page


def test_a_hostile_text_is_shown_and_does_nothing_wherever_it_stands() -> None:
    table = Table(HOSTILE, (HOSTILE, "b"), ((HOSTILE, HOSTILE),))
    picture = Picture("a.png", HOSTILE, b"png")
    page = page_of(Items((HOSTILE,)), Paragraph(HOSTILE), table, picture, title=HOSTILE)
    assert page.text.count(HOSTILE) == 7  # heading, item, paragraph, caption, and three cells
    assert page.title == HOSTILE
    assert page.tables == {HOSTILE: [[HOSTILE, "b"], [HOSTILE, HOSTILE]]}
    assert [image["alt"] for image in page.all("img")] == [HOSTILE]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, שלום, 東京, 😀", "plain, שלום, 東京, 😀"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("line\nbreak\r\t\0", r"line\nbreak\r\t\x00"),
        ("bad\udcff", r"bad\udcff"),
        ("a\u2066b\u200f\ufeff", r"a\u2066b\u200f\ufeff"),
        ("no\u00a0break\u2028", r"no\xa0break\u2028"),
    ],
)
def test_a_character_that_is_not_printable_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert page_of(Paragraph(text)).text.count(shown) == 1


def test_text_stands_between_the_elements_that_it_was_given_between() -> None:
    page = Page(html_page("t", [element("p", "a", "b", element("b", "c"), "d", "e", element("i", "f"), "g")]))
    assert page.text.strip() == "abcdefg"


def test_a_picture_has_the_type_of_its_suffix() -> None:
    page = page_of(*(Picture(f"a.{kind}", "what", b"x") for kind in ("png", "jpg", "svg")))
    assert [image["src"] for image in page.all("img")] == [
        f"data:image/{kind};base64,eA==" for kind in ("png", "jpeg", "svg+xml")
    ]


def test_numbers_are_at_the_right_and_long_words_may_be_broken() -> None:
    head = ("name", "count", "interval", "text")
    rows = (("a", "1,234", "4.1e-01 to 4.2e-01", ", ".join("123456789")), ("b" * 21, "-", "", "1"))
    page = page_of(Table("Counts.", head, rows))
    cells = [attributes.get("class", "") for tag, attributes in page.elements if tag in ("th", "td")]
    assert cells == ["", "number", "number", ""] * 2 + ["long", "number", "number", ""]
    assert [cell["data-label"] for cell in page.all("td")] == [*head[1:]] * 2
    assert page.all("table") == [{"role": "table", "class": "wide"}]


def test_a_table_of_few_columns_stays_a_table_on_a_phone_and_one_without_rows_is_no_error() -> None:
    assert page_of(Table("Nothing.", ("a", "b"), ())).all("table") == [{"role": "table", "class": "narrow"}]
    assert page_of(Table("Five.", tuple("abcde"), ())).all("table") == [{"role": "table", "class": "wide"}]


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_text_has_a_contrast_of_at_least_4_5_in_both_schemes() -> None:
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part)) for part in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        for text in ("ink", "quiet", "accent"):
            for paper in ("paper", "tint"):
                lighter, darker = sorted((luminance(scheme[text]), luminance(scheme[paper])), reverse=True)
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, paper)


def test_dark_is_for_screens_only_and_print_keeps_rows_and_pictures_whole() -> None:
    assert re.findall(r"@media (.*prefers-color-scheme: dark.*) \{", CSS) == ["screen and (prefers-color-scheme: dark)"]
    printed = CSS[CSS.index("@media print") :]
    assert "size: A4" in CSS
    assert "thead { display: table-header-group; }" in printed
    assert re.search(r"\btr,.*\{ break-inside: avoid; \}", printed)
    assert re.search(r"figure \{.*break-inside: avoid; \}", printed)
