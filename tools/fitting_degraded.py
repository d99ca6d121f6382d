"""Faces of lfw-dev, plain and degraded, which three of the fitting tools share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bench.degrade import DEGRADATIONS, degrade
from bench.students import Students
from numpy.typing import NDArray
from tools.fitting import Arguments, Labelled, labelled
from tools.fitting_faces import Measured, Measurer, Table, cached, each

from visavis.face import Pose
from visavis.image import decode
from visavis.settings import Settings
from visavis.vision.quality import PixelQuality, QualityInputs, sharpness_of

__all__ = ["PLAIN", "degraded_faces", "measured_rows", "rows_of"]

PLAIN = "clean"
"""The name in `bench.degrade` of what is not degraded."""
NUMBERS = (
    "score",
    "presence",
    "norm",
    "brightness",
    "contrast",
    "laplacian_rms",
    "roll",
    "yaw",
    "pitch",
    "interocular",
    "size",
)
IMAGES = 1200


def degraded_faces(args: Arguments, measurer: Measurer | None = None) -> Table:
    """A table with a row for each face found, of images of people who have several, in each way of `bench.degrade`.

    `--cache` keeps it for the other tools that use it.

    Returns:
        (n,) each: `identity`, `sex`, `image`, `how`, and the numbers that `NUMBERS` names; `vector`, (n, 128)
    """

    def measure() -> Table:
        images = labelled(args.data, args.images, several=True)
        of = measurer_of(args, measurer)

        def one(work: tuple[Labelled, str]) -> Measured | None:
            image, how = work
            return of(image.identity).largest(decode(degrade(image.file.read_bytes(), how)))

        works = [(image, how) for image in images for how in DEGRADATIONS]
        faces = [(work, face) for work, face in zip(works, each(one, works), strict=True) if face is not None]
        return {
            "identity": np.array([image.identity for (image, _), _ in faces]),
            "sex": np.array([image.sex for (image, _), _ in faces]),
            "image": np.array([image.file.name for (image, _), _ in faces]),
            "how": np.array([how for (_, how), _ in faces]),
            **measured_rows([face for _, face in faces]),
        }

    return cached(
        args.cache,
        f"degraded faces of {args.data}, {args.images} images, by {args.students or 'the shipped embedder'}",
        measure,
    )


def measurer_of(args: Arguments, measurer: Measurer | None = None) -> Callable[[str], Measurer]:
    """What measures each person: the embedder that ships, or with `--students` one that never saw the person."""
    if args.students is not None:
        return Students(args.students, Settings.from_env()).with_each(Measurer)
    shipped = measurer or Measurer()
    return lambda _: shipped


def measured_rows(faces: list[Measured]) -> Table:
    """The numbers and embeddings of faces as columns."""
    rows = np.array([
        (
            f.score, f.presence, f.norm, f.pixels.brightness, f.pixels.contrast, f.pixels.laplacian_rms,
            f.pose.roll, f.pose.yaw, f.pose.pitch, f.inputs.interocular, f.size,
        )
        for f in faces
    ]).reshape(-1, len(NUMBERS))  # fmt: skip
    vectors = np.array([f.vector for f in faces]).reshape(len(faces), -1)
    return dict(zip(NUMBERS, rows.T, strict=True)) | {"vector": vectors}


def rows_of(table: Table, logistic: tuple[float, float]) -> list[tuple[PixelQuality, QualityInputs]]:
    """What the quality score is computed from, for each row of a table. The side of the crop is not part of it."""
    columns: list[NDArray[np.float64]] = [table[name] for name in NUMBERS]
    return [
        (
            PixelQuality(brightness, sharpness_of(rms, logistic), contrast, rms, side=100.0),
            QualityInputs(100.0, presence, norm, Pose(roll=roll, yaw=yaw, pitch=pitch), interocular),
        )
        for _, presence, norm, brightness, contrast, rms, roll, yaw, pitch, interocular, _ in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
