"""The expression network in PyTorch: the first blocks of SFace on a grey face, and a head that also takes measures.

SFace recognises people, and knows faces better than FERPlus's images alone could teach. Its weights are read from the
verified file, and all of them except the slopes of its PReLUs are trained further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tools.embedder_network import FixedPRelu
from tools.expression_data import CLASSES
from torch import nn
from torch.nn import functional

from visavis.face_measures import MEASURES

__all__ = ["BLOCKS", "CONTRAST", "FLAT", "MEASURE_LIMIT", "Block", "ExpressionNetwork", "Layer"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of SFace: a depthwise 3x3 convolution and a 1x1 convolution. Block 1 is the first convolution, 3x3.

    Attributes:
        number: its number in SFace, 1 to 12.
        stride: of the 3x3 convolution, which need not be SFace's.
    """

    number: int
    stride: int = 1


BLOCKS = (
    Block(1, 2), Block(2), Block(3), Block(4), Block(5, 2), Block(6), Block(7, 2), Block(8), Block(9), Block(10, 2),
)  # fmt: skip
"""The blocks that are used. In SFace block 1 has stride 1 and block 3 has stride 2; here the maps are smaller from the
beginning, because the largest ones take the most time. Before any training, linear classifiers on the blocks' outputs
were best on blocks 9 and 10, and worse on later ones, which forget expressions."""

HIDDEN = 32
"""Units between the measures and the outputs. Alone on the measures of 2,600 faces, they lifted accuracy from 66 % to
69 %, because no emotion is a weighted sum of measures."""

CONTRAST = 0.4
"""The deviation of the pixels that the first convolution gets, about that of a face in SFace's scale."""

FLAT = 8.0
"""Added to the deviation of the pixels, 0..255, by which they are divided. It limits the noise of flat images."""

MEASURE_LIMIT = 4.0
"""Standard deviations; measures beyond are clipped, because a mesh may be wrong."""


class Layer(nn.Module):  # type: ignore[misc]
    """A convolution, the batch normalisation and the PReLU that follow it."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outside, eps=1e-3)
        self.register_buffer("slopes", torch.zeros(1, outside, 1, 1))

    def forward(self, x: Any) -> Any:
        """The activations of `x` (n, inside, h, w): (n, outside, h / stride, w / stride)."""
        return FixedPRelu.apply(self.norm(self.convolution(x)), self.slopes)

    def start_from(self, arrays: dict[str, Any], name: str) -> None:
        """Take the weights of a layer of SFace, `name` from `conv_1` or `conv_2_dw` on."""
        weight = arrays[f"{name}_conv2d_weight_reshaped"]
        if self.convolution.in_channels == 1:
            weight = weight.sum(dim=1, keepdim=True)  # a grey pixel is three equal values
        with torch.no_grad():
            self.convolution.weight.copy_(weight)
            for ours, theirs in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"),
                                 ("running_var", "moving_var")):  # fmt: skip
                getattr(self.norm, ours).copy_(arrays[f"{name}_batchnorm_{theirs}"])
            self.slopes.copy_(arrays[f"{name}_relu_gamma"][None])


class ExpressionNetwork(nn.Module):  # type: ignore[misc]
    """Maps faces and measures of their meshes to logits.

    Args:
        mean: (17,) the mean of each measure over the training data.
        deviation: (17,) its standard deviation.
        blocks: of SFace, from the first on; the channels of neighbours must agree.
        dropout: the part of the head's inputs that is dropped in training.

    Example:
        network = ExpressionNetwork(mean, deviation)
        network.start_from(original_network())
        logits = network(images, measures)  # (n, 1, 64, 64) 0..255 and (n, 17) -> (n, 8)
    """

    def __init__(
        self,
        mean: NDArray[np.float32],
        deviation: NDArray[np.float32],
        blocks: Sequence[Block] = BLOCKS,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.blocks = tuple(blocks)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
        first, *others = self.blocks
        if first.number != 1:
            raise ValueError("the first block must be 1")
        layers = [Layer(1, 32, 3, first.stride)]
        for block in others:
            inside, outside = _channels(block.number)
            if inside != layers[-1].convolution.out_channels:
                raise ValueError(f"block {block.number} takes {inside} channels; its neighbour gives another number")
            layers += [Layer(inside, inside, 3, block.stride, inside), Layer(inside, outside, 1, 1)]
        self.layers = nn.Sequential(*layers)
        self.hidden = nn.Linear(len(MEASURES), HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(layers[-1].convolution.out_channels + HIDDEN, len(CLASSES))
        self.to(memory_format=torch.channels_last)

    def start_from(self, original: Any) -> None:
        """Take the weights of SFace's ONNX model, whose weights must be f32."""
        arrays = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in original.graph.initializer}
        names = ["conv_1", *(f"conv_{block.number}{part}" for block in self.blocks[1:] for part in ("_dw", ""))]
        for layer, name in zip(self.layers, names, strict=True):
            layer.start_from(arrays, name)

    def forward(self, images: Any, measures: Any) -> Any:
        """The logits (n, 8) of images (n, 1, 64, 64) f32 0..255 and measures (n, 17) f32."""
        x = self.layers(normalised(images).contiguous(memory_format=torch.channels_last))
        standard = ((measures - self.mean) / self.deviation).clamp(-MEASURE_LIMIT, MEASURE_LIMIT)
        measured = functional.relu(self.hidden(standard))
        return self.head(self.dropout(torch.cat([x.mean(dim=(2, 3)), measured], dim=1)))

    def pretrained(self) -> list[Any]:
        """The parameters that come from SFace."""
        return list(self.layers.parameters())


def normalised(images: Any) -> Any:
    """Scale images (n, 1, h, w) f32 0..255 to mean 0 and a deviation near `CONTRAST`."""
    from_mean = images - images.mean(dim=(1, 2, 3), keepdim=True)
    return CONTRAST * from_mean / (from_mean.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + FLAT)


def _channels(block: int) -> tuple[int, int]:
    """The numbers of channels that a block of SFace takes and gives."""
    gives = {1: 32, 2: 64, 3: 128, 4: 128, 5: 256, 6: 256}
    return gives.get(block - 1, 512), gives.get(block, 512)
