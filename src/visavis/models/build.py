"""Builds ready networks from published files, with f32 weights and an input that takes images.

A ready network takes (n, h, w, 3) uint8 RGB. It reorders the colours, transposes the channels and scales the values
itself, because OpenVINO fuses these steps with the first layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelCorrupt, ModelUnfit
from visavis.forks import forks_wait
from visavis.models.manifest import ModelFile
from visavis.models.openvino_import import import_openvino

__all__ = ["BUILD_VERSION", "build", "dequantize", "shapes_of"]

BUILD_VERSION = "1"
"""The version of the builder. Increase it when the same file would become another network, to build networks again."""


def build(model: ModelFile, source: Path, folder: Path) -> None:
    """Build the ready network of a model.

    Args:
        model: the description of the file.
        source: the published file, ONNX or TFLite.
        folder: an empty folder, in which model.xml and model.bin are written.

    Raises:
        ModelCorrupt: the file cannot be read in the format that the manifest states.
    """
    with forks_wait():
        _build(model, source, folder)


def _build(model: ModelFile, source: Path, folder: Path) -> None:
    openvino = import_openvino()
    core = openvino.Core()
    try:
        if model.build.format == "onnx":
            # First, because OpenVINO does not read DequantizeLinear with a block size (opset 21).
            dequantized = folder / "dequantized.onnx"
            dequantized.write_bytes(dequantize(source))
            network = core.read_model(dequantized)
            dequantized.unlink()
        else:
            network = core.read_model(source)
        network = _with_image_input(network, model)
    except RuntimeError as error:
        raise ModelCorrupt(f"{model.file} cannot be read as {model.build.format}: {error}") from error
    openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)


def _with_image_input(network: Any, model: ModelFile) -> Any:
    openvino = import_openvino()
    layout, element, colours = openvino.Layout, openvino.Type, openvino.preprocess.ColorFormat
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(element.u8).set_layout(layout("NHWC")).set_color_format(colours.RGB)
    steps.input().model().set_layout(layout(model.build.layout))
    process = steps.input().preprocess().convert_element_type(element.f32)
    if model.build.colour == "BGR":
        process.convert_color(colours.BGR)
    if model.build.mean:
        process.mean(model.build.mean)
    if model.build.scale != 1:
        process.scale(model.build.scale)
    return steps.build()


Shape: TypeAlias = tuple[int | None, ...]
"""The sizes of the dimensions; None is any size."""


def shapes_of(source: Path) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes of the inputs and of the outputs of an ONNX file.

    Args:
        source: the file, which need not be trusted.

    Raises:
        ModelUnfit: the file is not ONNX, or its weights are in other files.
        OSError: the file cannot be read.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        # External weights are not loaded, because the untrusted file states their path.
        network = onnx.load(source, load_external_data=False)
    except DecodeError as error:
        raise ModelUnfit(f"{source} is not an ONNX file") from error
    graph = network.graph
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise ModelUnfit(f"{source} keeps its weights in other files; export it as one file")
    stored = {tensor.name for tensor in graph.initializer}
    # Old exporters also list the weights as inputs.
    inputs = [_sides(value) for value in graph.input if value.name not in stored]
    return inputs, [_sides(value) for value in graph.output]


def _sides(value: Any) -> Shape:
    return tuple(side.dim_value or None for side in value.type.tensor_type.shape.dim)


def dequantize(source: Path) -> bytes:
    """Return an ONNX file with f32 weights in place of dequantized constants.

    Each DequantizeLinear node with constant inputs, and the Reshape that may follow it, becomes one weight.

    Args:
        source: the ONNX file.
    """
    import onnx
    from onnx import numpy_helper

    network = onnx.load(source)
    graph = network.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    dequantized: dict[str, NDArray[np.float32]] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in stored for name in node.input):
            dequantized[node.output[0]] = _dequantize_constant(
                node, *(numpy_helper.to_array(stored[i]) for i in node.input)
            )
        elif node.op_type == "Reshape" and node.input[0] in dequantized and node.input[1] in stored:
            shape = numpy_helper.to_array(stored[node.input[1]])
            dequantized[node.output[0]] = dequantized.pop(node.input[0]).reshape(shape)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    weights = [tensor for name, tensor in stored.items() if name in used]
    weights += [numpy_helper.from_array(array, name) for name, array in dequantized.items()]
    constant = {tensor.name for tensor in weights}
    inputs = [value for value in graph.input if value.name in used - constant]
    for field, values in ((graph.node, kept), (graph.initializer, weights), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    return bytes(network.SerializeToString())


def _dequantize_constant(
    node: Any, quantised: NDArray[Any], scales: NDArray[Any], zeros: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """Compute (quantised - zeros) * scales, with one scale for each block along an axis.

    Source: ONNX operators, DequantizeLinear-21.
    """
    attributes = {a.name: a.i for a in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    fit = tuple(slice(0, n) for n in quantised.shape)

    def broadcast(values: NDArray[Any]) -> NDArray[np.float32]:
        if block:
            # Cut to size, because the last block may be shorter.
            values = np.repeat(values, block, axis=axis)[fit]
        elif values.ndim == 1 and quantised.ndim > 1:
            values = values.reshape([-1 if i == axis else 1 for i in range(quantised.ndim)])
        return values.astype(np.float32)

    weights = quantised.astype(np.float32)
    if zeros is not None:
        weights = weights - broadcast(zeros)
    return np.ascontiguousarray(weights * broadcast(scales))
