"""Computes the floor of a comparison: the time of decoding and of the networks alone.

A comparison is run once, and the input of every network is recorded. The floor decodes the same bytes and runs the same
networks on the recorded inputs: the detector as often as the comparison did, and for each face the mesh once and the
embedder once. With every attribute it also runs the iris network once for each eye and the expression network once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from visavis.analysis import Analyzer
from visavis.compare_options import CompareOptions
from visavis.engine import Engine
from visavis.face import Detail
from visavis.image import decode
from visavis.models.core import CONFIG, input_shapes
from visavis.models.openvino_import import import_openvino
from visavis.models.session import OpenVinoRuntime, OpenVinoSession
from visavis.runtime import open_calibration, open_store
from visavis.settings import Settings
from visavis.vision.detect import SHAPES, Detector
from visavis.vision.embed import Embedder
from visavis.vision.expression import NETWORK, ExpressionReader
from visavis.vision.iris import PupilFinder
from visavis.vision.mesh import FaceMeshModel

__all__ = ["Floor"]

Image = NDArray[np.uint8]


class RecordingSession:
    """A session that records its inputs."""

    def __init__(self, session: OpenVinoSession) -> None:
        self.session = session
        self.inputs: list[tuple[NDArray[Any], ...]] = []

    def run(self, images: Image, *measures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.inputs.append((images.copy(), *measures))
        return self.session.run(images, *measures)


class Floor:
    """Computes floors of comparisons, on one thread."""

    def __init__(self) -> None:
        settings = Settings.from_env()
        self._precision = settings.precision
        store = open_store(settings)
        runtime = OpenVinoRuntime(concurrency=1, cache=settings.home / "compiled")
        self._paths = {name: store.ready(name) for name in ("detector", "mesh", "iris")}
        self._paths |= {"expression": NETWORK, "embedder": store.ready(settings.embedder)}
        self._recorders = {
            name: RecordingSession(runtime.session(path, shapes=SHAPES if name == "detector" else 1))
            for name, path in self._paths.items()
        }
        analyzer = Analyzer(
            detector=Detector(self._recorders["detector"]),
            mesh_model=FaceMeshModel(self._recorders["mesh"]),
            pupils=PupilFinder(self._recorders["iris"]),
            expressions=ExpressionReader(self._recorders["expression"]),
            embedder=Embedder(self._recorders["embedder"]),
        )
        self._engine = Engine(analyzer, open_calibration(settings), threads=1)
        self._requests: dict[tuple[str, tuple[int, ...]], Any] = {}

    def for_pair(self, source: bytes, target: bytes, detail: Detail) -> Callable[[], None]:
        """Return a function that does the work of the floor of one comparison, for the caller to time."""
        for recorder in self._recorders.values():
            recorder.inputs.clear()
        self._engine.compare(source, target, CompareOptions(0.0, detail=detail))
        faces = len(self._recorders["embedder"].inputs)
        # A comparison reads each mesh at least twice; the floor reads it once.
        meshes = self._recorders["mesh"].inputs
        self._recorders["mesh"].inputs = [meshes[i * len(meshes) // faces] for i in range(faces)]
        runs = [
            (self._request(name, x[0].shape), dict(enumerate(x)))
            for name, recorder in self._recorders.items()
            for x in recorder.inputs
        ]
        scales = [(data, self._scale(data)) for data in (source, target)]

        def floor() -> None:
            for data, sides in scales:
                simplejpeg.decode_jpeg(data, **sides)
            for request, inputs in runs:
                request.infer(inputs, share_inputs=True)

        return floor

    def _scale(self, data: bytes) -> dict[str, int]:
        """The size at which visavis first decodes the image."""
        image = decode(data)
        halvings = image.halvings
        return {
            "min_height": -(-image.size.height >> halvings),
            "min_width": -(-image.size.width >> halvings),
            "min_factor": 2**halvings,
        }

    def _request(self, name: str, shape: tuple[int, ...]) -> Any:
        openvino = import_openvino()
        if (name, shape) not in self._requests:
            core = openvino.Core()
            network = core.read_model(self._paths[name])
            network.reshape(input_shapes(network, shape))
            precision = self._precision if name in ("detector", "embedder") else "f32"
            config = {**CONFIG, "INFERENCE_PRECISION_HINT": precision}
            self._requests[name, shape] = core.compile_model(network, "CPU", config).create_infer_request()
        return self._requests[name, shape]
