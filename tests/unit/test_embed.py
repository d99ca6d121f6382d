from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.vision.embed import Embedder

CROP = np.zeros((112, 112, 3), np.uint8)


class SumSession:
    """Returns the sums of the left and right half of the crop; records the shapes of its inputs."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        self.shapes.append(images.shape)
        halves = images[0, :, :56, 0].sum(), images[0, :, 56:, 0].sum()
        return {"any name": np.array([halves], np.float32)}


def crop_of(left: int, right: int) -> NDArray[np.uint8]:
    """A crop with these sums of its halves."""
    crop = CROP.copy()
    crop[0, 0, 0], crop[0, 111, 0] = left, right
    return crop


def test_an_embedding_has_unit_length_and_its_norm_before() -> None:
    embedded = Embedder(SumSession())(crop_of(30, 40))
    assert embedded.vector.tolist() == pytest.approx([0.6, 0.8])
    assert embedded.vector.dtype == np.float32
    assert embedded.embedding_norm == pytest.approx(50)


def test_the_network_gets_one_crop_at_a_time() -> None:
    session = SumSession()
    Embedder(session)(CROP)
    assert session.shapes == [(1, 112, 112, 3)]


def test_a_mirrored_embedding_is_the_mean_of_the_crop_and_its_mirror_image() -> None:
    session = SumSession()
    embedded = Embedder(session, mirrored=True)(crop_of(20, 80))
    assert len(session.shapes) == 2
    assert embedded.vector.tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    assert embedded.embedding_norm == pytest.approx(50 * 2**0.5)


def test_a_norm_that_is_not_calibrated_is_not_told() -> None:
    assert Embedder(SumSession(), norm_is_calibrated=False)(crop_of(30, 40)).embedding_norm is None


def test_a_zero_vector_stays_zero() -> None:
    embedded = Embedder(SumSession())(CROP)
    assert embedded.vector.tolist() == [0, 0]
    assert embedded.embedding_norm == 0


def test_an_embedding_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Embedder(SumSession())(crop_of(1, 2)).vector[0] = 1
