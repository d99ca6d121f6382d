"""Export the expression network from PyTorch to ONNX, and check the exported file. `train_expression.py` uses this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tools.evaluate_expression import open_network
from tools.expression_data import CLASSES
from torch import nn

from visavis.vision.expression import INPUT_SIDE

__all__ = ["compare", "to_onnx"]


def to_onnx(network: Any) -> Any:
    """Convert the network to ONNX.

    The model maps images (n, 48, 48, 1) uint8 to logits (n, 8). Batch norms are folded, weights are stored as fp16, and
    sums are f32.
    """
    nodes: list[Any] = []
    weights: list[Any] = []

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(values: NDArray[np.float32]) -> str:
        name = f"constant_{len(weights)}"
        # Biases stay f32, because they are few and need the precision.
        stored = values.astype(np.float16) if values.ndim > 1 else values
        weights.append(numpy_helper.from_array(np.ascontiguousarray(stored), name))
        return add("Cast", name, to=TensorProto.FLOAT) if values.ndim > 1 else name

    x = add("Transpose", add("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    from_mean = add("Sub", x, add("ReduceMean", x, axes=[1, 2, 3]))
    variance = add("ReduceMean", add("Mul", from_mean, from_mean), axes=[1, 2, 3])
    x = add("Div", from_mean, add("Add", add("Sqrt", variance), constant(np.array([8], np.float32))))
    modules = list(network)
    for module, after in zip(modules, [*modules[1:], None], strict=True):
        if isinstance(module, nn.Conv2d):
            kernel, bias = _folded(module, after)
            edge = kernel.shape[-1] // 2
            x = add("Conv", x, constant(kernel), constant(bias), pads=[edge] * 4, strides=list(module.stride))
            x = add("Relu", x)
        elif isinstance(module, nn.MaxPool2d):
            x = add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(module, nn.Linear):
            x = add("Flatten", add("GlobalAveragePool", x))
            matrix, bias = (p.detach().numpy() for p in (module.weight, module.bias))
            nodes.append(
                helper.make_node("Gemm", [x, constant(matrix), constant(bias)], ["logits"], "logits", transB=1)
            )
    taken = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", INPUT_SIDE, INPUT_SIDE, 1])
    given = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(CLASSES)])
    graph = helper.make_graph(nodes, "expression", [taken], [given], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="visavis")
    onnx.checker.check_model(model)
    return model


def _folded(convolution: Any, norm: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    kernel = convolution.weight.detach() * scale[:, None, None, None]
    return kernel.contiguous().numpy(), (norm.bias.detach() - norm.running_mean * scale).numpy()


def compare(written: Path, crops: NDArray[np.uint8], logits: NDArray[np.float32]) -> None:
    """Check that the file gives the same logits in OpenVINO as the network did in PyTorch."""
    session = open_network(written)
    run = np.concatenate([session.run(crop[None, :, :, None])["logits"] for crop in crops])
    difference = float(np.abs(run - logits).max())
    print(f"{written}: {written.stat().st_size} bytes, logits within {difference:.4f} of PyTorch's")
    if difference > 0.01:
        raise SystemExit("the logits must be within 0.01 of PyTorch's; the export is wrong")
