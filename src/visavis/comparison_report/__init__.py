"""A comparison as one self-contained HTML file, for a case file."""

from visavis.comparison_report.origin import ReportedImage
from visavis.comparison_report.page import report_comparison

__all__ = ["ReportedImage", "report_comparison"]
