"""Embedders trained without some of the people, so that one that never saw a person judges that person.

`python -m tools.train_embedder CROPS FOLDER/NAME --hold-out FOLDS` makes each: `held_out.json`, the people, and
`update.npz`, the change of SFace's weights in the format that ships.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.analysis import Analyzer
from visavis.engine import Engine
from visavis.evaluate.data.checkpoint import EmbeddingRecord
from visavis.evaluate.data.embeddings import Acquired, record_of, stacked
from visavis.face import Detail
from visavis.models.build import build_onnx, dequantize, update_weights
from visavis.models.checksums import write_checksums
from visavis.runtime import open_analyzer, open_engine, open_store
from visavis.settings import Settings
from visavis.vision.embed import Embedder

__all__ = ["Students", "analysed", "engines_of"]

T = TypeVar("T")


class Students:
    """The stages of an analysis with the embedder that was trained without a person.

    Args:
        folder: has a folder for each embedder.
        settings: threads and accuracy.

    Raises:
        SystemExit: the folder has no embedder.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        settings = replace(settings, embedder="sface")
        stages, runtime = open_analyzer(settings)
        store = open_store(settings)
        original = store.manifest["sface"]
        self._of: dict[str, Analyzer] = {}
        for held_out in sorted(folder.glob("*/held_out.json")):
            network = dequantize(store.file("sface"))
            update_weights(network, held_out.with_name("update.npz").read_bytes())
            with tempfile.TemporaryDirectory() as built:
                build_onnx(network, original.build, Path(built))
                write_checksums(Path(built))
                session = runtime.session(Path(built, "model.xml"))
                session.load()
            embedder = Embedder(session, mirrored=settings.accuracy == "high")
            analyzer = replace(stages, embedder=embedder)
            self._of |= dict.fromkeys(json.loads(held_out.read_text("utf-8")), analyzer)
        if not self._of:
            raise SystemExit(f"{folder} has no folder with held_out.json and update.npz")

    @property
    def analyzers(self) -> list[Analyzer]:
        """The stages with each embedder."""
        return list({id(analyzer): analyzer for analyzer in self._of.values()}.values())

    def with_each(self, make: Callable[[Analyzer], T]) -> Callable[[str], T]:
        """What `make` makes once of the stages with each embedder, by the identity of the person."""
        made = {id(analyzer): make(analyzer) for analyzer in self.analyzers}
        return lambda identity: made[id(self[identity])]

    def __getitem__(self, identity: str) -> Analyzer:
        """The stages with an embedder that was trained without this person."""
        # Whose images have no face was not trained on by any.
        return self._of.get(identity) or next(iter(self._of.values()))


def engines_of(
    identities: Sequence[str], settings: Settings, folder: Path | None
) -> tuple[Callable[[str], Engine], NDArray[np.intp]]:
    """The engine for each person, and for each image the number of its engine, (n,).

    Args:
        identities: the person on each image.
        settings: of the engines.
        folder: as for `Students`; None: one engine for all, with the embedder of the settings.
    """
    if folder is None:
        engine = open_engine(settings)
        return lambda _: engine, np.zeros(len(identities), np.intp)
    trained = Students(folder, settings)
    number = np.unique([id(trained[identity]) for identity in identities], return_inverse=True)[1]
    return trained.with_each(lambda stages: Engine(stages, None, threads=settings.threads)), number


def analysed(images: Iterable[tuple[Engine, bytes]], threads: int) -> Acquired:
    """What each engine finds in its image, in order."""

    def record(image: tuple[Engine, bytes]) -> EmbeddingRecord:
        engine, data = image
        return record_of(next(engine.analyze_many([data], largest_only=True, detail=Detail.MINIMAL)))

    with ThreadPoolExecutor(threads) as pool:
        return stacked(list(pool.map(record, images)))
