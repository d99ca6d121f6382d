"""A source file -> a ready network: plain f32 weights, and an input that takes images as they are.

The ready network takes (n, h, w, 3) uint8 RGB; reordering colours, moving channels and scaling happen inside it, where
the runtime fuses them with the first layer.
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
"""Raise this when the same source file would become another network."""


def build(model: ModelFile, source: Path, folder: Path) -> None:
    """Make `folder`/model.xml and model.bin of `source`.

    Raises:
        ModelCorrupt: the file has the right hash and still cannot be read, so the manifest is wrong about it.
    """
    with forks_wait():
        _build(model, source, folder)


def _build(model: ModelFile, source: Path, folder: Path) -> None:
    openvino = import_openvino()
    core = openvino.Core()
    try:
        if model.build.format == "onnx":
            # OpenVINO does not read DequantizeLinear with a block size (opset 21), so the weights are unfolded first.
            unfolded = folder / "unfolded.onnx"
            unfolded.write_bytes(dequantize(source))
            network = core.read_model(unfolded)
            unfolded.unlink()
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
"""None where a side is free."""


def shapes_of(source: Path) -> tuple[list[Shape], list[Shape]]:
    """The inputs and outputs of an ONNX file of unknown origin, whole in itself.

    Raises:
        ModelUnfit: it is not ONNX, or keeps its weights in other files.
        OSError: it cannot be read.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        # Weights elsewhere are not followed: the path to them is the file's own word.
        network = onnx.load(source, load_external_data=False)
    except DecodeError as error:
        raise ModelUnfit(f"{source} is not an ONNX file") from error
    graph = network.graph
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise ModelUnfit(f"{source} keeps its weights in other files; export it as one file")
    stored = {tensor.name for tensor in graph.initializer}
    # Old exporters list weights among the inputs.
    inputs = [_sides(value) for value in graph.input if value.name not in stored]
    return inputs, [_sides(value) for value in graph.output]


def _sides(value: Any) -> Shape:
    return tuple(side.dim_value or None for side in value.type.tensor_type.shape.dim)


def dequantize(source: Path) -> bytes:
    """The ONNX file with each constant DequantizeLinear, and the Reshape that may follow, turned into f32 weights."""
    import onnx
    from onnx import numpy_helper

    network = onnx.load(source)
    graph = network.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    unfolded: dict[str, NDArray[np.float32]] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in stored for name in node.input):
            unfolded[node.output[0]] = _dequantize_constant(
                node, *(numpy_helper.to_array(stored[i]) for i in node.input)
            )
        elif node.op_type == "Reshape" and node.input[0] in unfolded and node.input[1] in stored:
            shape = numpy_helper.to_array(stored[node.input[1]])
            unfolded[node.output[0]] = unfolded.pop(node.input[0]).reshape(shape)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    weights = [tensor for name, tensor in stored.items() if name in used]
    weights += [numpy_helper.from_array(array, name) for name, array in unfolded.items()]
    constant = {tensor.name for tensor in weights}
    inputs = [value for value in graph.input if value.name in used - constant]
    for field, values in ((graph.node, kept), (graph.initializer, weights), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    return bytes(network.SerializeToString())


def _dequantize_constant(
    node: Any, quantised: NDArray[Any], scales: NDArray[Any], zeros: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """(quantised - zeros) * scales, with one scale a block along an axis (ONNX operators, DequantizeLinear-21)."""
    attributes = {a.name: a.i for a in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    fit = tuple(slice(0, n) for n in quantised.shape)

    def spread(values: NDArray[Any]) -> NDArray[np.float32]:
        if block:
            # The last block may be a short one, hence the cut.
            values = np.repeat(values, block, axis=axis)[fit]
        elif values.ndim == 1 and quantised.ndim > 1:
            values = values.reshape([-1 if i == axis else 1 for i in range(quantised.ndim)])
        return values.astype(np.float32)

    weights = quantised.astype(np.float32)
    if zeros is not None:
        weights = weights - spread(zeros)
    return np.ascontiguousarray(weights * spread(scales))
