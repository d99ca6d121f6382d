"""Make the update of SFace's weights from what `tools.train_embedder` trained.

    python -m tools.export_embedder FOLDER [--share 0.7] [--write]

FOLDER/update.npz gets the given share of the difference between the student and the original: the student alone is
better on degraded faces and worse on faces unlike those that it was trained on. `--write` also writes the update to the
package, and its hashes to the manifest.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.files import writing_atomically
from visavis.models.build import dequantize, weights_of
from visavis.models.weight_update import quantized_update, updated_weights, weights_sha256
from visavis.runtime import open_store
from visavis.settings import Settings

MODELS = Path(__file__).parent.parent / "src/visavis/models"
UPDATE = "robust-sface.npz"


def update_of(original: dict[str, NDArray[np.float32]], trained: dict[str, NDArray[np.float32]], share: float) -> bytes:
    """The content of the file that changes the original by a share of the way to the trained weights.

    Args:
        original: the weights of the original by name.
        trained: as `Student.trained` returns it.
        share: 0 to 1.

    Raises:
        SystemExit: something else than weights was trained.
    """
    factors = {
        name.removesuffix(".up"): (share * up, trained[name.removesuffix(".up") + ".down"])
        for name, up in trained.items()
        if name.endswith(".up")
    }
    others = {name: weight for name, weight in trained.items() if not name.endswith((".up", ".down"))}
    if unknown := sorted((set(others) | set(factors)) - set(original)):
        raise SystemExit(f"an update changes the weights of convolutions and of the last layer, not {unknown[0]}")
    return quantized_update({name: share * (weight - original[name]) for name, weight in others.items()}, factors)


def with_hashes(manifest: str, update: bytes, weights: str) -> str:
    """The text of the manifest with the size and the hashes of an update."""
    fields = {
        "sha256": f'"{hashlib.sha256(update).hexdigest()}"',
        "size": str(len(update)),
        "weights_sha256": f'"{weights}"',
    }
    before, table, after = re.split(rf'(file = "{re.escape(UPDATE)}"\n(?:\w+ = .*\n)+)', manifest)
    for name, value in fields.items():
        table, replaced = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", table)
        if not replaced:
            raise SystemExit(f"the manifest has no {name} in the table of {UPDATE}")
    return before + table + after


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of student.npz")
    parser.add_argument("--share", type=float, default=0.7, help="of the difference, 0 to 1 (default: 0.7)")
    parser.add_argument("--write", action="store_true", help="also write the update and its hashes to the package")
    given = parser.parse_args(words)
    store = open_store(Settings.from_env())
    network = dequantize(store.fetch(["sface"])[0])
    original = weights_of(network)
    with np.load(given.folder / "student.npz") as stored:
        update = update_of(original, {name: stored[name] for name in stored.files}, given.share)
    with writing_atomically(given.folder / "update.npz") as temporary:
        temporary.write_bytes(update)
    weights = weights_sha256(updated_weights(original, update))
    print(f"{given.folder / 'update.npz'}: {len(update)} bytes, {weights}")
    if given.write:
        text = with_hashes((MODELS / "manifest.toml").read_text("utf-8"), update, weights)
        for path, content in ((MODELS / "data" / UPDATE, update), (MODELS / "manifest.toml", text.encode())):
            with writing_atomically(path) as temporary:
                temporary.write_bytes(content)
        print(f"wrote {MODELS / 'data' / UPDATE} and the manifest; fit what hangs on the embedder again")


if __name__ == "__main__":
    main()
