"""Settings -> models -> sessions -> stages -> Engine: the one place where things are wired together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visavis.settings import Settings

if TYPE_CHECKING:
    from visavis.engine import Engine
    from visavis.models.store import ModelStore
    from visavis.vision.detect import Detector
    from visavis.vision.embed import Embedder
    from visavis.vision.expression import ExpressionReader
    from visavis.vision.iris import PupilFinder
    from visavis.vision.mesh import Mesher

__all__ = ["Stages", "open_engine", "open_stages", "open_store"]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that run networks."""

    detector: Detector
    mesher: Mesher
    pupils: PupilFinder
    expressions: ExpressionReader
    embedder: Embedder


def open_engine(settings: Settings | None = None) -> Engine:
    """An engine on this machine's processor; fetches models that are not in the cache yet.

    Args:
        settings: default: from the environment.

    Raises:
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
        CalibrationMismatch: the similarity curve was fitted on another embedder.
        SettingsError: an environment variable holds something it cannot.
    """
    from visavis.analysis import Analyzer
    from visavis.calibration import load_calibration
    from visavis.engine import Engine
    from visavis.models.manifest import load_manifest

    settings = settings or Settings.from_env()
    calibration = load_calibration(settings.accuracy)
    calibration.check(load_manifest()["embedder"].sha256, settings.accuracy)
    stages = open_stages(settings)
    analyzer = Analyzer(
        detector=stages.detector,
        mesher=stages.mesher,
        pupils=stages.pupils,
        expressions=stages.expressions,
        embedder=stages.embedder,
    )
    return Engine(analyzer, calibration, threads=settings.threads)


def open_stages(settings: Settings | None = None) -> Stages:
    """The stages alone, for tools that look inside. Raises as `open_engine`."""
    from visavis.models.session import Runtime
    from visavis.vision.detect import SHAPES, Detector
    from visavis.vision.embed import Embedder
    from visavis.vision.expression import NETWORK, ExpressionReader
    from visavis.vision.iris import PupilFinder
    from visavis.vision.mesh import Mesher

    settings = settings or Settings.from_env()
    store = open_store(settings)
    networks = {name: store.ready(name) for name in ("detector", "mesh", "iris", "embedder")}
    openvino = Runtime(threads=settings.threads, cache=settings.home / "compiled")
    return Stages(
        detector=Detector(openvino.session(networks["detector"], shapes=SHAPES)),
        mesher=Mesher(openvino.session(networks["mesh"])),
        pupils=PupilFinder(openvino.session(networks["iris"])),
        expressions=ExpressionReader(openvino.session(NETWORK)),
        embedder=Embedder(openvino.session(networks["embedder"]), mirrored=settings.accuracy == "high"),
    )


def open_store(settings: Settings) -> ModelStore:
    """The cache of models that `settings` name."""
    from visavis.models.build import RECIPE, build
    from visavis.models.manifest import load_manifest
    from visavis.models.store import ModelStore

    return ModelStore(settings.home, load_manifest(), builder=build, recipe=RECIPE, offline=settings.offline)
