"""Measures error rates of three source images and of one, on people of lfw-dev with at least four images.

Both error rates are at the lowest promised similarity, computed as `compare` does. Impostors are of the same sex, and
genuine targets are the images of the person that are not in the template. Three templates are drawn at random for each
person. `--students FOLDER` measures each person with an embedder that was trained without that person.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.students import analysed, engines_of
from visavis.calibration import Calibration
from visavis.comparison import fuse_embeddings
from visavis.cosine_adjustments import quality_adjusted, template_adjusted
from visavis.evaluate.data.embeddings import Acquired
from visavis.evaluate.data.protocol import ComparisonProtocol, read_folder
from visavis.runtime import open_calibration
from visavis.settings import Settings
from visavis.similarity_scale import LOWEST_PROMISED

FUSED, DRAWS = 3, 3
Floats = NDArray[np.float64]


def run(data: Path, students: Path | None = None) -> None:
    protocol, settings = read_folder(data / "lfw-dev", groups=["sex"]), Settings.from_env()
    identities = [protocol.identities[person] for person in protocol.identity]
    engine_of, _ = engines_of(identities, settings, students)
    calibration = open_calibration(settings)
    images = zip(identities, protocol.paths(), strict=True)
    found = analysed(((engine_of(identity), path.read_bytes()) for identity, path in images), settings.threads)
    rng = np.random.default_rng(2)
    sides: dict[tuple[int, bool], list[Floats]] = {(n, same): [] for n in (1, FUSED) for same in (False, True)}
    people = 0
    for person in range(len(protocol.identities)):
        own = np.flatnonzero((protocol.identity == person) & found.usable)
        if len(own) <= FUSED:
            continue
        people += 1
        for _ in range(DRAWS):
            drawn = rng.choice(own, FUSED, replace=False)
            others = {False: strangers(protocol, found, own[0]), True: np.setdiff1d(own, drawn)}
            for n in (1, FUSED):
                for same, targets in others.items():
                    sides[n, same].append(scores(found, drawn[:n], targets, calibration))
    threshold = calibration.lowest_score(LOWEST_PROMISED)
    print(f"{people} people, {DRAWS} templates each")
    for n in (1, FUSED):
        impostor, genuine = (np.concatenate(sides[n, same]) for same in (False, True))
        print(
            f"{n} source: FMR at {LOWEST_PROMISED} {(impostor >= threshold).mean():.2e} of {len(impostor):,}, "
            f"FNMR at {LOWEST_PROMISED} {100 * (genuine < threshold).mean():.2f} % of {len(genuine):,}"
        )


def strangers(protocol: ComparisonProtocol, found: Acquired, image: int) -> NDArray[np.int64]:
    sex = protocol.groups["sex"].codes
    return np.flatnonzero((protocol.identity != protocol.identity[image]) & (sex == sex[image]) & found.usable)


def scores(found: Acquired, sources: NDArray[np.int64], targets: NDArray[np.int64], calibration: Calibration) -> Floats:
    """The scores (m,) of the template of `sources` with each of `targets`."""
    assert calibration.template_offset is not None
    template = fuse_embeddings(found.embeddings[sources], found.quality[sources])
    cosines = template_adjusted(
        (found.embeddings[targets] @ template).astype(np.float64), calibration.template_offset, len(sources)
    )
    return quality_adjusted(cosines, found.quality[sources].max(), found.quality[targets])
