"""Puts everything together: settings to models, sessions, stages and an engine. Nothing else does."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

from visavis.errors import SettingsError
from visavis.forks import forks_wait
from visavis.settings import SHIPPED_EMBEDDER, Settings

if TYPE_CHECKING:
    from visavis.analysis import Analyzer
    from visavis.calibration import Calibration
    from visavis.engine import Engine
    from visavis.models.manifest import ModelFile
    from visavis.models.session import OpenVinoRuntime
    from visavis.models.store import ModelStore

__all__ = [
    "chosen_embedder",
    "open_analyzer",
    "open_calibration",
    "open_engine",
    "open_store",
    "open_uncalibrated",
]


_IMPORTED_BY_COMPARISONS = ("simplejpeg", "PIL.JpegImagePlugin", "PIL.PngImagePlugin")


def open_engine(settings: Settings | None = None, *, once: bool = False) -> Engine:
    """Open an engine; fetches models that are not in the cache yet.

    OpenCV is imported with one thread unless the program has imported it already (docs/performance.md).

    Args:
        settings: default: from the environment.
        once: start as fast as possible, for a single comparison: networks are compiled when they are needed, and once
            for all threads. Otherwise each is compiled for every thread before this returns.

    Raises:
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
        CalibrationMismatch: the embedder has no calibration, or one that was fitted on another.
        SettingsError: an environment variable holds something it cannot, there is no such embedder, or the machine
            does not have the device; `settings` is of another type.

    Example:
        >>> from dataclasses import replace
        >>> from visavis import Settings, open_engine
        >>> with open_engine(replace(Settings.from_env(), accuracy="high")) as engine:
        ...     engine.calibration.accuracy
        'high'
    """
    settings = Settings.from_env() if settings is None else settings
    if not isinstance(settings, Settings):
        raise SettingsError(f"settings must be Settings(...), not {type(settings).__name__}")
    return _engine(settings, open_calibration(settings), once=once)


def open_uncalibrated(settings: Settings) -> Engine:
    """Open an engine without a calibration, which analyses but cannot compare.

    Raises as `open_engine`, except `CalibrationMismatch`.
    """
    return _engine(settings, None)


def open_calibration(settings: Settings) -> Calibration:
    """The calibration of the chosen embedder: the shipped one, or that of a user's embedder.

    Raises:
        CalibrationMismatch: it has none, or one that was fitted on another embedder or input.
        SettingsError: there is no such embedder.
    """
    from visavis.calibration import Calibration, load_calibration
    from visavis.errors import CalibrationMismatch
    from visavis.models.user_provided import calibration_file, input_of

    model = chosen_embedder(settings)
    if model.user_provided:
        try:
            calibration = Calibration.read(calibration_file(model))
        except OSError as error:
            raise CalibrationMismatch(
                f"the embedder {model.name!r} has no calibration, and that of another embedder does not apply to it; "
                f"fit one to a labelled folder with `visavis calibrate FOLDER --embedder {model.name}`"
            ) from error
        fitted_on = calibration.provenance.get("input", input_of(model.build))
        if fitted_on != input_of(model.build):
            raise CalibrationMismatch(
                f"the calibration of {model.name!r} was fitted on {fitted_on}, and embedder.toml says "
                f"{input_of(model.build)}; calibrate it again"
            )
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
    embedders = [name for name, model in models.items() if model.user_provided or name == SHIPPED_EMBEDDER]
    if settings.embedder not in embedders:
        raise SettingsError(f"no embedder is named {settings.embedder!r}; there are: {', '.join(embedders)}")
    return models[settings.embedder]


def _engine(settings: Settings, calibration: Calibration | None, *, once: bool = False) -> Engine:
    from visavis.engine import Engine

    analyzer, runtime = open_analyzer(settings, once=once)
    return Engine(
        analyzer,
        calibration,
        threads=settings.threads,
        face_cache_size=settings.face_cache_size,
        release=runtime.close,
    )


def open_analyzer(settings: Settings | None = None, *, once: bool = False) -> tuple[Analyzer, OpenVinoRuntime]:
    """Open the stages without an engine, for tools that run them one by one.

    Arguments and errors are those of `open_engine`.

    Returns:
        The analyzer, and the runtime of its networks, which the caller closes.

    Example:
        analyzer, runtime = open_analyzer()
        detections = analyzer.detector(decode(Path("a.jpg").read_bytes()))
        runtime.close()
    """
    from visavis.models.session import OpenVinoRuntime

    settings = settings or Settings.from_env()
    runtime = OpenVinoRuntime(
        concurrency=1 if once else settings.threads, cache=settings.home / "compiled", device=settings.device
    )  # fmt: skip
    runtime.check_device()
    store = open_store(settings)
    embedder = chosen_embedder(settings)
    networks = {name: store.ready(name) for name in ("detector", "mesh", "iris", embedder.name)}
    embedding, mesh = runtime.session(networks[embedder.name]), runtime.session(networks["mesh"])
    if once:
        # Before the other imports, because they then run while this compiles.
        embedding.prepare_in_background()
        mesh.prepare_in_background()

    with forks_wait():
        # Python's import locks do not survive a fork: a child that was forked while another thread imported a module
        # waits for ever when it imports that module. So everything that a comparison imports is imported here.
        _import_opencv()
        for name in _IMPORTED_BY_COMPARISONS:
            import_module(name)

        from visavis.analysis import Analyzer
        from visavis.vision.detect import SHAPES, Detector
        from visavis.vision.embed import Embedder
        from visavis.vision.expression import NETWORK, ExpressionReader
        from visavis.vision.iris import PupilFinder
        from visavis.vision.mesh import FaceMeshModel

    iris, expression = runtime.session(networks["iris"]), runtime.session(NETWORK)
    detection = runtime.session(networks["detector"], shapes=SHAPES)
    if not once:
        # Now, because the detector is compiled for further shapes later, when its file may have been deleted.
        detection.load()
        with ThreadPoolExecutor(settings.threads) as pool:
            for done in [pool.submit(s.prepare) for s in (embedding, mesh, iris, expression) * settings.threads]:
                done.result()
    analyzer = Analyzer(
        detector=Detector(detection),
        mesher=FaceMeshModel(mesh),
        pupils=PupilFinder(iris),
        expressions=ExpressionReader(expression),
        embedder=Embedder(
            embedding, norm_is_calibrated=not embedder.user_provided, mirrored=settings.accuracy == "high"
        ),
    )
    return analyzer, runtime


def _import_opencv() -> None:
    """Import OpenCV, with one thread of its own unless the program has imported it already.

    The engine's threads use every core, so OpenCV's pool only costs: 3 to 20 % of the processor's time, more with more
    cores. The number of threads belongs to the whole process, so a program that imports OpenCV itself keeps its own.
    Answers do not depend on it.
    """
    was_imported = "cv2" in sys.modules
    import cv2

    if not was_imported:
        cv2.setNumThreads(1)


def open_store(settings: Settings) -> ModelStore:
    """The models that ship and the user's embedders, with the cache that `settings` name.

    Raises:
        ManifestError, ModelStoreError: a user's embedder cannot be read.
    """
    from visavis.models.build import BUILD_VERSION, build
    from visavis.models.store import ModelStore
    from visavis.models.user_provided import read_models

    return ModelStore(
        settings.home,
        read_models(settings.embedders),
        builder=build,
        build_version=BUILD_VERSION,
        offline=settings.offline,
    )
