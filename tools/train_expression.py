"""Train the expression network, and write it with its calibration to the package.

    pip install torch          # not a dependency of the project; the CPU build is enough
    python -m tools.train_expression --ferplus FOLDER --lfw FOLDER

The targets are FERPlus's votes, as shares of the eight emotions. LFW's labels, one annotator's calm or happy, have a
lower weight. Training takes about half an hour on one core.

The network is a plain stack of convolutions, because this is fastest on one thread: 5x5/2 to 32 channels, 3x3 to 48,
48, pool, 96, 96, pool, 160, 160, mean over the image, 8 outputs. It normalises its input itself.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tools.evaluate_expression import calibrate, evaluate
from tools.export_expression import compare, to_onnx
from tools.expression_data import CLASSES, clear_majority, held_out, load_ferplus, load_lfw, soft_labels
from torch import nn
from torch.nn import functional

from visavis.vision.expression import INPUT_SIDE, NETWORK

BATCH = 64
WEIGHT_DECAY = 0.05
DROPOUT = 0.2
SMALL_SIDE = 36


@dataclass(frozen=True, slots=True)
class Round:
    """One rise and fall of the learning rate.

    Attributes:
        part: the part of all epochs.
        rate: the highest learning rate.
        small_part: the part of the round, at its start, that uses images of `SMALL_SIDE`, because these take half the
            time and train nearly as well.
        strength: the strength of augmentation and dropout, 0..1.
        look_back: the number of steps that the average of the weights covers, about.
    """

    part: float
    rate: float
    small_part: float
    strength: float
    look_back: int


# Two rounds, because after the first alone the network still underfits its training data.
ROUNDS = (Round(0.7, 4e-3, 0.4, 1.0, 1500), Round(0.3, 2e-3, 0.0, 0.35, 500))

LFW_WEIGHT = 0.3
LFW_SHARES = {  # a rough estimate of ten people's votes if one annotator says CALM or HAPPY
    "CALM": (0.88, 0.01, 0.02, 0.05, 0.02, 0.0, 0.0, 0.02),
    "HAPPY": (0.08, 0.9, 0.01, 0.0, 0.0, 0.0, 0.0, 0.01),
}

# (channels in, channels out, kernel, stride), or None for pooling, which halves the sides
LAYERS: tuple[tuple[int, int, int, int] | None, ...] = (
    (1, 32, 5, 2), (32, 48, 3, 1), (48, 48, 3, 1), None,
    (48, 96, 3, 1), (96, 96, 3, 1), None,
    (96, 160, 3, 1), (160, 160, 3, 1),
)  # fmt: skip


def make_network() -> Any:
    modules: list[Any] = []
    for layer in LAYERS:
        if layer is None:
            modules.append(nn.MaxPool2d(2))
        else:
            inside, outside, kernel, stride = layer
            modules.append(nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False))
            modules += [nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(160, len(CLASSES))]
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)


def normalised(images: Any) -> Any:
    """Scale images (n, 1, h, w) f32 0..255 to mean 0 and deviation near 1. The 8 limits the noise of flat images."""
    from_mean = images - images.mean(dim=(1, 2, 3), keepdim=True)
    return from_mean / (from_mean.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 8)


def augmented(image: NDArray[np.uint8], side: int, strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return `image` (48, 48) with random changes of geometry, resolution, light and noise: (side, side)."""
    wide = (1 + strength) / 2
    angle, zoom = math.radians(rng.normal(0, 6 * wide)), math.exp(rng.normal(0, 0.07 * wide))
    flip = -1 if rng.random() < 0.5 else 1
    linear = (
        zoom * side / INPUT_SIDE * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    )
    linear[:, 0] *= flip
    middle = (INPUT_SIDE - 1) / 2
    moved = np.column_stack(
        [linear, (side - 1) / 2 + rng.normal(0, 1.3 * wide, 2) * side / INPUT_SIDE - linear @ (middle, middle)]
    )
    if rng.random() < 0.2 * strength:
        small = int(rng.integers(16, 40))
        reduced = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(reduced, (INPUT_SIDE, INPUT_SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
    out = cv2.warpAffine(image, moved, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5 * strength:
        levels = np.linspace(0, 1, 256) ** math.exp(rng.uniform(-0.45, 0.45))
        levels = 255 * ((levels - 0.5) * rng.uniform(0.6, 1.2) + 0.5 + rng.uniform(-0.15, 0.15))
        out = cv2.LUT(out, levels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.15 * strength:
        out = (out + rng.normal(0, rng.uniform(2, 10), out.shape)).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.3 * strength:
        h, w = (rng.uniform(0.15, 0.42, 2) * side).astype(int)
        top, left = rng.integers(0, side - h), rng.integers(0, side - w)
        out[top : top + h, left : left + w] = rng.integers(0, 256)
    return np.asarray(out, np.uint8)


def training_set(
    ferplus: Path, lfw: Path, cache: Path
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Return plain and filled crops (n, 2, 48, 48), shares (n, 8) and weights (n,)."""
    faces = load_ferplus(ferplus, "train", cache)
    shares, fit = soft_labels(faces.labels)
    portraits = load_lfw(lfw, cache)
    usable = ~held_out(portraits.groups) & np.isin(portraits.labels, list(LFW_SHARES)) & (portraits.presence >= 0.5)
    lfw_shares = np.array([LFW_SHARES[label] for label in portraits.labels[usable]], np.float32)
    weights = np.repeat(np.array([1, LFW_WEIGHT], np.float32), [fit.sum(), usable.sum()])
    print(f"training on {fit.sum()} faces of FERPlus and {usable.sum()} of LFW")
    crops = [
        np.stack([some.crops[rows], some.filled[rows]], axis=1) for some, rows in ((faces, fit), (portraits, usable))
    ]
    return np.concatenate(crops), np.concatenate([shares[fit], lfw_shares]), weights


def train(
    data: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]],
    check: tuple[NDArray[np.uint8], NDArray[np.intp]],
    epochs: int,
    seed: int,
) -> Any:
    """Return the averaged network after `epochs`. The accuracy on `check`, crops and classes, is only printed."""
    torch.manual_seed(seed)
    network = make_network()
    for number, one in enumerate(ROUNDS):
        print(f"round {number + 1} of {len(ROUNDS)}")
        network = train_round(network, one, data, check, max(1, round(one.part * epochs)), seed + number)
    return network


def train_round(
    network: Any,
    one: Round,
    data: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]],
    check: tuple[NDArray[np.uint8], NDArray[np.intp]],
    epochs: int,
    seed: int,
) -> Any:
    """Return the average of `network` over one more round."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    crops, shares, weights = data
    average = make_network()
    average.load_state_dict(network.state_dict())
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = DROPOUT * one.strength
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=one.rate)
    a_epoch = len(crops) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, one.rate, total_steps=epochs * a_epoch, pct_start=0.2)
    step, start = 0, time.monotonic()
    for epoch in range(epochs):
        network.train()
        order, losses = rng.permutation(len(crops)), []
        for rows in order[: a_epoch * BATCH].reshape(a_epoch, BATCH):
            side = SMALL_SIDE if step < one.small_part * epochs * a_epoch else INPUT_SIDE
            images = torch.from_numpy(
                np.stack([augmented(crops[i, rng.integers(2)], side, one.strength, rng) for i in rows])[:, None]
            ).float()
            outputs = network(normalised(images).contiguous(memory_format=torch.channels_last))
            each = functional.cross_entropy(outputs, torch.from_numpy(shares[rows]), reduction="none")
            loss = (each * torch.from_numpy(weights[rows])).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            _follow(average, network, min(1 - 1 / one.look_back, (1 + step) / (10 + step)))
            losses.append(float(loss.detach()))
        right = (outputs_of(average, check[0]).argmax(axis=1) == check[1]).mean()
        minutes = (time.monotonic() - start) / 60
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, validation {right:.4f}, {minutes:.1f} min", flush=True)
    return average.eval()


def _follow(average: Any, network: Any, keep: float) -> None:
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)


def outputs_of(network: Any, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits (n, 8) of `crops` (n, 48, 48)."""
    network.eval()
    parts = np.array_split(crops, max(1, len(crops) // 256))
    with torch.no_grad():
        outputs = [network(normalised(torch.from_numpy(part[:, None]).float())).numpy() for part in parts]
    return np.concatenate(outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ferplus", type=Path, required=True, help="folder with train.npz and validation.npz")
    parser.add_argument("--lfw", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument(
        "--out", type=Path, default=NETWORK, help="the .onnx file; its calibration is written to the same folder"
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "visavis-expression")
    given = parser.parse_args()
    torch.set_num_threads(1)
    validation = load_ferplus(given.ferplus, "validation", given.cache)
    classes, clear = clear_majority(validation.labels)
    check = validation.crops[clear], classes[clear]
    network = train(training_set(given.ferplus, given.lfw, given.cache), check, given.epochs, given.seed)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(to_onnx(network), given.out)
    compare(given.out, check[0], outputs_of(network, check[0]))
    calibrate(given.out, given.ferplus, given.cache)
    evaluate(given.out, given.ferplus, given.lfw, given.cache)


if __name__ == "__main__":
    main()
