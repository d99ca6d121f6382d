"""An evaluation as one self-contained HTML file, for people."""

from __future__ import annotations

from collections.abc import Mapping

from visavis.document import Picture
from visavis.evaluate.reporting.content import described, evaluation_document
from visavis.evaluate.statistics.evaluation import Evaluation
from visavis.html_page import document_page

__all__ = ["as_html"]


def as_html(e: Evaluation, plots: Mapping[str, bytes] | None = None) -> bytes:
    """The report of `as_markdown` as a page in UTF-8, which contains the plots.

    Args:
        e: the evaluation.
        plots: the bytes of each plot by the name of its file, as `write_plots` names them. The SVG files are shown.

    Example:
        >>> from visavis.evaluate import as_html, evaluate_folder
        >>> page = as_html(evaluate_folder("examples/photos", progress=False))
        >>> b"<h1>Evaluation of photos</h1>" in page
        True
    """
    shown = [Picture(name, described(name), data) for name, data in (plots or {}).items() if name.endswith(".svg")]
    return document_page(evaluation_document(e, shown))
