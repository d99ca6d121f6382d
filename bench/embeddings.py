"""A folder of pictures -> the embedding of each one's largest face."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import VisavisError
from visavis.runtime import open_engine

__all__ = ["embed_folder"]


def embed_folder(folder: Path, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Name -> (128,) unit vector; pictures without a face are named on standard error and left out."""
    with open_engine() as engine, ThreadPoolExecutor(4) as readers:

        def embed(name: str) -> NDArray[np.float32] | None:
            try:
                faces = engine.analyze((folder / name).read_bytes(), largest_only=True).faces
            except VisavisError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return None
            if not faces:
                print(f"{name}: no face found", file=sys.stderr)
            return faces[0].embedding if faces else None

        found = zip(names, readers.map(embed, names), strict=True)
        return {name: embedding for name, embedding in found if embedding is not None}
