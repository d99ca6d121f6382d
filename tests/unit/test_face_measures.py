from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.face_measures import MEASURES, expression_measures
from visavis.face_mesh import (
    CHIN,
    INNER_BROWS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    LOWER_LIP,
    MIDDLE_BROWS,
    MOUTH_CORNERS,
    NOSE_BASE,
    NOSE_WINGS,
    OUTER_BROWS,
    OUTER_EYE_CORNERS,
    UPPER_LIDS,
    UPPER_LIP,
    VERTICES,
)
from visavis.mean_face import mean_face

Mesh = NDArray[np.float32]
UNIT = float(np.linalg.norm(np.diff(mean_face()[list(OUTER_EYE_CORNERS)], axis=0)))
MIRRORED = (*OUTER_EYE_CORNERS, *INNER_BROWS, *MIDDLE_BROWS, *OUTER_BROWS, *NOSE_WINGS, *MOUTH_CORNERS)


def face() -> Mesh:
    return mean_face().astype(np.float32)


def moved(vertices: tuple[int, ...], right: float = 0, down: float = 0) -> Mesh:
    """The mean face with some vertices moved along its face, in distances of its outer eye corners."""
    mesh = face()
    along = mesh[list(NOSE_WINGS)].mean(axis=0) - mesh[list(OUTER_EYE_CORNERS)].mean(axis=0)
    along[0] = 0
    mesh[list(vertices)] += UNIT * (right * np.eye(3)[0] + down * along / np.linalg.norm(along)).astype(np.float32)
    return mesh


def turned(mesh: Mesh, axis: int, degrees: float) -> Mesh:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    rotation[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return (mesh @ rotation.T).astype(np.float32)


def measures(mesh: Mesh) -> dict[str, float]:
    return dict(zip(MEASURES, expression_measures(mesh).tolist(), strict=True))


@pytest.mark.parametrize(
    ("vertices", "right", "down", "changes"),
    [
        ((*LOWER_INNER_LIP, LOWER_LIP, CHIN), 0, 0.2, {"opening of the mouth": 0.2, "lift of its corners": 0.1}),
        (MOUTH_CORNERS[1:], 0.1, 0, {"width of the mouth": 0.1}),
        (MOUTH_CORNERS, 0, -0.1, {"lift of its corners": 0.1}),
        (
            MOUTH_CORNERS[:1],
            0,
            -0.1,
            {"lift of its corners": 0.05, "difference between the lifts of its corners": 0.1},
        ),
        ((UPPER_LIP,), 0, -0.05, {"thickness of both lips": 0.05, "nose to upper lip": -0.05}),
        ((CHIN,), 0, 0.1, {"lower lip to chin": 0.1}),
        (INNER_BROWS, 0, -0.1, {"height of the inner brows": 0.1}),
        (INNER_BROWS[:1], -0.1, 0, {"distance of the inner brows": 0.1}),
        (MIDDLE_BROWS, 0, -0.1, {"height of the middles of the brows": 0.1}),
        (OUTER_BROWS, 0, -0.1, {"height of the outer brows": 0.1}),
        (UPPER_LIDS, 0, -0.1, {"height of the upper lids": 0.1}),
        (LOWER_LIDS, 0, -0.1, {"height of the lower lids": 0.1}),
        (NOSE_WINGS[1:], 0.1, 0, {"width of the nose": 0.1}),
        ((NOSE_BASE,), 0, 0.1, {"length of the nose": 0.1, "nose to upper lip": -0.1}),
    ],
)
def test_a_movement_changes_its_own_measures(
    vertices: tuple[int, ...], right: float, down: float, changes: dict[str, float]
) -> None:
    before, after = measures(face()), measures(moved(vertices, right, down))
    for name in MEASURES:
        assert after[name] - before[name] == pytest.approx(changes.get(name, 0), abs=2e-3), name


def test_measures_do_not_depend_on_place_size_and_roll() -> None:
    mesh = 90 * turned(face(), axis=2, degrees=25) + np.array([300, 200, 10], np.float32)
    np.testing.assert_allclose(expression_measures(mesh), expression_measures(face()), atol=1e-4)


@pytest.mark.parametrize(("axis", "degrees"), [(1, 30), (1, -20), (0, 15), (0, -15)])
def test_a_turned_head_keeps_all_measures_but_turn_and_nod(axis: int, degrees: float) -> None:
    before, after = expression_measures(face()), expression_measures(turned(face(), axis, degrees))
    np.testing.assert_allclose(after[:15], before[:15], atol=1e-4)
    assert abs(after[15 + (axis == 0)] - before[15 + (axis == 0)]) > 0.1


def test_turn_has_no_sign_and_nod_grows_as_the_face_looks_down() -> None:
    left, right = (measures(turned(face(), 1, degrees))["turn of the head"] for degrees in (-30, 30))
    assert left == pytest.approx(right, abs=0.01)
    assert left == pytest.approx(0.5, abs=0.01)
    # Looking down, the chin goes away from the viewer: z of what has a large y grows.
    down = turned(face(), 0, 20)
    assert down[CHIN, 2] > face()[CHIN, 2]
    assert measures(down)["nod of the head"] > measures(face())["nod of the head"] > -0.4


def test_a_mirrored_face_has_the_same_measures() -> None:
    mesh = turned(moved((MOUTH_CORNERS[0], INNER_BROWS[1]), 0.05, -0.1), 1, 20)
    mirror = mesh * np.array([-1, 1, 1], np.float32)
    for left, right in zip(MIRRORED[::2], MIRRORED[1::2], strict=True):
        mirror[[left, right]] = mirror[[right, left]]
    np.testing.assert_allclose(expression_measures(mirror), expression_measures(mesh), atol=0.01)


def test_a_mesh_that_is_no_face_has_finite_measures() -> None:
    for mesh in (np.zeros((VERTICES, 3), np.float32), np.full((VERTICES, 3), 7, np.float32)):
        assert np.isfinite(expression_measures(mesh)).all()
