"""Train the expression network, and write it with its calibration to the package.

    pip install torch          # not a dependency of the project; the CPU build is enough
    python -m tools.train_expression FOLDER --ferplus FERPLUS --lfw LFW

The targets are FERPlus's votes, as shares of the eight emotions. LFW's labels, one annotator's calm or happy, have a
lower weight. All weights of `tools.expression_network` are trained, those that come from SFace at a lower rate. The
changes of `tools.expression_samples` have their full strength up to `CALMING` of the steps and then get weaker.

Rare emotions: the loss adds `--adjustment` times the logarithm of each class's share to its logit, so that the logits
themselves do without that much of the prior (Menon and others, "Long-tail learning via logit adjustment", 2021). The
calibration may add some of it again, or remove more.

With `--teachers FOLDER ...`, complete trainings of the same command, the network starts from the result of the first
and learns the mean of the votes and of what the teachers say of the same face, unchanged and mirrored. Ten votes are
few, and teachers agree on what many faces have in common (Hinton and others, "Distilling the knowledge in a neural
network", 2015).

The result is a moving average of the weights. Training is split in sittings: the same command goes on from
FOLDER/checkpoint.pt, and when training is complete it only exports, calibrates and evaluates. A step of 64 faces takes
0.9 s on one thread of a machine whose two cores are busy with other work.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tools.embedder_network import original_network
from tools.evaluate_expression import calibrate, evaluate, summary
from tools.export_expression import compare, round_weights, to_onnx
from tools.expression_data import (
    MIN_PRESENCE,
    Faces,
    clear_majority,
    held_out,
    load_ferplus,
    load_lfw,
    measures_of,
    network_input,
    soft_labels,
)
from tools.expression_network import BLOCKS, Block, ExpressionNetwork
from tools.expression_samples import Batch, TrainingSet, augmented, draw, prefetched, widened
from torch.nn import functional

from visavis.vision.expression import NETWORK

BATCH = 64
RATE_OF_SFACE, RATE_OF_HEAD = 7e-4, 3e-3
WEIGHT_DECAY = 0.05
WARM_UP = 500
"""Steps over which the learning rate rises."""

CALMING, LEAST_STRENGTH = 0.8, 0.3
"""The part of the steps after which the changes get weaker, and their strength at the end."""

LOOK_BACK = 1000
"""Steps that the average of the weights covers, about."""

SAVED_EVERY = 180.0
"""Seconds between checkpoints."""

TAUGHT = 0.5
"""The part of the teachers in the shares."""

LFW_WEIGHT = 0.3
LFW_SHARES = {  # a rough estimate of ten people's votes if one annotator says CALM or HAPPY
    "CALM": (0.88, 0.01, 0.02, 0.05, 0.02, 0.0, 0.0, 0.02),
    "HAPPY": (0.08, 0.9, 0.01, 0.0, 0.0, 0.0, 0.0, 0.01),
}


@dataclass(frozen=True, slots=True)
class Check:
    """Faces of the validation part with a clear majority.

    Attributes:
        images: (n, 64, 64) uint8.
        measures: (n, 17) float32.
        truth: (n,) the class.
    """

    images: NDArray[np.uint8]
    measures: NDArray[np.float32]
    truth: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is not part of the data.

    Attributes:
        epochs: how often each face is seen.
        adjustment: how much of the prior the logits do without, 0..1.
        seed: of everything that is drawn.
    """

    epochs: int
    adjustment: float
    seed: int


def training_set(ferplus: Path, lfw: Path, cache: Path) -> TrainingSet:
    faces = load_ferplus(ferplus, "train", cache)
    shares, fit = soft_labels(faces.labels)
    first = _part(faces, fit)
    unread = (faces.presence[fit] < MIN_PRESENCE).sum()
    del faces
    portraits = load_lfw(lfw, cache)
    labelled = np.isin(portraits.labels, list(LFW_SHARES)) & (portraits.presence >= MIN_PRESENCE)
    usable = labelled & ~held_out(portraits.groups)
    second = _part(portraits, usable)
    print(f"training on {fit.sum()} faces of FERPlus, {unread} without a mesh, and {usable.sum()} of LFW", flush=True)
    lfw_shares = np.array([LFW_SHARES[label] for label in portraits.labels[usable]], np.float32)
    weights = np.repeat(np.array([1, LFW_WEIGHT], np.float32), [fit.sum(), usable.sum()])
    return TrainingSet(
        np.concatenate([first[0], second[0]]),
        np.concatenate([first[1], second[1]]),
        np.concatenate([shares[fit], lfw_shares]),
        weights,
    )


def _part(faces: Faces, rows: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    wide = np.stack([widened(faces.crops[rows]), widened(faces.filled[rows])], axis=1)
    return wide, measures_of(faces.meshes[rows])


def teacher(folder: Path, network: ExpressionNetwork) -> ExpressionNetwork:
    """The result of a complete training with the blocks of `network`."""
    kept = torch.load(folder / "checkpoint.pt", weights_only=True)
    if kept["step"] != kept["steps"]:
        raise SystemExit(f"the training in {folder} is not complete")
    found = _with_state(network, kept["average"])
    found.eval()
    return found


def _with_state(network: ExpressionNetwork, state: dict[str, Any]) -> ExpressionNetwork:
    """Another network of the form of `network`."""
    made = ExpressionNetwork(network.mean.numpy(), network.deviation.numpy(), network.blocks)
    made.load_state_dict(state)
    return made


def taught(data: TrainingSet, teachers: Sequence[ExpressionNetwork], adjustment: float) -> TrainingSet:
    """The data with shares that are the mean of the votes and of what the teachers say."""
    prior, said = adjustment * np.log(data.prior), np.zeros_like(data.shares)
    rng = np.random.default_rng(0)
    for rows in np.array_split(np.arange(len(said)), max(1, len(said) // 256)):
        for crop in (0, 1, 0, 1):  # each is mirrored or not
            images = np.stack([augmented(data.wide[i, crop], 0.0, rng) for i in rows])[:, None].astype(np.float32)
            for network in teachers:
                with torch.no_grad():
                    logits = network(torch.from_numpy(images), torch.from_numpy(data.measures[rows]))
                said[rows] += functional.softmax(logits + torch.from_numpy(prior), dim=1).numpy() / (4 * len(teachers))
    return replace(data, shares=(1 - TAUGHT) * data.shares + TAUGHT * said)


def validation(ferplus: Path, cache: Path) -> Check:
    faces = load_ferplus(ferplus, "validation", cache)
    truth, clear = clear_majority(faces.labels)
    return Check(network_input(faces.crops[clear]), measures_of(faces.meshes[clear]), truth[clear])


class Training:
    """The state of a training, which a checkpoint keeps.

    Args:
        network: the network before the first step.
        data: what it learns from.
        plan: the number of epochs and so on.
        folder: of checkpoint.pt; if it is there, training goes on from it.
    """

    def __init__(self, network: ExpressionNetwork, data: TrainingSet, plan: Plan, folder: Path) -> None:
        self._network, self._data, self._plan = network, data, plan
        self._checkpoint = folder / "checkpoint.pt"
        self.average = _with_state(network, network.state_dict())
        self._optimiser = torch.optim.AdamW(_groups(network), weight_decay=WEIGHT_DECAY)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._an_epoch = len(data.weights) // BATCH
        self._steps = plan.epochs * self._an_epoch
        self._step, self._seconds = 0, 0.0
        if self._checkpoint.exists():
            self._restore(torch.load(self._checkpoint, weights_only=True))

    def run(self, check: Check) -> None:
        """Train to the last step. The results on `check` are only printed."""
        prior = torch.from_numpy(np.log(self._data.prior))
        losses: list[float] = []
        begun = saved = time.monotonic()
        before, first = self._seconds, self._step
        for step, batch in prefetched(self._draw, first, self._steps):
            losses.append(self._learn(batch, self._plan.adjustment * prior))
            self._step, self._seconds = step + 1, before + time.monotonic() - begun
            if self._step == first + 20:
                self._say_how_long(time.monotonic() - begun)
            ended = self._step % self._an_epoch == 0
            if ended:
                epoch = f"epoch {self._step // self._an_epoch} of {self._plan.epochs}"
                said = judgement(outputs_of(self.average, check), check.truth, self._plan.adjustment * prior.numpy())
                print(f"{epoch}: loss {np.mean(losses):.3f}, {said}, {self._seconds / 60:.1f} min", flush=True)
                losses.clear()
            if ended or time.monotonic() - saved > SAVED_EVERY:
                self._save()
                saved = time.monotonic()

    def _say_how_long(self, seconds: float) -> None:
        epoch = seconds / 20 * self._an_epoch / 60
        rest = epoch * (self._steps - self._step) / self._an_epoch / 60
        print(f"a step takes {seconds / 20:.2f} s, an epoch {epoch:.1f} min, the rest {rest:.1f} h", flush=True)

    def _draw(self, step: int) -> Batch:
        epoch, at = divmod(step, self._an_epoch)
        order = np.random.default_rng((self._plan.seed, epoch)).permutation(len(self._data.weights))
        calm = max(0.0, (step / self._steps - CALMING) / (1 - CALMING))
        rng = np.random.default_rng((self._plan.seed, epoch, at))
        return draw(self._data, order[at * BATCH : (at + 1) * BATCH], 1 - (1 - LEAST_STRENGTH) * calm, rng)

    def _learn(self, batch: Batch, added: Any) -> float:
        """Take one step, and return its loss."""
        torch.manual_seed((self._plan.seed << 32) + self._step)
        self._network.train()
        part = min(1, (self._step + 1) / WARM_UP) * (1 + math.cos(math.pi * self._step / self._steps)) / 2
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * max(part, 1e-3)
        images, measures, shares, weights = (
            torch.from_numpy(values) for values in (batch.images, batch.measures, batch.shares, batch.weights)
        )
        each = functional.cross_entropy(self._network(images, measures) + added, shares, reduction="none")
        loss = (each * weights).mean()
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        keep = min(1 - 1 / LOOK_BACK, (1 + self._step) / (10 + self._step))
        with torch.no_grad():
            now = self._network.state_dict().values()
            for mean, value in zip(self.average.state_dict().values(), now, strict=True):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
        return float(loss.detach())

    def _save(self) -> None:
        kept = {
            "step": self._step,
            "steps": self._steps,
            "seconds": self._seconds,
            "network": self._network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        torch.save(kept, self._checkpoint.with_suffix(".new"))
        self._checkpoint.with_suffix(".new").replace(self._checkpoint)

    def _restore(self, kept: dict[str, Any]) -> None:
        if kept["steps"] != self._steps:
            raise SystemExit(f"{self._checkpoint} is of a training of {kept['steps']} steps, not {self._steps}")
        self._step, self._seconds = kept["step"], kept["seconds"]
        self._network.load_state_dict(kept["network"])
        self.average.load_state_dict(kept["average"])
        self._optimiser.load_state_dict(kept["optimiser"])
        print(f"going on after step {self._step} of {self._steps}", flush=True)


def _groups(network: ExpressionNetwork) -> list[dict[str, Any]]:
    """The parameters by learning rate; only matrices and kernels decay."""
    pretrained = {id(p) for p in network.pretrained()}
    groups = []
    for rate, ours in ((RATE_OF_SFACE, True), (RATE_OF_HEAD, False)):
        chosen = [p for p in network.parameters() if (id(p) in pretrained) is ours]
        groups.append({"params": [p for p in chosen if p.ndim > 1], "lr": rate})
        groups.append({"params": [p for p in chosen if p.ndim <= 1], "lr": rate, "weight_decay": 0.0})
    return groups


def outputs_of(network: ExpressionNetwork, check: Check) -> NDArray[np.float32]:
    """The logits (n, 8)."""
    network.eval()
    outputs = []
    with torch.no_grad():
        for rows in np.array_split(np.arange(len(check.truth)), max(1, len(check.truth) // 128)):
            images = torch.from_numpy(check.images[rows, None]).float()
            outputs.append(network(images, torch.from_numpy(check.measures[rows])).numpy())
    return np.concatenate(outputs)


def judgement(logits: NDArray[np.float32], truth: NDArray[np.intp], added: NDArray[np.float32]) -> str:
    """The summary with the prior, and without what training has removed of it."""
    said = []
    for title, scores in (("with the prior", logits + added), ("without it", logits)):
        weights = np.exp(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)
        said.append(f"{title}: {summary(weights / weights.sum(axis=1, keepdims=True), truth)}")
    return "; ".join(said)


def main(words: Sequence[str] | None = None) -> None:
    given = _parse(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)
    check = validation(given.ferplus, given.cache)
    data = training_set(given.ferplus, given.lfw, given.cache)
    _keep_freed_memory()
    torch.manual_seed(given.seed)
    network = ExpressionNetwork(data.measures.mean(axis=0), data.measures.std(axis=0), given.blocks)
    teachers = [teacher(folder, network) for folder in given.teachers]
    if teachers:
        network.load_state_dict(teachers[0].state_dict())
        data = taught(data, teachers, given.adjustment)
    else:
        network.start_from(original_network())
    training = Training(network, data, Plan(given.epochs, given.adjustment, given.seed), given.folder)
    training.run(check)
    round_weights(training.average.eval())
    onnx.save(to_onnx(training.average), given.out)
    compare(given.out, check.images, check.measures, outputs_of(training.average, check))
    calibrate(given.out, given.ferplus, given.cache)
    evaluate(given.out, given.ferplus, given.lfw, given.cache)


def _keep_freed_memory() -> None:
    """Make glibc keep the blocks that PyTorch frees and needs again at each step.

    Otherwise half of the time is spent on getting pages from the system, because `models.core` makes glibc return them.
    """
    mmap_max, trim_threshold, arena_max = -4, -1, -8  # malloc.h
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (arena_max, 1)):
            mallopt(option, value)


def _block(word: str) -> Block:
    number, _, stride = word.partition("/")
    return Block(int(number), int(stride or 1))


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of checkpoint.pt")
    parser.add_argument("--ferplus", type=Path, required=True, help="folder with train.npz and validation.npz")
    parser.add_argument("--lfw", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument(
        "--out", type=Path, default=NETWORK, help="the .onnx file; its calibration is written to the same folder"
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--adjustment", type=float, default=0.5, help="how much of the prior is removed, 0 to 1")
    parser.add_argument(
        "--blocks", type=_block, nargs="+", default=BLOCKS, help="SFace's blocks, with strides: 1/2 2 3 4 5/2 6 ..."
    )
    parser.add_argument("--teachers", type=Path, nargs="*", default=[], help="folders of complete trainings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "visavis-expression")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
