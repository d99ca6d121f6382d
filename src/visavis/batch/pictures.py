"""Keeps the analyses of images for as long as a batch runs: the last used in memory, all in a private database."""

from __future__ import annotations

import pickle
import sqlite3
from collections import OrderedDict

from visavis.analysis import AnalyzedImage
from visavis.errors import VisavisError

__all__ = ["AnalyzedImages"]

FACES_IN_MEMORY = 5_000
"""A face takes about 8 kB."""

DATABASE_MEMORY = 64 * 1024
"""kB of the database that stay in memory before it is written to disk."""


class AnalyzedImages:
    """The analyses of images by their location. For one thread.

    They contain embeddings, which are personal data. The database is therefore a temporary one of SQLite: its file has
    no name, no other process can open it, and it is gone when this process ends, however it ends.

    Args:
        faces_in_memory: how many faces, of the images used last, are kept ready for use.

    Example:
        >>> from contextlib import closing
        >>> with closing(AnalyzedImages()) as images:
        ...     images.claim("a.jpg"), images.claim("a.jpg"), images.get("a.jpg") is None
        (True, False, True)
    """

    def __init__(self, faces_in_memory: int = FACES_IN_MEMORY) -> None:
        self._most = faces_in_memory
        self._faces = 0
        self._recent: OrderedDict[str, AnalyzedImage | VisavisError] = OrderedDict()
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{DATABASE_MEMORY}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE images (location TEXT PRIMARY KEY, analysis BLOB) WITHOUT ROWID")

    def close(self) -> None:
        """Forget everything."""
        self._recent.clear()
        self._database.close()

    def claim(self, location: str) -> bool:
        """Whether the image is a new one, which the caller now analyses and puts here."""
        if location in self._recent:
            return False
        return self._database.execute("INSERT OR IGNORE INTO images VALUES (?, NULL)", (location,)).rowcount == 1

    def put(self, location: str, analysed: AnalyzedImage | VisavisError) -> None:
        """Keep the analysis of an image, or its error."""
        data = pickle.dumps(analysed, pickle.HIGHEST_PROTOCOL)
        self._database.execute("INSERT OR REPLACE INTO images VALUES (?, ?)", (location, data))
        self._remember(location, analysed)

    def get(self, location: str) -> AnalyzedImage | VisavisError | None:
        """The analysis of an image or its error; None before `put`."""
        found = self._recent.get(location)
        if found is not None:
            self._recent.move_to_end(location)
            return found
        row = self._database.execute("SELECT analysis FROM images WHERE location = ?", (location,)).fetchone()
        if row is None or row[0] is None:
            return None
        analysed: AnalyzedImage | VisavisError = pickle.loads(row[0])  # noqa: S301 - this process wrote it
        self._remember(location, analysed)
        return analysed

    def _remember(self, location: str, analysed: AnalyzedImage | VisavisError) -> None:
        self._recent[location] = analysed
        self._faces += _size(analysed)
        while self._faces > self._most and len(self._recent) > 2:  # the two of the present row stay
            _, dropped = self._recent.popitem(last=False)
            self._faces -= _size(dropped)


def _size(analysed: AnalyzedImage | VisavisError) -> int:
    """The number of faces, at least 1."""
    return max(1, len(analysed.as_target.faces)) if isinstance(analysed, AnalyzedImage) else 1
