"""Finds out which vector instructions and which precision OpenVINO uses for each network on this processor.

ONEDNN_MAX_CPU_ISA=AVX2 limits it, to measure as on a processor without AVX-512.
"""

from __future__ import annotations

import re
from collections import Counter

from visavis.models.core import CONFIG
from visavis.models.openvino_import import import_openvino
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = ["instruction_sets"]

_SHAPES = {"detector": (1, 512, 448, 3), "mesh": (1, 192, 192, 3), "iris": (2, 64, 64, 3), "embedder": (1, 112, 112, 3)}


def instruction_sets() -> dict[str, str]:
    """What most of the convolutions of each network run with, such as `avx512 f32`.

    Example:
        >>> sorted(instruction_sets())
        ['detector', 'embedder', 'iris', 'mesh']
    """
    settings = Settings.from_env()
    store, core = open_store(settings), import_openvino().Core()
    found = {}
    for name, shape in _SHAPES.items():
        network = core.read_model(store.ready(settings.embedder if name == "embedder" else name))
        network.reshape(list(shape))
        precision = settings.precision if name in ("detector", "embedder") else "f32"
        compiled = core.compile_model(network, "CPU", {**CONFIG, "INFERENCE_PRECISION_HINT": precision})
        used: Counter[str] = Counter()
        for node in compiled.get_runtime_model().get_ordered_ops():
            kind = str(node.get_rt_info()["primitiveType"].astype(str))
            if match := re.search(r"(amx|avx512|avx2|sse4\w*|neon|sve\w*).*_(bf16|f32|f16|I8)", kind):
                used[" ".join(match.groups())] += 1
        found[name] = used.most_common(1)[0][0] if used else "none"
    return found
