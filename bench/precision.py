"""Measures what bf16 does to the answers, on any processor, and to the time where the processor has bf16.

bf16 is emulated: the inputs of every convolution and matrix product are rounded to its 8 significant bits (Veltkamp's
splitting; Dekker, "A floating-point technique for extending the available precision", 1971). The table has, for plain
and degraded images, the FNMR at each format's own FMR of 1e-3, both error rates at the lowest promised similarity as
shipped, and by how much cosines of pairs move.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.degrade import degrade
from bench.degraded import Pairs, sample
from bench.images import photo
from bench.results import table
from bench.timing import interleaved, ratio
from visavis.analysis import Analyzer
from visavis.calibration import Calibration
from visavis.compare_options import CompareOptions
from visavis.errors import SettingsError
from visavis.face import Detail
from visavis.image import decode
from visavis.models.openvino_import import import_openvino
from visavis.models.session import OpenVinoRuntime
from visavis.runtime import open_analyzer, open_calibration, open_engine, open_store
from visavis.settings import Settings
from visavis.similarity_scale import LOWEST_PROMISED
from visavis.vision.detect import SHAPES, Detector
from visavis.vision.embed import Embedder
from visavis.vision.iris import PupilFinder
from visavis.vision.mesh import FaceMeshModel

IMAGES = 600
COPIES = ("clean", "quarter", "dark")
WAYS = {
    "f32": (),
    "embedder in bf16": ("embedder",),
    "detector too": ("embedder", "detector"),
    "mesh and iris too": ("embedder", "detector", "mesh", "iris"),
}
_SPLIT = 2.0**16 + 1
"""Splits the 24 significant bits of a float32 after the eighth."""


def run(data: Path) -> None:
    rows = sample(list(csv.DictReader((data / "lfw-dev/images.csv").open(encoding="utf-8"))))[:IMAGES]
    files = [(data / "lfw-dev/images" / row["image"]).read_bytes() for row in rows]
    pairs = Pairs(rows, np.zeros(len(rows), np.intp))
    calibration = open_calibration(Settings.from_env())
    lines: list[list[object]] = []
    with TemporaryDirectory() as folder:
        stages = {way: analyzer(networks, Path(folder)) for way, networks in WAYS.items()}
        for how in COPIES:
            found = {way: vectors(one, [degrade(file, how) for file in files]) for way, one in stages.items()}
            here = np.all([np.abs(each).sum(axis=1) > 0 for each in found.values()], axis=0)
            lines += [
                [f"{how}, {way}", *figures(pairs, each, found["f32"], here, calibration)] for way, each in found.items()
            ]
    at = f"at {LOWEST_PROMISED:g}"
    table(
        ["", "FNMR % at FMR 1e-3", f"FMR e-3 {at}", f"FNMR % {at}", "cosines move by", "at most"],
        lines,
    )
    speed()


def speed() -> None:
    """Print how long comparisons in bf16 take, if this processor has it."""
    settings = replace(Settings.from_env(), threads=1)
    pair = photo("ardern_2018"), photo("ardern_2022")
    try:
        in_bf16 = open_engine(replace(settings, precision="bf16"))
    except SettingsError as error:
        print(f"not timed: {error}")
        return
    with in_bf16, open_engine(replace(settings, precision="f32")) as in_f32:
        for detail in (Detail.MINIMAL, Detail.ALL):
            options = CompareOptions(detail=detail)
            times = interleaved({name: partial(engine.compare, *pair, options)
                                 for name, engine in (("f32", in_f32), ("bf16", in_bf16))})  # fmt: skip
            part = ratio(times["bf16"], times["f32"])
            print(f"two portraits, {detail.value}: f32 {times['f32'].ms:.1f} ms, bf16 {part:.2f} of it")


def analyzer(networks: Sequence[str], folder: Path) -> Analyzer:
    """The stages, with these networks in emulated bf16."""
    settings = Settings.from_env()
    stages = open_analyzer(settings)[0]
    store, runtime = open_store(settings), OpenVinoRuntime(concurrency=settings.threads, cache=None)
    files = {name: store.ready(settings.embedder if name == "embedder" else name) for name in networks}
    made = {name: emulated(file, folder / f"{name}-{len(networks)}.xml") for name, file in files.items()}
    if "embedder" in made:
        stages = replace(stages, embedder=Embedder(runtime.session(made["embedder"])))
    if "detector" in made:
        stages = replace(stages, detector=Detector(runtime.session(made["detector"], shapes=SHAPES)))
    if "mesh" in made:
        stages = replace(
            stages,
            mesh_model=FaceMeshModel(runtime.session(made["mesh"])),
            pupils=PupilFinder(runtime.session(made["iris"])),
        )
    return stages


def emulated(network: Path, out: Path) -> Path:
    """Write a network whose convolutions and matrix products have inputs rounded to bf16."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    model = openvino.Core().read_model(network)

    def rounded(value: Any) -> Any:
        split = ops.multiply(value, ops.constant(np.float32(_SPLIT)))
        return ops.subtract(split, ops.subtract(split, value))

    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution", "MatMul"):
            for port in node.inputs():
                port.replace_source_output(rounded(port.get_source_output()).output(0))
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, out, compress_to_fp16=False)
    return out


def vectors(stages: Analyzer, files: Sequence[bytes]) -> NDArray[np.float32]:
    """The embedding of each image's largest face, (n, 128); zeros without a face."""

    def vector(data: bytes) -> NDArray[np.float32]:
        faces = stages(decode(data), largest_only=True, detail=Detail.MINIMAL).faces
        return faces[0].embedding if faces else np.zeros(128, np.float32)

    with ThreadPoolExecutor(2) as pool:
        return np.stack(list(pool.map(vector, files)))


def figures(
    pairs: Pairs,
    found: NDArray[np.float32],
    f32: NDArray[np.float32],
    here: NDArray[np.bool_],
    calibration: Calibration,
) -> list[float]:
    both = here[pairs.one] & here[pairs.other]
    cosines, before = (np.einsum("nd,nd->n", each[pairs.one], each[pairs.other])[both] for each in (found, f32))
    genuine, impostor = pairs.genuine[both], pairs.impostor[both]
    threshold = calibration.lowest_score(LOWEST_PROMISED)
    moves = cosines - before
    return [
        pairs.strict_fnmr(found, here),
        1000 * float((cosines[impostor] >= threshold).mean()),
        100 * float((cosines[genuine] < threshold).mean()),
        float(moves.std()),
        float(np.abs(moves).max()),
    ]
