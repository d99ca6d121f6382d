"""Export the expression network from PyTorch to ONNX, and check the exported file. `train_expression.py` uses this."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tools.expression_data import CLASSES
from tools.expression_network import CONTRAST, FLAT, MEASURE_LIMIT, ExpressionNetwork, Layer

from visavis.face_measures import MEASURES
from visavis.models.session import OpenVinoRuntime
from visavis.vision.expression import INPUT_SIDE

__all__ = ["compare", "round_weights", "to_onnx"]

TOLERANCE = 0.001
"""How far logits of the file may be from PyTorch's, for weights that f16 can store."""

_LARGE = 1024
"""Numbers; matrices and kernels beyond are stored as f16. Others are few and need the precision."""


class _Graph:
    """The nodes and the constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(self, values: Any) -> str:
        """Add a constant; large ones are stored as f16 and computed with as f32."""
        array, name = np.asarray(values, np.float32), f"constant_{len(self.constants)}"
        large = _is_large(array)
        stored = array.astype(np.float16) if large else array
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(stored), name))
        return self.add("Cast", name, to=TensorProto.FLOAT) if large else name

    def layer(self, x: str, layer: Layer, scale: float = 1.0) -> str:
        """Add a layer, whose batch normalisation is folded into its kernel, and return the name of its output.

        Args:
            x: the name of its input.
            layer: the convolution, the normalisation and the PReLU.
            scale: a factor of the input.
        """
        convolution, norm = layer.convolution, layer.norm
        gain = _gain(norm)
        kernel = (convolution.weight.detach() * gain[:, None, None, None] * scale).contiguous().numpy()
        bias = (norm.bias.detach() - norm.running_mean * gain).numpy()
        edge = kernel.shape[-1] // 2
        x = self.add("Conv", x, self.constant(kernel), self.constant(bias), pads=[edge] * 4,
                     strides=list(convolution.stride), group=convolution.groups)  # fmt: skip
        return self.add("PRelu", x, self.constant(layer.slopes[0].numpy()))

    def linear(self, x: str, linear: Any, name: str | None = None) -> str:
        """Add a fully connected layer, and return the name of its output."""
        matrix, bias = (self.constant(p.detach().numpy()) for p in (linear.weight, linear.bias))
        return self.add("Gemm", x, matrix, bias, name=name, transB=1)


def _is_large(values: Any) -> bool:
    return bool(values.ndim > 1 and math.prod(values.shape) > _LARGE)


def _gain(norm: Any) -> Any:
    """The factor of each channel in a batch normalisation, (channels,)."""
    return (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()


def round_weights(network: ExpressionNetwork) -> None:
    """Round the weights in place to those that the file stores, so that PyTorch's logits can be compared with its."""
    with torch.no_grad():
        for i, layer in enumerate(network.layers):
            weight = layer.convolution.weight
            if _is_large(weight):
                scale = (_gain(layer.norm) * (CONTRAST if i == 0 else 1.0))[:, None, None, None]
                stored = (weight * scale).half().float()
                weight.copy_(torch.where(scale.abs() > 1e-12, stored / scale, weight))
        for linear in (network.hidden, network.head):
            if _is_large(linear.weight):
                linear.weight.copy_(linear.weight.half().float())


def to_onnx(network: ExpressionNetwork) -> Any:
    """Convert the network to ONNX.

    The model maps images (n, 64, 64, 1) uint8 and measures (n, 17) f32 to logits (n, 8). Batch norms are folded, large
    kernels are stored as f16, and sums are f32.
    """
    graph = _Graph()
    x = graph.add("Transpose", graph.add("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    from_mean = graph.add("Sub", x, graph.add("ReduceMean", x, axes=[1, 2, 3]))
    variance = graph.add("ReduceMean", graph.add("Mul", from_mean, from_mean), axes=[1, 2, 3])
    x = graph.add("Div", from_mean, graph.add("Add", graph.add("Sqrt", variance), graph.constant([FLAT])))
    for i, layer in enumerate(network.layers):
        x = graph.layer(x, layer, CONTRAST if i == 0 else 1.0)
    pooled = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    centred = graph.add("Sub", "measures", graph.constant(network.mean))
    standard = graph.add("Div", centred, graph.constant(network.deviation))
    clipped = graph.add("Clip", standard, graph.constant(-MEASURE_LIMIT), graph.constant(MEASURE_LIMIT))
    measured = graph.add("Relu", graph.linear(clipped, network.hidden))
    graph.linear(graph.add("Concat", pooled, measured, axis=1), network.head, "logits")
    taken = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", INPUT_SIDE, INPUT_SIDE, 1]),
        helper.make_tensor_value_info("measures", TensorProto.FLOAT, ["n", len(MEASURES)]),
    ]
    given = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(CLASSES)])
    whole = helper.make_graph(graph.nodes, "expression", taken, [given], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="visavis")
    onnx.checker.check_model(model)
    return model


def compare(
    written: Path, images: NDArray[np.uint8], measures: NDArray[np.float32], logits: NDArray[np.float32]
) -> None:
    """Check that the file gives the same logits in OpenVINO as the network with rounded weights did in PyTorch.

    Args:
        written: the file.
        images: (n, 64, 64).
        measures: (n, 17).
        logits: (n, 8), PyTorch's.
    """
    session = OpenVinoRuntime(concurrency=1, cache=None).session(written)
    rows = [session.run(images[i : i + 1, :, :, None], measures[i : i + 1])["logits"] for i in range(len(images))]
    difference = float(np.abs(np.concatenate(rows) - logits).max())
    print(f"{written}: {written.stat().st_size} bytes, logits within {difference:.4f} of PyTorch's")
    if difference > TOLERANCE:
        raise SystemExit(f"the logits must be within {TOLERANCE} of PyTorch's; the export is wrong")
