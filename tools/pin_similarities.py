"""Pin the similarities that tests/golden/test_same_answers.py expects.

    VISAVIS_DATA=FOLDER python -m tools.pin_similarities

Run it after a change that moves similarities on purpose, such as a new fit of the scale. It prints how far each set has
moved.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path

from visavis.compare_options import CompareOptions
from visavis.engine import Engine
from visavis.runtime import open_engine

ROOT = Path(__file__).parent.parent
FILE = ROOT / "tests/golden/similarities.json"


def main() -> None:
    pinned: dict[str, list[tuple[str, str, float]]] = json.loads(FILE.read_text("utf-8"))
    folders = {"photos": ROOT / "examples/photos", "lfw-dev": Path(os.environ["VISAVIS_DATA"]) / "lfw-dev/images"}
    with open_engine() as engine:
        for name, rows in pinned.items():
            found = [(a, b, similarity(engine, folders[name], a, b)) for a, b, _ in rows]
            moved = [abs(new[2] - old[2]) for new, old in zip(found, rows, strict=True)]
            print(f"{name}: {len(rows)} pairs moved by at most {max(moved):.4f}, median {statistics.median(moved):.4f}")
            pinned[name] = found
    FILE.write_text(as_text(pinned), "utf-8")


def similarity(engine: Engine, folder: Path, source: str, target: str) -> float:
    """The similarity of the largest faces of two images, rounded."""
    one, other = ((folder / name).with_suffix(".jpg").read_bytes() for name in (source, target))
    matches = engine.compare(one, other, CompareOptions(similarity_threshold=0)).matches
    return round(max(matches, key=lambda match: match.face.box.area).similarity, 4)


def as_text(pinned: dict[str, list[tuple[str, str, float]]]) -> str:
    """Format the similarities as JSON, with one pair in each line."""
    sets = (
        f' "{name}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]" for name, rows in pinned.items()
    )
    return "{\n" + ",\n".join(sets) + "\n}\n"


if __name__ == "__main__":
    main()
