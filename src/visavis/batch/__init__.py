"""Compares many pairs of images, each of which is read and analysed once."""

from __future__ import annotations

from visavis.batch.comparing import compare_rows
from visavis.batch.rows import Row, RowResult

__all__ = ["Row", "RowResult", "compare_rows"]
