"""Makes the pictures of drawings that the documentation shows, from the example photographs.

    python -m tools.docs_pictures

The groups of 5, 8 and 27 faces are collages of the six example portraits, some of them mirrored.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

import visavis

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "examples/photos"
OUT = ROOT / "docs/images"

QUALITY, WIDEST = 85, 1400
"""Of the JPEGs: with them each is below 300 kB, and its text is legible on a page."""

GREY = (226, 224, 220)
SOURCE = PHOTOS / "ardern_2018.jpg"
SAME, SIMILAR = "ardern_2022", ("macron_2025", "obama", "sunak", "macron_2014")
GROUPS = {5: (3, 760, 620), 8: (4, 940, 620), 27: (9, 1500, 620)}
"""For a number of faces: the columns of the collage, its width and its height in pixels."""


def main() -> None:
    """Write all pictures."""
    OUT.mkdir(exist_ok=True)
    with visavis.open_engine() as engine:
        target = PHOTOS / "ardern_2022.jpg"
        write("pair", engine.compare(SOURCE, target).draw(SOURCE, target))
        for count in GROUPS:
            target_pixels = collage(count)
            comparison = engine.compare(SOURCE, target_pixels)
            found = len(comparison.matches) + len(comparison.unmatched)
            print(f"{found} of {count} faces")
            write(f"faces_{count}", comparison.draw(SOURCE, target_pixels))


def collage(count: int) -> NDArray[np.uint8]:
    """A group: portraits of different sizes in rows, the source's person among them: (h, w, 3) uint8 RGB."""
    columns, width, height = GROUPS[count]
    rows = -(-count // columns)
    random = np.random.default_rng(count)
    sheet = Image.new("RGB", (width, height), GREY)
    cell = width // columns, height // rows
    for i in range(count):
        name = SAME if i % 9 == 4 else SIMILAR[i % len(SIMILAR)]
        size = round(min(cell) * random.uniform(0.8, 0.98))
        portrait = ImageOps.fit(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"), (size, size), centering=(0.5, 0.15))
        if i % 2:
            portrait = ImageOps.mirror(portrait)
        row, column = divmod(i, columns)
        # A row that is not full is centred.
        indent = (columns - min(columns, count - row * columns)) * cell[0] // 2
        x, y = (random.integers(0, side - size + 1) for side in cell)
        sheet.paste(portrait, (int(indent + column * cell[0] + x), int(row * cell[1] + y)))
    return np.asarray(sheet)


def write(name: str, drawing: bytes) -> None:
    """Write a drawing as a small JPEG."""
    picture = Image.open(io.BytesIO(drawing)).convert("RGB")
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    file = OUT / f"{name}.jpg"
    picture.save(file, quality=QUALITY, optimize=True)
    print(f"{file}: {picture.width} x {picture.height} pixels, {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
