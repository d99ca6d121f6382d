"""Train the embedder to give a degraded face the embedding of the plain one.

    pip install torch                                  # not a dependency of the project
    python -m tools.embedder_crops DATA CROPS          # once
    python -m tools.train_embedder CROPS OUT           # the weights that ship
    python -m tools.train_embedder CROPS OUT --hold-out 0 1    # without these people, and judged on them

Teacher and student are SFace. The teacher sees the plain crop and its mirror image, the student a degraded copy, and
the loss is one minus the cosine of their embeddings, of the embedding and the mean of the person's other images, and
the relative error of the norm against the norm that SFace gives to the degraded copy. Some crops stay plain, so that
plain faces keep their embeddings. Some are crops of different people degraded in the same way, whose embeddings must
not be more alike than those of the plain crops. The strength of the degradations rises over the first third.

The result is the mean of the weights over the last half of the steps. `--hold-out` prints error rates on the people who
were held out, for weights between the original (0) and the student (1).

Training is split in sittings: the same command goes on from OUT/checkpoint.pt. A step of 64 takes about 2 s on two
cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from bench.degrade import DEGRADATIONS
from numpy.typing import NDArray
from tools.embedder_crops import Crops, load_crops
from tools.embedder_network import DOWN, PARTS, UP, Part, Student, original_network
from tools.embedder_rates import KINDS, rates_table
from tools.embedder_samples import ALIKE_GROUPS, Batch, Samples, tensor, unit
from torch.nn import functional

RATE, RATE_OF_FACTORS, RATE_OF_GAINS = 2e-4, 2e-3, 1e-3
WARM_UP = 40
RISING = 1 / 3
PERSON_WEIGHT, NORM_WEIGHT, ALIKE_WEIGHT = 0.3, 0.1, 12.0

Floats = NDArray[np.float32]


def embedded(network: Any, crops: NDArray[Any], size: int = 64) -> Floats:
    """The embeddings (n, 128) of crops, before normalisation."""
    with torch.no_grad():
        parts = [network(tensor(crops[i : i + size])).numpy() for i in range(0, len(crops), size)]
    return np.concatenate(parts) if parts else np.zeros((0, 128), np.float32)


def loss_of(outputs: Any, batch: Batch) -> Any:
    """The loss of the outputs (b, 128) for a batch."""
    lengths = outputs.norm(dim=1)
    direction = outputs / lengths[:, None]
    to_plain = 1 - (direction * batch.target).sum(dim=1)
    has_others = batch.others.square().sum(dim=1) > 0
    to_others = has_others * (1 - (direction * batch.others).sum(dim=1))
    known = batch.norms > 0
    of_norm = known * (lengths / torch.where(known, batch.norms, 1.0) - 1).square()
    loss = (to_plain + PERSON_WEIGHT * to_others + NORM_WEIGHT * of_norm).mean()
    for group in ALIKE_GROUPS:
        alike, plain = direction[group], batch.target[group]
        excess = functional.relu(alike @ alike.T - plain @ plain.T).triu(1)
        pairs = len(alike) * (len(alike) - 1) / 2
        loss = loss + ALIKE_WEIGHT / len(ALIKE_GROUPS) * excess.square().sum() / pairs
    return loss


def rate_of(name: str, part: Part) -> float:
    """The highest learning rate of a parameter."""
    if name.endswith((UP, DOWN)):
        return RATE_OF_FACTORS
    return RATE_OF_GAINS if part == "affine" else RATE


def train(student: Student, samples: Samples, out: Path, part: Part, steps: int, seed: int) -> dict[str, Any]:
    """Train, and return the mean of the parameters over the last half of the steps, by name.

    Args:
        student: is trained in place.
        samples: the crops.
        out: the folder of checkpoint.pt, from which training goes on.
        part: decides the learning rate.
        steps: the number of batches.
        seed: of everything that is drawn.
    """
    free = {name: p for name, p in student.named_parameters() if p.requires_grad}
    rates = [rate_of(name, part) for name in free]
    groups = [{"params": [p], "lr": rate} for p, rate in zip(free.values(), rates, strict=True)]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    mean = {name: torch.zeros_like(p) for name, p in free.items()}
    first, checkpoint = 0, out / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        first, mean = kept["step"], kept["mean"]
        optimiser.load_state_dict(kept["optimiser"])
        for name, p in free.items():
            p.data.copy_(kept["free"][name])
    start, losses = time.monotonic(), []
    for step in range(first, steps):
        rng = np.random.default_rng((seed, step))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1, (step + 1) / WARM_UP) * max(0.02, 1 - step / steps)
        batch = samples.draw(0.3 + 0.7 * min(1.0, step / (RISING * steps)), rng)
        loss = loss_of(student(batch.crops), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        averaged = step - steps // 2
        if averaged >= 0:
            for name, p in free.items():
                mean[name].lerp_(p.detach(), 1 / (averaged + 1))
        if (step + 1) % 50 == 0 or step + 1 == steps:
            minutes = (time.monotonic() - start) / 60
            print(f"step {step + 1} of {steps}: loss {np.mean(losses):.4f}, {minutes:.1f} min", flush=True)
            losses.clear()
            kept = {"step": step + 1, "mean": mean, "optimiser": optimiser.state_dict(), "free": free}
            torch.save(kept, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    return mean


def judge(
    student: Student,
    original: dict[str, Any],
    mean: dict[str, Any],
    crops: Crops,
    rows: NDArray[np.intp],
    shares: list[float],
) -> None:
    """Print the error rates on some of the judge's images, for weights between the original and the student."""
    images = crops.judged[rows]
    tables = {}
    for share in shares:
        set_between(student, original, mean, share)
        vectors = np.stack([unit(embedded(student, crops.judge[rows, i])) for i in range(len(DEGRADATIONS))])
        seen = np.stack([crops.judge[rows, i].any(axis=(1, 2, 3)) for i in range(len(DEGRADATIONS))])
        tables[f"{share:g}"] = rates_table(vectors, seen, crops.identity[images], crops.sex[images])
    for kind in KINDS:
        print(f"\n{kind}, {len(rows)} images\n{'share':14}" + "".join(f"{share:>9}" for share in tables))
        for how in (*DEGRADATIONS, "mean"):
            print(f"{how:14}" + "".join(f"{table[kind][how]:9.2f}" for table in tables.values()), flush=True)


def set_between(student: Student, original: dict[str, Any], mean: dict[str, Any], share: float) -> None:
    """Set the free parameters to those between the original (0) and the trained ones (1)."""
    with torch.no_grad():
        for name, p in student.named_parameters():
            if p.requires_grad:
                # The product of the two factors of an update is linear in one of them.
                p.copy_(torch.lerp(original[name], mean[name], 1.0 if name.endswith(DOWN) else share))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crops", type=Path, help="the folder that tools.embedder_crops made")
    parser.add_argument("out", type=Path, help="the folder of the checkpoint and of student.npz")
    parser.add_argument("--hold-out", type=int, nargs="*", default=[], help="folds of people that are not trained on")
    parser.add_argument("--part", choices=PARTS, default="low-rank", help="which weights are trained")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--judge", type=int, default=500, help="the largest number of images judged (default: 500)")
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.25, 0.5, 0.75, 1], help="weights to judge")
    parser.add_argument(
        "--drop",
        type=int,
        nargs="+",
        default=[],
        help="blocks to leave out, to judge a cheaper network with --shares 1",
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(words)
    given.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(given.seed)
    cv2.setNumThreads(1)
    crops, network = load_crops(given.crops), original_network()
    student = Student(network, given.part, given.drop)
    original = {name: p.detach().clone() for name, p in student.named_parameters()}
    samples = Samples(crops, ~np.isin(crops.group, given.hold_out), given.crops / "answers.npz")
    mean = train(student, samples, given.out, given.part, given.steps, given.seed)
    set_between(student, original, mean, 1.0)
    np.savez(given.out / "student.npz", **student.trained())  # type: ignore[arg-type]
    held_out = np.unique(crops.identity[np.isin(crops.group, given.hold_out)])
    (given.out / "held_out.json").write_text(json.dumps(held_out.tolist(), indent=0), "utf-8")
    if given.hold_out and given.judge:
        rows = np.flatnonzero(np.isin(crops.group[crops.judged], given.hold_out))[: given.judge]
        judge(student, original, mean, crops, rows, given.shares)


if __name__ == "__main__":
    main()
