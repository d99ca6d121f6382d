"""The tools that fit numbers measure faces with the real networks as the engine does."""

from __future__ import annotations

import numpy as np
import pytest
from tools.fitting_faces import Measurer

from tests.conftest import PHOTOS
from visavis.engine import Engine
from visavis.face import LandmarkType
from visavis.image import decode


def test_a_face_is_measured_as_the_engine_sees_it(engine: Engine) -> None:
    data = (PHOTOS / "sunak.jpg").read_bytes()
    (face,) = engine.analyze(data).faces
    measured = Measurer().largest(decode(data))
    assert measured is not None
    eyes = [(p.x, p.y) for p in face.landmarks if p.type in (LandmarkType.EYE_LEFT, LandmarkType.EYE_RIGHT)]
    np.testing.assert_allclose(measured.pupils, eyes, atol=1e-3)
    assert measured.vector == pytest.approx(face.embedding, abs=1e-6)
