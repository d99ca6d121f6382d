"""What three source photographs instead of one are worth, on people of lfw-dev with four or more.

Both error rates at the lowest promised similarity, as `compare` answers: impostors of the same sex, and the photographs
of the person that are not in the template. Templates are drawn at random, three for each person.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, load_calibration
from visavis.comparison import fuse_embeddings
from visavis.cosine_adjustments import quality_adjusted, template_adjusted
from visavis.evaluate.data.embeddings import Acquired, acquire
from visavis.evaluate.data.protocol import ComparisonProtocol, read_folder
from visavis.runtime import open_engine

FUSED, DRAWS = 3, 3
Floats = NDArray[np.float64]


def run(data: Path) -> None:
    protocol = read_folder(data / "lfw-dev", groups=["sex"])
    with open_engine() as engine:
        found = acquire(engine, protocol.paths(), threads=3)
    chance = np.random.default_rng(2)
    sides: dict[tuple[int, bool], list[Floats]] = {(n, same): [] for n in (1, FUSED) for same in (False, True)}
    people = 0
    for person in range(len(protocol.identities)):
        own = np.flatnonzero((protocol.identity == person) & found.usable)
        if len(own) <= FUSED:
            continue
        people += 1
        for _ in range(DRAWS):
            drawn = chance.choice(own, FUSED, replace=False)
            others = {False: strangers(protocol, found, own[0]), True: np.setdiff1d(own, drawn)}
            for n in (1, FUSED):
                for same, targets in others.items():
                    sides[n, same].append(scores(found, drawn[:n], targets))
    bar = load_calibration().lowest_score(LOWEST_PROMISED)
    print(f"{people} people, {DRAWS} templates each")
    for n in (1, FUSED):
        impostor, genuine = (np.concatenate(sides[n, same]) for same in (False, True))
        print(
            f"{n} source: FMR at {LOWEST_PROMISED} {(impostor >= bar).mean():.2e} of {len(impostor):,}, "
            f"FNMR at {LOWEST_PROMISED} {100 * (genuine < bar).mean():.2f} % of {len(genuine):,}"
        )


def strangers(protocol: ComparisonProtocol, found: Acquired, image: int) -> NDArray[np.int64]:
    sex = protocol.groups["sex"].codes
    return np.flatnonzero((protocol.identity != protocol.identity[image]) & (sex == sex[image]) & found.usable)


def scores(found: Acquired, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> Floats:
    """(m,) of the template of `sources` with each of `targets`."""
    shift = load_calibration().template_offset
    assert shift is not None
    template = fuse_embeddings(found.embeddings[sources], found.quality[sources])
    cosines = template_adjusted((found.embeddings[targets] @ template).astype(np.float64), shift, len(sources))
    return quality_adjusted(cosines, found.quality[sources].max(), found.quality[targets])
