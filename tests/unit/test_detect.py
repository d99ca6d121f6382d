from __future__ import annotations

import numpy as np
import pytest

from visavis.geometry import Size
from visavis.image import Image
from visavis.vision.detect import Detections, Detector, decode, merge


def outputs(height: int, width: int) -> dict[str, np.ndarray]:
    """A network's grids without any face."""
    grids: dict[str, np.ndarray] = {}
    for s in (8, 16, 32):
        cells = (height // s) * (width // s)
        for name, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            grids[f"{name}_{s}"] = np.zeros((1, cells, n), np.float32)
    return grids


def put_face(grids: dict[str, np.ndarray], stride: int, columns: int, x: int, y: int, score: float = 0.9) -> None:
    """A face four cells wide and high, in the cell (x, y)."""
    cell = y * columns + x
    grids[f"cls_{stride}"][0, cell] = grids[f"obj_{stride}"][0, cell] = score
    grids[f"bbox_{stride}"][0, cell] = [0.5, 0.5, np.log(4), np.log(4)]
    grids[f"kps_{stride}"][0, cell] = np.arange(10) / 10


class FakeSession:
    """A network that finds one face in the middle of whatever it is shown."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        self.shapes.append(pictures.shape)
        _, height, width, _ = pictures.shape
        grids = outputs(height, width)
        put_face(grids, 32, width // 32, width // 64, height // 64)
        return grids


def found(*faces: tuple[float, float, float, float, float]) -> Detections:
    """Detections of (left, top, right, bottom, score)."""
    table = np.array(faces, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], np.zeros((len(table), 5, 2), np.float32), table[:, 4])


@pytest.mark.parametrize(("stride", "x", "y"), [(8, 3, 5), (16, 7, 2), (32, 4, 9)])
def test_a_cell_decodes_to_its_box_and_points_in_pixels(stride: int, x: int, y: int) -> None:
    grids = outputs(640, 512)
    put_face(grids, stride, 512 // stride, x, y)
    faces = decode(grids, 512 // 8)
    left, top = (x - 1.5) * stride, (y - 1.5) * stride
    np.testing.assert_allclose(faces.boxes, [[left, top, left + 4 * stride, top + 4 * stride]], rtol=1e-5)
    np.testing.assert_allclose(faces.points[0, 1], [(x + 0.2) * stride, (y + 0.3) * stride], rtol=1e-5)
    np.testing.assert_allclose(faces.scores, [0.9])


def test_a_faint_cell_is_no_face() -> None:
    grids = outputs(640, 640)
    put_face(grids, 8, 80, 3, 3, score=0.59)
    assert len(decode(grids, 80)) == 0


def test_of_overlapping_faces_the_best_stays() -> None:
    faces = merge([found((0, 0, 100, 100, 0.8), (300, 0, 400, 100, 0.7)), found((10, 0, 110, 100, 0.9))])
    assert faces.scores.tolist() == pytest.approx([0.9, 0.7])


def test_a_face_seen_again_inside_a_larger_box_is_one_face() -> None:
    assert len(merge([found((0, 0, 100, 100, 0.9), (30, 30, 70, 70, 0.8))])) == 1


def test_faces_side_by_side_stay_apart() -> None:
    assert len(merge([found((0, 0, 100, 100, 0.9), (60, 0, 160, 100, 0.8))])) == 2


def test_nothing_found_merges_to_nothing() -> None:
    assert len(merge([found(), found()])) == 0


def test_a_face_comes_back_in_pixels_of_the_picture() -> None:
    session = FakeSession()
    faces = Detector(session)(Image(np.zeros((900, 716, 3), np.uint8)))
    assert len(faces) == 1
    x, y = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
    assert (x, y) == pytest.approx((358, 450), abs=70)


def test_a_canvas_is_a_multiple_of_64_so_that_few_networks_are_compiled() -> None:
    session = FakeSession()
    for width in range(400, 640, 7):
        Detector(session)(Image(np.zeros((640, width, 3), np.uint8)))
    assert {n % 64 for shape in session.shapes for n in shape[1:3]} == {0}
    assert len(set(session.shapes)) <= 4


def test_large_pictures_are_looked_at_twice_for_their_small_faces() -> None:
    session = FakeSession()
    Detector(session)(Image(np.zeros((1080, 1920, 3), np.uint8)))
    assert max(session.shapes)[1:3] == (768, 1280)


def test_detections_are_ordered_by_what_the_picture_shows_of_them() -> None:
    faces = found((-60, 0, 40, 100, 0.9), (10, 10, 80, 80, 0.8), (0, 0, 100, 20, 0.95))
    assert faces.visible_areas(Size(100, 100)).tolist() == [4000, 4900, 2000]
    assert faces.largest_first(Size(100, 100)).scores.tolist() == pytest.approx([0.8, 0.9, 0.95])
