"""Meshes of known poses, and a scene whose faces scripted networks find, for tests of the vision core.

No real network runs. Each pixel of a `map_image` holds its own coordinates, so a scripted network can tell from the
pixels it receives which part of the image they show, how large and at what rotation, and answers as a real one would.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analyzer
from visavis.geometry import Matrix, apply, invert
from visavis.image import Image
from visavis.mean_face import mean_face
from visavis.orientation import OrientationResolver
from visavis.vision.align import five_points
from visavis.vision.detect import Detector
from visavis.vision.embed import Embedder
from visavis.vision.expression import ExpressionReader
from visavis.vision.iris import PupilFinder
from visavis.vision.mesh import FaceMeshModel

__all__ = ["FIVE", "Scene", "SceneFace", "empty_grids", "locate", "map_image", "posed_mesh", "put_face", "rotation"]

Grids = dict[str, NDArray[np.float32]]


FIVE = np.array(
    json.loads((files("visavis.vision") / "data/detector_points.json").read_text("utf-8"))["numbers"]["points"]
)
"""Where the detector sees eyes, nose and mouth corners of the mean face."""


def rotation(*, roll: float = 0, yaw: float = 0, pitch: float = 0) -> NDArray[np.float64]:
    """In the mesh's frame (x right, y down, z away): roll clockwise on the screen, yaw to the right, pitch upwards."""
    (cr, sr), (cy, sy), (cp, sp) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (roll, yaw, pitch))
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(about_z @ about_y @ about_x)


def posed_mesh(
    *,
    roll: float = 0,
    yaw: float = 0,
    pitch: float = 0,
    interocular: float = 40,
    centre: tuple[float, float] = (128, 128),
) -> NDArray[np.float32]:
    """The mean face, rotated about the middle of its eyes and placed there: (468, 3) float32.

    interocular: pixels between the eyes when seen from the front
    centre:      of the eyes, in pixels
    """
    points = interocular * mean_face() @ rotation(roll=roll, yaw=yaw, pitch=pitch).T
    return np.add(points, [*centre, 0]).astype(np.float32)


def map_image(width: int = 256, height: int = 256) -> Image:
    """An image, at most 256 pixels a side, of which red is x, green is y and blue is 255."""
    y, x = np.mgrid[:height, :width]
    return Image(np.stack([x, y, np.full_like(x, 255)], axis=2).astype(np.uint8))


def locate(pixels: NDArray[np.uint8]) -> Matrix:
    """The transform from a `map_image` to `pixels` (h, w, 3), which were cut from it; to about a tenth of a pixel."""
    # An odd step meets every phase of an image enlarged by two.
    step = min(pixels.shape[:2]) // 40 | 1
    v, u = np.mgrid[: pixels.shape[0] : step, : pixels.shape[1] : step]
    shown = pixels[::step, ::step].astype(np.float64)
    # Blue shows what lies outside; the outermost pixels are left out because a resize repeats them.
    x, y = shown[..., 0], shown[..., 1]
    inside = (shown[..., 2] == 255) & (x > 0) & (y > 0) & (x < x.max()) & (y < y.max())
    known = np.stack([u[inside] + 0.5, v[inside] + 0.5, np.ones(inside.sum())], axis=1)
    back = np.linalg.lstsq(known, np.stack([x[inside], y[inside]], axis=1) + 0.5, rcond=None)[0].T
    return invert(back)


def empty_grids(height: int, width: int) -> Grids:
    """The detector's outputs without any face."""
    grids: Grids = {}
    for s in (8, 16, 32):
        cells = (height // s) * (width // s)
        for name, n in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            grids[f"{name}_{s}"] = np.zeros((1, cells, n), np.float32)
    return grids


def put_face(
    grids: Grids, columns: int, box: NDArray[np.floating], points: NDArray[np.floating], score: float, stride: int = 8
) -> None:
    """Enter a face into the detector's outputs: box (4,) and points (5, 2) in pixels of the input."""
    centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    corner = centre // stride
    cell = int(corner[1]) * (columns // stride) + int(corner[0])
    grids[f"cls_{stride}"][0, cell] = grids[f"obj_{stride}"][0, cell] = score
    grids[f"bbox_{stride}"][0, cell] = [*(centre / stride - corner), *np.log(sides / stride)]
    grids[f"kps_{stride}"][0, cell] = (points / stride - corner).ravel()


def eye_contour(opening: float = 0.3, width: float = 2.0) -> NDArray[np.float64]:
    """The contour (16, 2) of an image-left eye around the origin, the outer corner left.

    opening: distance between the lids over the width
    """
    along = np.linspace(-0.5, 0.5, 9)
    lower = np.column_stack([along, np.r_[0, [opening / 2] * 7, 0]])
    return np.concatenate([lower, lower[1:8] * [1, -1]]) * width


def iris_outputs(pupil: tuple[float, float], opening: float = 0.3) -> Grids:
    """The iris network's outputs: a pupil, and an eye as wide as the crop is made for, around the crop's middle."""
    points = np.full((71, 3), -99, np.float32)
    points[:16, :2] = eye_contour(opening, width=64 / 2.3) + 32
    rim = [[-99, -99, -99]] * 4
    return {
        "output_iris": np.array([[*pupil, 0], *rim], np.float32).reshape(1, 15),
        "output_eyes_contours_and_brows": points.reshape(1, 213),
    }


@dataclass(frozen=True)
class SceneFace:
    """A face of a scene, and how well each network knows it.

    centre:         of the eyes, in pixels
    score:          the detector's within 45 degrees of upright
    closer_score:   the same where the face is shown with 30 pixels between the eyes or more; default: `score`
    wrong_score:    the detector's from `wrong_from` degrees on, where it takes the face for an upright one; 0 if it
                    does not find it
    presence:       the mesh's within 60 degrees of upright
    wrong_presence: the mesh's beyond, where it reads an upright face
    norm:           of the embedding within 60 degrees of upright
    wrong_norm:     of the embedding beyond
    detected_side:  of the detector's box, in interocular distances
    detected_again: the detector also reports the face with a box to the right of the first
    """

    centre: tuple[float, float] = (128, 110)
    interocular: float = 30
    roll: float = 0
    score: float = 0.9
    closer_score: float | None = None
    wrong_score: float = 0
    wrong_from: float = 45
    presence: float = 18
    wrong_presence: float = 5
    norm: float = 12
    wrong_norm: float = 7
    detected_side: float = 2.2
    detected_again: bool = False

    @cached_property
    def mesh(self) -> NDArray[np.float32]:
        return posed_mesh(roll=self.roll, interocular=self.interocular, centre=self.centre)

    @cached_property
    def middle(self) -> NDArray[np.float32]:
        return np.asarray(self.mesh[:, :2].mean(axis=0))

    def shown_by(self, matrix: Matrix) -> tuple[NDArray[np.float32], float]:
        """The mesh in the frame of what is shown, and its roll there, -180..180."""
        scale = math.hypot(*matrix[:, 0])
        turn = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        mesh = np.column_stack([apply(matrix, self.mesh[:, :2]), scale * self.mesh[:, 2]])
        return mesh.astype(np.float32), (self.roll + turn + 180) % 360 - 180


@dataclass
class Scene:
    """Faces on a `map_image`, with an analyzer whose networks are scripted.

    runs: how many crops each network read, by name
    """

    faces: list[SceneFace]
    image: Image = field(default_factory=map_image)
    runs: dict[str, int] = field(default_factory=dict)

    @property
    def orientation(self) -> OrientationResolver:
        return self.analyzer.orientation

    @property
    def analyzer(self) -> Analyzer:
        return Analyzer(
            detector=Detector(self._session("detector", self._detect)),
            mesh_model=self._mesh_model,
            pupils=PupilFinder(self._session("iris", lambda _: iris_outputs((40, 32)))),
            expressions=ExpressionReader(
                self._session("expression", lambda _: {"logits": np.zeros((1, 8), np.float32)})
            ),
            embedder=Embedder(self._session("embedder", self._embed)),
        )

    @property
    def _mesh_model(self) -> FaceMeshModel:
        return FaceMeshModel(self._session("mesh", self._read_mesh))

    def _session(self, name: str, answer: Callable[[NDArray[np.uint8]], Grids]) -> Counted:
        return Counted(self.runs, name, answer)

    def _detect(self, pixels: NDArray[np.uint8]) -> Grids:
        height, width = pixels.shape[:2]
        grids, matrix = empty_grids(height, width), locate(pixels)
        for face in self.faces:
            mesh, roll = face.shown_by(matrix)
            centre, interocular = five_points(mesh).mean(axis=0), face.interocular * math.hypot(*matrix[:, 0])
            score = face.score if face.closer_score is None or interocular < 30 else face.closer_score
            if abs(roll) > 45:
                score = face.wrong_score * (abs(roll) >= face.wrong_from)
            if score <= 0 or not (0 <= centre[0] < width and 0 <= centre[1] < height):
                continue
            half = face.detected_side * interocular / 2
            if half > 150:  # As the real one, which finds faces up to about 300 pixels.
                continue
            box = np.array([*(centre - half), *(centre + half)])
            # What is found the wrong way up is taken for an upright face in the same place.
            points = five_points(mesh if abs(roll) <= 45 else posed_mesh(interocular=interocular))
            points = points - points.mean(axis=0) + centre
            put_face(grids, width, box, points, score)
            if face.detected_again:
                put_face(grids, width, np.add(box, [1.5 * half, 0, 1.5 * half, 0]), points, 0.9 * score)
        return grids

    def _read_mesh(self, pixels: NDArray[np.uint8]) -> Grids:
        face, matrix = self._nearest(pixels)
        mesh, roll = face.shown_by(matrix)
        presence = face.presence
        if abs(roll) > 60:
            centre = mesh[:, :2].mean(axis=0)
            mesh = posed_mesh(interocular=face.interocular * math.hypot(*matrix[:, 0]))
            mesh[:, :2] += centre - mesh[:, :2].mean(axis=0)
            presence = face.wrong_presence
        return {
            "conv2d_21": mesh.reshape(1, 1, 1, 1404),
            "conv2d_31": np.full((1, 1, 1, 1), presence, np.float32),
        }

    def _embed(self, pixels: NDArray[np.uint8]) -> Grids:
        face, matrix = self._nearest(pixels)
        norm = face.norm if abs(face.shown_by(matrix)[1]) <= 60 else face.wrong_norm
        return {"embedding": np.eye(1, 128, dtype=np.float32) * norm}

    def _nearest(self, pixels: NDArray[np.uint8]) -> tuple[SceneFace, Matrix]:
        """The face that a crop shows in its middle, and the transform from the image to the crop."""
        matrix = locate(pixels)
        middle = apply(invert(matrix), np.array([[pixels.shape[1] / 2, pixels.shape[0] / 2]]))[0]
        return min(self.faces, key=lambda f: math.dist(f.middle, middle)), matrix


class Counted:
    """A session that answers by a function of one (h, w, channels) crop, and counts the crops."""

    def __init__(self, runs: dict[str, int], name: str, answer: Callable[[NDArray[np.uint8]], Grids]) -> None:
        self._runs, self._name, self._answer = runs, name, answer

    def run(self, images: NDArray[np.uint8], *_: NDArray[np.float32]) -> Grids:
        self._runs[self._name] = self._runs.get(self._name, 0) + len(images)
        answers = [self._answer(image) for image in images]
        # As the real networks, of which some put the answers for several crops into one row.
        return {name: np.concatenate([answer[name] for answer in answers], axis=1) for name in answers[0]}
