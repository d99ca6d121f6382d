"""Settings -> models -> sessions -> stages -> Engine: the one place where things are wired together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from visavis.errors import SettingsError
from visavis.forks import forks_wait
from visavis.settings import SHIPPED_EMBEDDER, Settings

if TYPE_CHECKING:
    from visavis.calibration import Calibration
    from visavis.engine import Engine
    from visavis.models.manifest import ModelFile
    from visavis.models.session import Runtime
    from visavis.models.store import ModelStore
    from visavis.vision.detect import Detector
    from visavis.vision.embed import Embedder
    from visavis.vision.expression import ExpressionReader
    from visavis.vision.iris import PupilFinder
    from visavis.vision.mesh import FaceMeshModel

__all__ = [
    "Stages",
    "chosen_embedder",
    "open_calibration",
    "open_engine",
    "open_stages",
    "open_store",
    "open_uncalibrated",
]


_IMPORTED_BY_COMPARISONS = ("cv2", "simplejpeg", "PIL.JpegImagePlugin", "PIL.PngImagePlugin")


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that run networks, and the runtime they share; close it when done."""

    detector: Detector
    mesher: FaceMeshModel
    pupils: PupilFinder
    expressions: ExpressionReader
    embedder: Embedder
    runtime: Runtime


def open_engine(settings: Settings | None = None, *, once: bool = False) -> Engine:
    """An engine on this machine; fetches models that are not in the cache yet.

    Args:
        settings: default: from the environment.
        once: start as fast as can be, for a single comparison: networks are compiled when they are needed, and once
            for all threads. Otherwise each is compiled for every thread before this returns, and no picture waits.

    Raises:
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
        CalibrationMismatch: the embedder has no calibration, or one that was fitted on another.
        SettingsError: an environment variable holds something it cannot, there is no such embedder, or the machine
            does not have the device.
    """
    settings = settings or Settings.from_env()
    return _engine(settings, open_calibration(settings), once=once)


def open_uncalibrated(settings: Settings) -> Engine:
    """An engine that analyses and does not compare, to fit a calibration by. Raises as `open_engine`, but for that."""
    return _engine(settings, None)


def open_calibration(settings: Settings) -> Calibration:
    """The similarity curve of the chosen embedder: the one that ships, or that of a user's own.

    Raises:
        CalibrationMismatch: it has none, or one that was fitted on another embedder.
        SettingsError: there is no such embedder.
    """
    from visavis.calibration import Calibration, load_calibration
    from visavis.errors import CalibrationMismatch

    model = chosen_embedder(settings)
    if model.own:
        try:
            calibration = Calibration.read(open_store(settings).calibration(model))
        except OSError as error:
            raise CalibrationMismatch(
                f"the embedder {model.name!r} has no calibration of its own, and another's would mean nothing on it; "
                f"fit one to a labelled folder with `visavis calibrate FOLDER --embedder {model.name}`"
            ) from error
    else:
        calibration = load_calibration(settings.accuracy)
    calibration.check(model.sha256, settings.accuracy)
    return calibration


def chosen_embedder(settings: Settings) -> ModelFile:
    """The model that `settings.embedder` names.

    Raises:
        SettingsError: there is no such embedder.
    """
    models = open_store(settings).manifest.models
    embedders = [name for name, model in models.items() if model.own or name == SHIPPED_EMBEDDER]
    if settings.embedder not in embedders:
        raise SettingsError(f"no embedder is named {settings.embedder!r}; there are: {', '.join(embedders)}")
    return models[settings.embedder]


def _engine(settings: Settings, calibration: Calibration | None, *, once: bool = False) -> Engine:
    from visavis.analysis import Analyzer
    from visavis.engine import Engine

    stages = open_stages(settings, once=once)
    analyzer = Analyzer(
        detector=stages.detector,
        mesher=stages.mesher,
        pupils=stages.pupils,
        expressions=stages.expressions,
        embedder=stages.embedder,
    )
    return Engine(
        analyzer,
        calibration,
        threads=settings.threads,
        remembered=settings.remembered,
        release=stages.runtime.close,
    )


def open_stages(settings: Settings | None = None, *, once: bool = False) -> Stages:
    """The stages alone, for tools that look inside. Arguments and errors are those of `open_engine`."""
    from visavis.models.session import Runtime

    settings = settings or Settings.from_env()
    runtime = Runtime(
        lanes=1 if once else settings.threads, cache=settings.home / "compiled", device=settings.device
    )  # fmt: skip
    runtime.check_device()
    store = open_store(settings)
    embedder = chosen_embedder(settings)
    networks = {name: store.ready(name) for name in ("detector", "mesh", "iris", embedder.name)}
    embedding, mesh = runtime.session(networks[embedder.name]), runtime.session(networks["mesh"])
    if once:
        # Before anything else is imported: that goes on beside it.
        embedding.prepare_in_background()
        mesh.prepare_in_background()

    with forks_wait():
        # Python's import locks do not survive a fork: a child that was forked while another thread imported a module
        # waits for ever when it imports that module. So whatever a comparison imports is imported here.
        for name in _IMPORTED_BY_COMPARISONS:
            import_module(name)

        from visavis.vision.detect import SHAPES, Detector
        from visavis.vision.embed import Embedder
        from visavis.vision.expression import NETWORK, ExpressionReader
        from visavis.vision.iris import PupilFinder
        from visavis.vision.mesh import FaceMeshModel

    iris, expression = runtime.session(networks["iris"]), runtime.session(NETWORK)
    detection = runtime.session(networks["detector"], shapes=SHAPES)
    if not once:
        # The detector is compiled for shapes that come later; its file may be gone by then.
        detection.load()
        with ThreadPoolExecutor(settings.threads) as pool:
            for done in [pool.submit(s.prepare) for s in (embedding, mesh, iris, expression) * settings.threads]:
                done.result()
    return Stages(
        detector=Detector(detection),
        mesher=FaceMeshModel(mesh),
        pupils=PupilFinder(iris),
        expressions=ExpressionReader(expression),
        embedder=Embedder(embedding, known_strength=not embedder.own, mirrored=settings.accuracy == "high"),
        runtime=runtime,
    )


def open_store(settings: Settings) -> ModelStore:
    """The cache of models that `settings` name: those that ship, and the user's own.

    Raises:
        ManifestError, ModelStoreError: the user's own cannot be read.
    """
    from visavis.models.build import RECIPE, build
    from visavis.models.own import manifest_with_own
    from visavis.models.store import ModelStore

    return ModelStore(
        settings.home, manifest_with_own(settings.home), builder=build, recipe=RECIPE, offline=settings.offline
    )
