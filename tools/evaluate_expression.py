"""Measure the expression network that ships, through the stage that runs it, and fit its calibration.

    python -m tools.evaluate_expression --ferplus FOLDER --lfw FOLDER [--calibrate]

The truth of FERPlus's validation part is the clear majority of votes among the eight emotions. The truth of LFW is one
annotator's label, calm or happy. Its figures are printed for the people who were held out of training, and for all.
PyTorch is not needed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tools.expression_data import (
    CLASSES,
    MIN_PRESENCE,
    Faces,
    clear_majority,
    held_out,
    in_colour,
    load_ferplus,
    load_lfw,
    measures_of,
    network_input,
    soft_labels,
)

from visavis.face import Attribute, EmotionType
from visavis.files import sha256_of
from visavis.models.session import MeasuresSession, OpenVinoRuntime
from visavis.vision.expression import (
    NETWORK,
    Expression,
    ExpressionCalibration,
    ExpressionReader,
    action_units,
    load_expression_calibration,
)

__all__ = ["calibrate", "evaluate", "open_network"]

PRIOR_EXPONENT = -0.35
"""How much of the training data's imbalance is removed, beside what training has removed; below 0 some of it is added
again. `calibrate` prints the effect of other values."""

_EXPONENTS = (-0.5, -0.35, -0.25, -0.15, 0.0, 0.15, 0.3)


class RecordingSession:
    """A session that records its logits."""

    def __init__(self, session: MeasuresSession) -> None:
        self._session = session
        self.logits: list[NDArray[np.float32]] = []

    def run(self, images: NDArray[np.uint8], measures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        outputs = self._session.run(images, measures)
        self.logits.append(outputs["logits"])
        return outputs


def open_network(network: Path) -> MeasuresSession:
    """Open a network on one thread."""
    return OpenVinoRuntime(concurrency=1, cache=None).session(network, shapes=2)


def logits_of(network: Path, crops: NDArray[np.uint8], meshes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits (n, 8) of crops (n, 192, 192) and meshes (n, 468, 3)."""
    session = open_network(network)
    rows = zip(network_input(crops)[:, None, :, :, None], measures_of(meshes)[:, None], strict=True)
    return np.concatenate([session.run(image, measures)["logits"] for image, measures in rows])


def calibrate(network: Path, ferplus: Path, cache: Path) -> None:
    """Fit the temperature on FERPlus's validation part, and write the calibration to the folder of `network`."""
    faces = load_ferplus(ferplus, "validation", cache)
    classes, clear = clear_majority(faces.labels)
    logits = logits_of(network, faces.crops[clear], faces.meshes[clear])
    truth, half = classes[clear], np.arange(clear.sum()) % 2
    shares, fit = soft_labels(load_ferplus(ferplus, "train", cache).labels)
    sha256 = sha256_of(network)
    plain = ExpressionCalibration(CLASSES, 1.0, tuple(float(p) for p in shares[fit].mean(axis=0)), 0.0, sha256)
    print(f"uncalibrated: {summary(plain.probabilities(logits), truth)}")
    for exponent in sorted({*_EXPONENTS, PRIOR_EXPONENT}):
        # Each half is tested with the temperature that was fitted on the other half.
        crossed = np.empty((len(logits), len(CLASSES)))
        for part in (0, 1):
            there = fitted(replace(plain, prior_exponent=exponent), logits[half != part], truth[half != part])
            crossed[half == part] = there.probabilities(logits[half == part])
        print(f"prior exponent {exponent}, cross-fitted: {summary(crossed, truth)}")
    final = fitted(replace(plain, prior_exponent=PRIOR_EXPONENT), logits, truth)
    try:
        made_by = f"visavis {version('visavis')}"
    except PackageNotFoundError:
        made_by = "visavis, from its source"
    stored = {
        "classes": final.classes,
        "temperature": round(final.temperature, 4),
        "prior": [round(p, 5) for p in final.prior],
        "prior_exponent": final.prior_exponent,
        "network_sha256": sha256,
        "provenance": {
            "temperature": f"FERPlus validation, {len(truth)} faces with a clear majority",
            "prior": f"FERPlus train, votes for {int(fit.sum())} faces",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "tool": f"tools/evaluate_expression.py of {made_by}",
        },
    }
    network.with_suffix(".json").write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def fitted(
    calibration: ExpressionCalibration, logits: NDArray[np.float32], truth: NDArray[np.intp]
) -> ExpressionCalibration:
    """Return the calibration with the temperature of the highest likelihood of `truth`, to two decimals."""
    rows = np.arange(len(truth))

    def cross_entropy(temperature: float) -> float:
        tried = replace(calibration, temperature=temperature).probabilities(logits)
        return -float(np.log(np.maximum(tried[rows, truth], 1e-12)).mean())

    return replace(calibration, temperature=min((t / 100 for t in range(30, 201)), key=cross_entropy))


def summary(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> str:
    found = probabilities.argmax(axis=1)
    recall = [float((found[truth == c] == c).mean()) for c in range(len(CLASSES))]
    seven_found, seven_truth = (np.where(some == CLASSES.index("contempt"), 0, some) for some in (found, truth))
    happy = probabilities[:, CLASSES.index("happiness")] > 0.5
    return (
        f"accuracy {(found == truth).mean():.4f} of 8 classes, {(seven_found == seven_truth).mean():.4f} of 7, "
        f"mean recall {np.mean(recall):.3f}, smile {(happy == (truth == CLASSES.index('happiness'))).mean():.4f}, "
        f"ECE {calibration_error(probabilities.max(axis=1), found == truth):.4f}"
    )


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The expected calibration error over 15 bins of equal width."""
    bins = np.minimum((confidence * 15).astype(int), 14)
    return float(sum(abs((confidence - right)[bins == b].sum()) for b in range(15)) / len(right))


def evaluate(network: Path, ferplus: Path, lfw: Path, cache: Path) -> None:
    """Print every figure of the model card."""
    calibration = load_expression_calibration(network)
    recorder = RecordingSession(open_network(network))
    reader = ExpressionReader(recorder, calibration)
    faces = load_ferplus(ferplus, "validation", cache)
    classes, clear = clear_majority(faces.labels)
    truth = classes[clear]
    read = run(reader, faces, clear)
    probabilities = calibration.probabilities(np.concatenate(recorder.logits))
    print(f"FERPlus validation, {len(truth)} faces, temperature {calibration.temperature}")
    print(f"  {summary(probabilities, truth)}")
    print_confusion(probabilities.argmax(axis=1), truth)
    smiles(read, truth == CLASSES.index("happiness"))
    extras(read)
    filled = logits_of(network, faces.filled[clear], faces.meshes[clear])
    print(f"  with images extended by their mirror images: {summary(calibration.probabilities(filled), truth)}")

    portraits = load_lfw(lfw, cache)
    labelled = np.isin(portraits.labels, ("CALM", "HAPPY")) & (portraits.presence >= MIN_PRESENCE)
    for title, rows in (("people held out", labelled & held_out(portraits.groups)), ("all people", labelled)):
        print(f"LFW, {title}, {rows.sum()} faces labelled CALM or HAPPY")
        read = run(reader, portraits, rows)
        smiles(read, portraits.labels[rows] == "HAPPY")
        extras(read)
    calm = np.array([action_units(mesh) for mesh in portraits.meshes[labelled & (portraits.labels == "CALM")]])
    scores = (calm - calm.mean(axis=0)) / calm.std(axis=0)
    print(f"action units 4 and 7 of {len(calm)} CALM faces: mean {calm.mean(axis=0)}, sd {calm.std(axis=0)}")
    print(f"  sd of the sum of their standard scores {scores.sum(axis=1).std():.3f}")
    print_speed(reader, faces)


def run(reader: ExpressionReader, faces: Faces, rows: NDArray[np.bool_]) -> list[Expression]:
    return [reader(in_colour(faces.crops[i]), faces.meshes[i]) for i in np.flatnonzero(rows).tolist()]


def print_confusion(found: NDArray[np.intp], truth: NDArray[np.intp]) -> None:
    print("  rows: votes; columns: the network")
    print(" " * 12 + "".join(f"{name[:6]:>8}" for name in CLASSES) + "  recall")
    for c, name in enumerate(CLASSES):
        counts = np.bincount(found[truth == c], minlength=len(CLASSES))
        print(f"  {name:<10}" + "".join(f"{n:>8}" for n in counts) + f"{counts[c] / counts.sum():>8.2f}")


def smiles(read: list[Expression], happy: NDArray[np.bool_]) -> None:
    given: list[Attribute] = [expression.smile for expression in read]
    right = np.array([smile.value for smile in given]) == happy
    error = calibration_error(np.array([smile.confidence / 100 for smile in given]), right)
    each = f"{right[happy].mean():.4f} of smiles, {right[~happy].mean():.4f} of others"
    print(f"  smile right {right.mean():.4f} ({each}), ECE {error:.4f}")


def extras(read: list[Expression]) -> None:
    first = [expression.emotions[0].type for expression in read]
    confused = [e.confidence for expression in read for e in expression.emotions if e.type is EmotionType.CONFUSED]
    shares = {kind.value: round(first.count(kind) / len(first), 4) for kind in EmotionType}
    print(f"  first emotion: {shares}")
    median, high, highest = np.quantile(confused, (0.5, 0.95, 0.99))
    print(f"  CONFUSED: median {median:.1f}, 95 % below {high:.1f}, 99 % below {highest:.1f}")


def print_speed(reader: ExpressionReader, faces: Faces) -> None:
    taken = []
    for i in range(min(500, len(faces.names))):
        crop = in_colour(faces.crops[i])
        start = time.perf_counter()
        reader(crop, faces.meshes[i])
        taken.append(time.perf_counter() - start)
    median, slow = 1e3 * np.quantile(taken, (0.5, 0.95))
    print(f"one face on one thread, whole stage: median {median:.2f} ms, 95 % below {slow:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ferplus", type=Path, required=True, help="folder with train.npz and validation.npz")
    parser.add_argument("--lfw", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--network", type=Path, default=NETWORK)
    parser.add_argument("--calibrate", action="store_true", help="fit and write the calibration first")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "visavis-expression")
    given = parser.parse_args()
    if given.calibrate:
        calibrate(given.network, given.ferplus, given.cache)
    evaluate(given.network, given.ferplus, given.lfw, given.cache)


if __name__ == "__main__":
    main()
