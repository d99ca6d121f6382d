"""`visavis evaluate` counts what `Engine.compare` answers, on the example photographs and over-exposed copies."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import PHOTOS
from visavis.cli import main
from visavis.compare_options import CompareOptions
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

SIMILARITIES = (80, 90, 97, 99)
EXPOSURES = (1.0, 2.2, 2.6)
"""Factors of light. At 2.2 and 2.6 Macron's faces are so poor that the adjustment brings a pair below 99."""

EVERYONE = CompareOptions(similarity_threshold=0, detail=Detail.MINIMAL)

Pair = tuple[str, str]


def over_exposed(data: bytes, factor: float) -> bytes:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    bright = (pixels.astype(np.float32) * factor).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".png", bright, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled folder of 18 images of four people."""
    folder = tmp_path_factory.mktemp("exposed")
    (folder / "images").mkdir()
    rows = [["image", "identity"]]
    for photo in sorted(PHOTOS.glob("*.jpg")):
        for factor in EXPOSURES:
            name = f"{photo.stem}_{factor:g}.png"
            (folder / "images" / name).write_bytes(over_exposed(photo.read_bytes(), factor))
            rows.append([name, photo.stem.split("_")[0]])
    with (folder / "images.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[Pair, tuple[float, float]]:
    """The similarity of a comparison and that of the cosine without adjustment, by pair."""
    found = {}
    images = {path.name: path.read_bytes() for path in sorted((folder / "images").iterdir())}
    # The faces are cached because each image is in 17 comparisons.
    with open_engine(replace(Settings.from_env(), face_cache_size=100)) as engine:
        for one, other in combinations(images, 2):
            # Every photograph shows one face.
            (match,) = engine.compare(images[one], images[other], EVERYONE).matches
            found[one, other] = match.similarity, engine.calibration.similarity(match.cosine)
    return found


def same(pair: Pair) -> bool:
    return pair[0].split("_")[0] == pair[1].split("_")[0]


def errors(answers: dict[Pair, tuple[float, float]], which: int) -> list[tuple[int, int]]:
    """False matches and false non-matches at each similarity."""
    counts = []
    for threshold in SIMILARITIES:
        wrong = [pair for pair, both in answers.items() if (both[which] >= threshold) != same(pair)]
        counts.append((sum(not same(pair) for pair in wrong), sum(same(pair) for pair in wrong)))
    return counts


def reported(out: Path) -> list[tuple[int, int]]:
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert [point["similarity"] for point in report["at_similarity"]] == list(SIMILARITIES)
    return [(point["fmr"]["errors"], point["fnmr"]["errors"]) for point in report["at_similarity"]]


def test_every_pair_of_a_folder_is_counted_as_it_is_answered(
    folder: Path, answers: dict[Pair, tuple[float, float]], tmp_path: Path
) -> None:
    assert main(["evaluate", str(folder), "--no-plots", "--replicates", "0", "--out", str(tmp_path)]) == 0
    assert reported(tmp_path) == errors(answers, 0)
    assert errors(answers, 0) != errors(answers, 1), "all images have full quality, so score and cosine are equal"


def test_listed_pairs_are_counted_as_they_are_answered(
    folder: Path, answers: dict[Pair, tuple[float, float]], tmp_path: Path
) -> None:
    rows = [(*pair, str(int(same(pair)))) for pair in answers]
    with (folder / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("source", "target", "same"), *rows])
    words = [str(folder / "pairs.csv"), "--no-plots", "--replicates", "0", "--out", str(tmp_path)]
    assert main(["evaluate", *words]) == 0
    assert reported(tmp_path) == errors(answers, 0)
