"""An evaluation as Markdown, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from visavis.document import Block, Document, Items, Paragraph, Picture, Table
from visavis.evaluate.reporting.content import described, evaluation_document
from visavis.evaluate.statistics.evaluation import Evaluation

__all__ = ["as_markdown"]


def as_markdown(e: Evaluation, plots: Sequence[str] = ()) -> str:
    """The evaluation as a report for people.

    Args:
        e: the evaluation.
        plots: file names of plots beside the report. The PNG files are shown in it.

    Example:
        >>> from visavis.evaluate import as_markdown, evaluate_folder
        >>> print(as_markdown(evaluate_folder("examples/photos", progress=False)).splitlines()[0])
        # Evaluation of photos
    """
    shown = [Picture(name, described(name), b"") for name in plots if name.endswith(".png")]
    return "\n\n".join(_parts(evaluation_document(e, shown))) + "\n"


def _parts(document: Document) -> Iterator[str]:
    yield f"# {document.title}"
    yield from map(_block, document.lead)
    for section in document.sections:
        yield f"## {section.title}"
        yield from map(_block, section.blocks)


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return block.text
        case Items():
            return "\n".join(f"- {item}" for item in block.items)
        case Table():
            return f"{block.caption}\n\n{_table(block)}"
        case Picture():
            return f"![{block.text}]({block.name})"


def _table(table: Table) -> str:
    lines = [table.head, ("---",) * len(table.head), *table.rows]
    return "\n".join("| " + " | ".join(map(_cell, cells)) + " |" for cells in lines)


def _cell(text: str) -> str:
    # A file's name may contain the character that ends a cell.
    return text.replace("|", r"\|")
