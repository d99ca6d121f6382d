from __future__ import annotations

import numpy as np
import pytest

from tests.makers import empty_grids, put_face
from visavis.geometry import Size
from visavis.image import Image
from visavis.vision.detect import Detections, Detector, decode, non_max_suppression


def four_cells(stride: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    """The box and points of a face four cells wide and high in the middle of the cell (x, y), in pixels."""
    middle = (np.array([x, y]) + 0.5) * stride
    box = np.array([*(middle - 2 * stride), *(middle + 2 * stride)])
    return box, (np.array([x, y]) + np.arange(10).reshape(5, 2) / 10) * stride


class FakeSession:
    """A network that finds one face in the middle of its input, with `side` of the input's longer side."""

    def __init__(self, score: float = 0.9, side: float = 0.25) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.score, self.side = score, side

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self.shapes.append(images.shape)
        _, height, width, _ = images.shape
        grids = empty_grids(height, width)
        middle, half = np.array([width, height]) / 2 + 0.1, self.side * max(width, height) / 2
        put_face(grids, width, np.array([*(middle - half), *(middle + half)]), np.tile(middle, (5, 1)), self.score)
        return grids


def found(*faces: tuple[float, float, float, float, float]) -> Detections:
    """Detections of (left, top, right, bottom, score)."""
    table = np.array(faces, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], np.zeros((len(table), 5, 2), np.float32), table[:, 4])


@pytest.mark.parametrize(("stride", "x", "y"), [(8, 3, 5), (16, 7, 2), (32, 4, 9)])
def test_a_cell_decodes_to_its_box_and_points_in_pixels(stride: int, x: int, y: int) -> None:
    grids = empty_grids(640, 512)
    put_face(grids, 512, *four_cells(stride, x, y), 0.9, stride)
    faces = decode(grids, 512 // 8)
    left, top = (x - 1.5) * stride, (y - 1.5) * stride
    np.testing.assert_allclose(faces.boxes, [[left, top, left + 4 * stride, top + 4 * stride]], rtol=1e-5)
    np.testing.assert_allclose(faces.points[0, 1], [(x + 0.2) * stride, (y + 0.3) * stride], rtol=1e-5)
    np.testing.assert_allclose(faces.scores, [0.9])


@pytest.mark.parametrize(("score", "faces"), [(0.59, 0), (0.61, 1)])
def test_a_faint_cell_is_no_face(score: float, faces: int) -> None:
    grids = empty_grids(640, 640)
    put_face(grids, 640, *four_cells(8, 3, 3), score)
    assert len(decode(grids, 80)) == faces


def test_a_score_is_the_geometric_mean_of_class_and_centre_each_at_most_1() -> None:
    grids = empty_grids(640, 640)
    put_face(grids, 640, *four_cells(8, 3, 3), 0.9)
    grids["cls_8"][grids["cls_8"] > 0] = 0.5
    grids["obj_8"][grids["obj_8"] > 0] = 1.7
    assert decode(grids, 80).scores.tolist() == pytest.approx([0.5**0.5])


def test_of_overlapping_faces_the_best_stays() -> None:
    faces = non_max_suppression([found((0, 0, 100, 100, 0.8), (300, 0, 400, 100, 0.7)), found((10, 0, 110, 100, 0.9))])
    assert faces.scores.tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize(("shift", "faces"), [(53, 1), (55, 2)])
def test_boxes_with_an_iou_over_3_tenths_are_one_face(shift: float, faces: int) -> None:
    # Two squares of side 100 with an offset of 53.8 have an IoU of .3.
    assert len(non_max_suppression([found((0, 0, 100, 100, 0.9), (shift, 0, 100 + shift, 100, 0.8))])) == faces


@pytest.mark.parametrize(("outside", "faces"), [(7, 1), (9, 2)])
def test_a_box_that_lies_to_8_tenths_in_a_larger_one_is_one_face_with_it(outside: float, faces: int) -> None:
    # The side of the smaller box is 40; the IoU is far below .3.
    assert len(non_max_suppression([found((0, 0, 100, 100, 0.9), (60 + outside, 30, 100 + outside, 70, 0.8))])) == faces


def test_a_face_that_the_best_leaves_is_kept_though_it_overlaps_one_that_was_dropped() -> None:
    chain = found((0, 0, 100, 100, 0.9), (40, 0, 140, 100, 0.8), (80, 0, 180, 100, 0.7))
    assert non_max_suppression([chain]).scores.tolist() == pytest.approx([0.9, 0.7])


def test_nothing_found_merges_to_nothing() -> None:
    assert len(non_max_suppression([found(), found()])) == 0


def test_a_face_comes_back_in_pixels_of_the_image() -> None:
    # The input is 512 x 448 pixels, of which the image fills 512 x 407; the face is in the middle of the input.
    faces = Detector(FakeSession())(Image(np.zeros((900, 716, 3), np.uint8)))
    (box,) = faces.boxes
    scale = 900 / 512
    x, y = (box[:2] + box[2:]) / 2
    assert (x, y) == pytest.approx((224.1 * 716 / 407, 256.1 * scale), abs=0.01)
    assert box[3] - box[1] == pytest.approx(128 * scale, abs=0.01)
    np.testing.assert_allclose(faces.points[0], [(x, y)] * 5, atol=0.01)


@pytest.mark.parametrize(
    ("score", "side", "longer_sides"),
    [
        (0.9, 0.3, [512]),
        (0.86, 0.3, [512]),
        (0.84, 0.3, [512, 256]),
        (0.9, 0.14, [512, 256]),
        (0.9, 0.16, [512]),
        (0.9, 0.49, [512]),
        (0.9, 0.51, [512, 256]),
    ],
)
def test_a_smaller_size_is_detected_at_unless_a_face_is_sure_and_of_middle_size(
    score: float, side: float, longer_sides: list[int]
) -> None:
    session = FakeSession(score, side)
    Detector(session)(Image(np.zeros((512, 512, 3), np.uint8)))
    # 224 pixels, rounded up to a multiple of 64.
    assert [max(shape[1:3]) for shape in session.shapes] == longer_sides


@pytest.mark.parametrize(("longer", "largest"), [(960, 512), (961, 1280)])
def test_images_over_960_pixels_are_also_detected_at_the_large_size(longer: int, largest: int) -> None:
    session = FakeSession()
    Detector(session)(Image(np.zeros((600, longer, 3), np.uint8)))
    assert max(max(shape[1:3]) for shape in session.shapes) == largest


def test_a_face_found_at_two_sizes_is_one_face() -> None:
    session = FakeSession()
    assert len(Detector(session)(Image(np.zeros((1280, 1280, 3), np.uint8)))) == 1
    assert len(session.shapes) == 2


def test_a_canvas_is_a_multiple_of_64_so_that_few_networks_are_compiled() -> None:
    session = FakeSession()
    for width in range(400, 640, 7):
        Detector(session)(Image(np.zeros((640, width, 3), np.uint8)))
    assert {n % 64 for shape in session.shapes for n in shape[1:3]} == {0}
    assert len(set(session.shapes)) <= 4


def test_large_images_are_looked_at_twice_for_their_small_faces() -> None:
    session = FakeSession()
    Detector(session)(Image(np.zeros((1080, 1920, 3), np.uint8)))
    assert max(session.shapes)[1:3] == (768, 1280)


def test_detections_are_ordered_by_what_the_image_shows_of_them() -> None:
    faces = found((-60, 0, 40, 100, 0.9), (10, 10, 80, 80, 0.8), (0, 0, 100, 20, 0.95))
    assert faces.visible_areas(Size(100, 100)).tolist() == [4000, 4900, 2000]
    assert faces.largest_first(Size(100, 100)).scores.tolist() == pytest.approx([0.8, 0.9, 0.95])


def test_the_visible_part_of_a_detection_goes_by_width_and_height() -> None:
    faces = found((50, 10, 150, 60, 0.9), (10, 30, 60, 80, 0.8))
    assert faces.visible_areas(Size(100, 50)).tolist() == [2000, 1000]
