"""Embedders that were trained without some of the people judge these people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.students import Students

import visavis
from visavis.image import decode
from visavis.models.weight_update import quantized_update
from visavis.settings import Settings

WEIGHT, SHAPE = "conv_2_dw_conv2d_weight_reshaped", (32, 1, 3, 3)


def write_student(folder: Path, people: list[str], difference: float) -> None:
    folder.mkdir()
    (folder / "held_out.json").write_text(json.dumps(people))
    (folder / "update.npz").write_bytes(quantized_update({WEIGHT: np.full(SHAPE, difference, np.float32)}))


def test_each_person_is_judged_by_the_student_trained_without_them(
    tmp_path: Path, photo: Callable[[str], bytes]
) -> None:
    write_student(tmp_path / "a", ["ann", "bob"], 0.0)
    write_student(tmp_path / "b", ["cid"], 0.05)
    students = Students(tmp_path, replace(Settings.from_env(), threads=1))
    assert students["ann"] is students["bob"] is not students["cid"]
    assert students["nobody"] in students.analyzers
    assert len(students.analyzers) == 2
    made = students.with_each(lambda stages: [stages])
    assert made("ann") is made("bob")
    assert [made(name)[0] for name in ("ann", "cid")] == [students["ann"], students["cid"]]
    with visavis.open_engine(replace(Settings.from_env(), embedder="sface")) as engine:
        published = engine.analyze(photo("obama")).faces[0].embedding
    unchanged, changed = (students[name](decode(photo("obama"))).faces[0].embedding for name in ("ann", "cid"))
    np.testing.assert_allclose(unchanged, published, atol=1e-6)
    assert 0.5 < changed @ published < 0.999


def test_a_folder_without_students_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no folder with held_out\.json and update\.npz"):
        Students(tmp_path, Settings.from_env())
