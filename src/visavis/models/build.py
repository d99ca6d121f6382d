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
from visavis.models.model_file import Build, ModelFile, WeightUpdate
from visavis.models.openvino_import import import_openvino
from visavis.models.weight_update import shipped_update, updated_weights, weights_sha256

__all__ = ["BUILD_VERSION", "build", "build_onnx", "dequantize", "shapes_of", "update_weights", "weights_of"]

BUILD_VERSION = "2"
"""The version of the builder. Increase it when the same file would become another network, to build networks again."""


def build(model: ModelFile, source: Path, folder: Path) -> None:
    """Build the ready network of a model.

    Args:
        model: the description of the file.
        source: the published file, ONNX or TFLite.
        folder: an empty folder, in which model.xml and model.bin are written.

    Raises:
        ModelCorrupt: the file cannot be read in the format that the manifest states, or the model's update does not
            fit it.
    """
    with forks_wait():
        _build(model, source, folder)


def _build(model: ModelFile, source: Path, folder: Path) -> None:
    network = _changed(dequantize(source), model.update) if model.build.format == "onnx" else None
    try:
        if network is None:
            _build_file(source, model.build, folder)
        else:
            build_onnx(network, model.build, folder)
    except RuntimeError as error:
        raise ModelCorrupt(f"{model.file} cannot be read as {model.build.format}: {error}") from error


def _changed(network: Any, update: WeightUpdate | None) -> Any:
    if update is not None:
        update_weights(network, shipped_update(update))
        found = weights_sha256(weights_of(network))
        if found != update.weights_sha256:
            raise ModelCorrupt(
                f"{update.file} gives weights with the SHA-256 {found}, it should be {update.weights_sha256}; "
                "report this as a bug of visavis"
            )
    return network


def build_onnx(network: Any, described: Build, folder: Path) -> None:
    """Build a ready network from an ONNX model with f32 weights.

    Args:
        network: the model, as `dequantize` returns it.
        described: the input of the network.
        folder: in which model.xml and model.bin are written.

    Raises:
        RuntimeError: OpenVINO cannot read the model.
    """
    file = folder / "dequantized.onnx"
    file.write_bytes(network.SerializeToString())
    _build_file(file, described, folder)
    file.unlink()


def _build_file(source: Path, described: Build, folder: Path) -> None:
    openvino = import_openvino()
    network = _with_image_input(openvino.Core().read_model(source), described)
    openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)


def _with_image_input(network: Any, described: Build) -> Any:
    openvino = import_openvino()
    layout, element, colours = openvino.Layout, openvino.Type, openvino.preprocess.ColorFormat
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(element.u8).set_layout(layout("NHWC")).set_color_format(colours.RGB)
    steps.input().model().set_layout(layout(described.layout))
    process = steps.input().preprocess().convert_element_type(element.f32)
    if described.colour == "BGR":
        process.convert_color(colours.BGR)
    if described.mean:
        process.mean(described.mean)
    if described.scale != 1:
        process.scale(described.scale)
    return steps.build()


def update_weights(network: Any, update: bytes) -> None:
    """Change the weights of an ONNX model in place by the content of an update's file.

    Raises:
        ModelCorrupt: the update does not fit the network.
    """
    from onnx import numpy_helper

    changed = updated_weights(weights_of(network), update)
    for tensor in network.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(changed[tensor.name], tensor.name))


def weights_of(network: Any) -> dict[str, NDArray[Any]]:
    """The initialisers of an ONNX model by name."""
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in network.graph.initializer}


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


def dequantize(source: Path) -> Any:
    """Return the ONNX model of a file, with f32 weights in place of dequantized constants.

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
    return network


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
