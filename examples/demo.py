"""Compare three pairs of photos: two pairs show one person each, and the third shows two people. Draw the first."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import visavis
from visavis.similarity_scale import shown

PHOTOS = Path(__file__).parent / "photos"
DRAWING = Path(__file__).parent.parent / "build" / "demo.png"  # Git ignores this folder.
OPENS = {"darwin": "open", "win32": "start"}  # the commands that open a file, by sys.platform
PAIRS = [("ardern_2018", "ardern_2022"), ("macron_2014", "macron_2025"), ("obama", "sunak")]


def main() -> None:
    """Print the similarity, the verdict and the duration of each comparison, and draw the first one."""
    with visavis.open_engine() as engine:
        for source, target in PAIRS:
            images = [(PHOTOS / f"{name}.jpg").read_bytes() for name in (source, target)]
            began = time.perf_counter()
            result = engine.compare(*images, visavis.CompareOptions(similarity_threshold=80))
            ms = 1000 * (time.perf_counter() - began)
            verdict, best = ("match", result.matches[0]) if result.matches else ("no match", result.unmatched[0])
            print(f"{source:12} {target:12} similarity {shown(best.similarity):>6}  {verdict:9} {ms:6.0f} ms")
            if (source, target) == PAIRS[0]:
                drawing = result.draw(*images)
    DRAWING.parent.mkdir(exist_ok=True)
    DRAWING.write_bytes(drawing)
    print(f"the first pair with its faces: {OPENS.get(sys.platform, 'xdg-open')} {DRAWING}")


if __name__ == "__main__":
    main()
