"""The floor of a comparison: what decoding and the networks cost when nothing else is done.

A comparison is run once and every network's input noted. The floor then decodes the same bytes and runs the same
networks on those tensors, which are already there: each look of the detector, and for each face the mesh once, the
embedder once and, with every attribute, the iris network once an eye and the expression network once.
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
from visavis.models.core import CONFIG
from visavis.models.openvino_import import import_openvino
from visavis.models.session import OpenVinoRuntime, Session
from visavis.runtime import open_calibration, open_store
from visavis.settings import Settings
from visavis.vision.detect import SHAPES, Detector
from visavis.vision.embed import Embedder
from visavis.vision.expression import NETWORK, ExpressionReader
from visavis.vision.iris import PupilFinder
from visavis.vision.mesh import FaceMeshModel

__all__ = ["Floor"]

Image = NDArray[np.uint8]


class Noted:
    """A session that notes what it is run on."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.inputs: list[Image] = []

    def run(self, images: Image) -> dict[str, NDArray[np.float32]]:
        self.inputs.append(images.copy())
        return self.session.run(images)


class Floor:
    """Floors of comparisons, on one thread."""

    def __init__(self) -> None:
        settings = Settings.from_env()
        store = open_store(settings)
        runtime = OpenVinoRuntime(concurrency=1, cache=settings.home / "compiled")
        names = ("detector", "mesh", "iris", "expression", "embedder")
        self._paths = {name: NETWORK if name == "expression" else store.ready(name) for name in names}
        self._noted = {
            name: Noted(runtime.session(path, shapes=SHAPES if name == "detector" else 1))
            for name, path in self._paths.items()
        }
        analyzer = Analyzer(
            detector=Detector(self._noted["detector"]),
            mesher=FaceMeshModel(self._noted["mesh"]),
            pupils=PupilFinder(self._noted["iris"]),
            expressions=ExpressionReader(self._noted["expression"]),
            embedder=Embedder(self._noted["embedder"]),
        )
        self._engine = Engine(analyzer, open_calibration(settings), threads=1)
        self._slots: dict[tuple[str, tuple[int, ...]], Any] = {}

    def for_pair(self, source: bytes, target: bytes, detail: Detail) -> Callable[[], None]:
        """The floor of comparing these, to be called and timed."""
        for noted in self._noted.values():
            noted.inputs.clear()
        self._engine.compare(source, target, CompareOptions(0.0, detail=detail))
        faces = len(self._noted["embedder"].inputs)
        # The mesh is read twice a face or more; the floor has one reading of each.
        meshes = self._noted["mesh"].inputs
        self._noted["mesh"].inputs = [meshes[i * len(meshes) // faces] for i in range(faces)]
        runs = [(self._slot(name, x.shape), x) for name, noted in self._noted.items() for x in noted.inputs]
        scales = [(data, self._scale(data)) for data in (source, target)]

        def floor() -> None:
            for data, sides in scales:
                simplejpeg.decode_jpeg(data, **sides)
            for slot, tensor in runs:
                slot.infer({0: tensor}, share_inputs=True)

        return floor

    def _scale(self, data: bytes) -> dict[str, int]:
        """At what size visavis decodes it first."""
        image = decode(data)
        halvings = image.halvings
        return {
            "min_height": -(-image.size.height >> halvings),
            "min_width": -(-image.size.width >> halvings),
            "min_factor": 2**halvings,
        }

    def _slot(self, name: str, shape: tuple[int, ...]) -> Any:
        openvino = import_openvino()
        if (name, shape) not in self._slots:
            core = openvino.Core()
            network = core.read_model(self._paths[name])
            network.reshape(list(shape))
            self._slots[name, shape] = core.compile_model(network, "CPU", CONFIG).create_infer_request()
        return self._slots[name, shape]
