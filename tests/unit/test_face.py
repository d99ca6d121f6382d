from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.test_response import make_face
from visavis.face import Landmark, LandmarkType


@pytest.mark.parametrize("kind", LandmarkType)
def test_a_landmark_is_found_by_its_type(kind: LandmarkType) -> None:
    landmarks = tuple(Landmark(other, float(i), 0.0) for i, other in enumerate(LandmarkType))
    face = replace(make_face(), landmarks=landmarks)
    assert face.landmark(kind) == Landmark(kind, list(LandmarkType).index(kind), 0.0)


def test_a_landmark_that_a_face_lacks_is_none() -> None:
    face = replace(make_face(), landmarks=(Landmark(LandmarkType.NOSE, 1.0, 2.0),))
    assert face.landmark(LandmarkType.CHIN_BOTTOM) is None
