"""SFace as a network that can be trained, with the parts of it that `tools.train_embedder` compares.

The network is read from the verified file, with its block-quantised weights as f32. Its batch normalisations keep their
statistics. Each is one gain and one offset a channel, and the gain is multiplied into the weights before it, because
that saves a pass over the activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from visavis.models.build import dequantize, weights_of
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = ["DOWN", "PARTS", "UP", "FixedPRelu", "Part", "Student", "original_network"]

Part = Literal["all", "convolutions", "last", "low-rank", "affine"]
PARTS: tuple[Part, ...] = get_args(Part)

_LAST = 8
"""The first block of the last stages: from here on the side of the feature maps is 14 or 7."""

_RANK = 32

UP, DOWN = "/up", "/down"
"""What is appended to the name of a weight to name the factors of its update: (outputs, rank) and (rank, inputs)."""


def original_network() -> Any:
    """The ONNX model of the verified SFace, with f32 weights."""
    store = open_store(Settings.from_env())
    (file,) = store.fetch(["sface"])
    return dequantize(file)


class FixedPRelu(torch.autograd.Function):  # type: ignore[misc]
    """PReLU whose slopes are not trained. PyTorch's own gradient takes five times as long on a CPU."""

    @staticmethod
    def forward(ctx: Any, inputs: Any, slopes: Any) -> Any:
        """The activations of inputs (n, channels, h, w), whose slopes are (1, channels, 1, 1)."""
        ctx.save_for_backward(inputs, slopes)
        return functional.prelu(inputs, slopes.flatten())

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The gradient of the inputs, and none of the slopes."""
        inputs, slopes = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        positive = torch.ops.aten.threshold_backward(gradient, inputs, 0)
        return torch.lerp(positive, gradient, slopes.expand(gradient.shape)), None


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution with the batch normalisation and the PReLU that follow it.

    block: the number of the block, 1 to 14, of a depthwise convolution and a 1x1 convolution
    weight, gain, offset: the names of the initialisers of the ONNX file
    """

    block: int
    weight: str
    gain: str
    offset: str
    stride: int
    padding: int
    groups: int


class Student(nn.Module):  # type: ignore[misc]
    """SFace with some of its weights free.

    Args:
        network: SFace's ONNX model with f32 weights.
        part: what is trained: the convolutions and the last layer; the convolutions; those of the last stages and the
            last layer; an update of rank 32 of each 1x1 convolution, and the depthwise convolutions; or gains and
            offsets of the normalisations.
        dropped: the numbers of blocks that are left out; a block whose output has another shape than its input cannot
            be.

    Example:
        student = Student(original_network(), "convolutions")
        embeddings = student(crops)  # (n, 3, 112, 112) RGB 0..255 -> (n, 128)
    """

    def __init__(self, network: Any, part: Part, dropped: Sequence[int] = ()) -> None:
        super().__init__()
        arrays = {name: torch.tensor(weight) for name, weight in weights_of(network).items()}
        nodes = [n for n in network.graph.node if n.op_type in ("Conv", "BatchNormalization", "PRelu", "Gemm")]
        self.layers: list[_Layer] = []
        self.weights = nn.ParameterDict()
        self.updates = nn.ParameterDict()
        position = 0
        while nodes[position].op_type == "Conv":
            convolution, normalisation, prelu = nodes[position : position + 3]
            at = {a.name: onnx.helper.get_attribute_value(a) for a in convolution.attribute}
            position += 3
            block = int(convolution.input[1].split("_")[1])  # conv_9_dw_conv2d_weight_reshaped
            if block in dropped:
                continue
            gain, offset = self._fold(normalisation, arrays)
            layer = _Layer(block, convolution.input[1], normalisation.input[1], normalisation.input[2],
                           at["strides"][0], at["pads"][0], at["group"])  # fmt: skip
            self._add(layer.weight, arrays[layer.weight].contiguous(memory_format=torch.channels_last))
            self._add(layer.gain, gain)
            self._add(layer.offset, offset)
            self.register_buffer(f"slopes{len(self.layers)}", arrays[prelu.input[1]].reshape(1, -1, 1, 1))
            self.layers.append(layer)
        middle, last, final = nodes[position : position + 3]
        self.middle = self._fold(middle, arrays)
        self.last, self.last_offset = last.input[1], arrays[last.input[2]]
        self._add(self.last, arrays[self.last])
        self.final = self._fold(final, arrays)
        self._free(part)

    @staticmethod
    def _fold(node: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        gamma, beta, mean, variance = (arrays[name] for name in node.input[1:])
        gain = gamma / torch.sqrt(variance + epsilon)
        return gain, beta - mean * gain

    def _add(self, name: str, values: Any) -> None:
        self.weights[name] = nn.Parameter(values.clone(), requires_grad=False)

    def _free(self, part: Part) -> None:
        for layer in self.layers:
            weight = self.weights[layer.weight]
            depthwise = layer.groups > 1
            weight.requires_grad_(
                part in ("all", "convolutions")
                or (part == "last" and layer.block >= _LAST)
                or (part == "low-rank" and depthwise)
            )
            for name in (layer.gain, layer.offset):
                self.weights[name].requires_grad_(part == "affine")
            if part == "low-rank" and not depthwise and weight.shape[2] == 1:
                outside, inside = weight.shape[:2]
                rank = min(_RANK, outside, inside)
                self.updates[layer.weight + DOWN] = nn.Parameter(torch.randn(rank, inside) / inside**0.5)
                self.updates[layer.weight + UP] = nn.Parameter(torch.zeros(outside, rank))
        self.weights[self.last].requires_grad_(part in ("all", "last"))

    def weight_of(self, name: str) -> Any:
        """The weight that an initialiser of the ONNX file names, with its low-rank update."""
        weight = self.weights[name]
        if name + UP in self.updates:
            weight = weight + (self.updates[name + UP] @ self.updates[name + DOWN])[:, :, None, None]
        return weight

    def forward(self, crops: Any) -> Any:
        """The embeddings (n, 128) of crops (n, 3, 112, 112), RGB, 0..255."""
        x = (crops - 127.5) * 0.0078125
        for i, layer in enumerate(self.layers):
            weight = self.weight_of(layer.weight) * self.weights[layer.gain].reshape(-1, 1, 1, 1)
            offset = self.weights[layer.offset]
            x = functional.conv2d(x, weight, offset, layer.stride, layer.padding, 1, layer.groups)
            x = FixedPRelu.apply(x, getattr(self, f"slopes{i}"))
        x = x * self.middle[0].reshape(1, -1, 1, 1) + self.middle[1].reshape(1, -1, 1, 1)
        x = functional.linear(x.flatten(1), self.weights[self.last], self.last_offset)
        return x * self.final[0] + self.final[1]

    def trained(self) -> dict[str, NDArray[np.float32]]:
        """The weights that were free, by the names of the ONNX file's initialisers, and the factors of updates.

        Factors have `.up` and `.down` after the name of the weight. Gains are given as such, not as the batch
        normalisation's gamma.
        """
        free = {name: value for name, value in self.weights.items() if value.requires_grad} | dict(self.updates)
        return {name.replace("/", "."): value.detach().numpy().copy() for name, value in sorted(free.items())}
