"""Builds models, sessions, stages and an engine from settings. No other module does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from visavis.errors import SettingsError
from visavis.forks import forks_wait
from visavis.models.shipped import SHIPPED_EMBEDDERS
from visavis.settings import Settings, settings_or_env

if TYPE_CHECKING:
    from visavis.analysis import Analyzer
    from visavis.calibration import Calibration
    from visavis.engine import Engine
    from visavis.models.model_file import ModelFile
    from visavis.models.session import OpenVinoRuntime, OpenVinoSession
    from visavis.models.store import ModelStore

__all__ = [
    "chosen_embedder",
    "open_analyzer",
    "open_calibration",
    "open_engine",
    "open_store",
    "open_uncalibrated",
]


_EMBEDDER_INPUT, _MESH_INPUT = (1, 112, 112, 3), (1, 192, 192, 3)
_IRIS_INPUT, _EXPRESSION_INPUT = (2, 64, 64, 3), (1, 64, 64, 1)
"""The images that these networks take in one run, (n, h, w, channels). The detector's depend on the image."""

_IMPORTED_BY_COMPARISONS = ("simplejpeg", "PIL.JpegImagePlugin", "PIL.PngImagePlugin")


def open_engine(settings: Settings | None = None, *, once: bool = False) -> Engine:
    """Open an engine. Models that are not in the cache are fetched first.

    OpenCV is imported with one thread unless the program has imported it already (docs/performance.md).

    Args:
        settings: the settings; by default those of the environment.
        once: whether to start as fast as possible, because the engine makes a single comparison. Each network is then
            compiled when it is needed, once for all threads. Otherwise each network is compiled for every thread before
            this returns.

    Returns:
        The engine, which the caller closes.

    Raises:
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
        CalibrationMismatch: the embedder has no calibration, or one that was fitted on another embedder.
        SettingsError: an environment variable has a value that is not allowed, no embedder has the given name, the
            machine does not have the device or the precision, or `settings` is not a `Settings`.

    Example:
        >>> from dataclasses import replace
        >>> from visavis import Settings, open_engine
        >>> with open_engine(replace(Settings.from_env(), accuracy="high")) as engine:
        ...     engine.calibration.accuracy
        'high'
    """
    settings = settings_or_env(settings)
    return _engine(settings, open_calibration(settings), once=once)


def open_uncalibrated(settings: Settings) -> Engine:
    """Open an engine without a calibration, which analyses images but cannot compare them.

    Args:
        settings: the settings.

    Raises:
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
        SettingsError: no embedder has the given name, or the machine does not have the device.
    """
    return _engine(settings, None)


def open_calibration(settings: Settings) -> Calibration:
    """Read the calibration of the chosen embedder, which may be a shipped one or a user's.

    Args:
        settings: the settings that name the embedder and the accuracy.

    Raises:
        CalibrationMismatch: the embedder has no calibration, or one that was fitted on another embedder or input.
        SettingsError: no embedder has the given name.
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
        calibration = load_calibration(settings.accuracy, model.name)
    calibration.check(model.network_sha256, settings.accuracy)
    return calibration


def chosen_embedder(settings: Settings) -> ModelFile:
    """Return the model that `settings.embedder` names.

    Raises:
        SettingsError: no embedder has that name.
    """
    models = open_store(settings).manifest.models
    embedders = [name for name, model in models.items() if model.user_provided or name in SHIPPED_EMBEDDERS]
    if settings.embedder not in embedders:
        raise SettingsError(f"no embedder is named {settings.embedder!r}; choose one of: {', '.join(embedders)}")
    return models[settings.embedder]


def _engine(settings: Settings, calibration: Calibration | None, *, once: bool = False) -> Engine:
    analyzer, runtime = open_analyzer(settings, once=once)
    # Imported after the networks are opened, because these compile meanwhile.
    from visavis.engine import Engine

    return Engine(
        analyzer,
        calibration,
        threads=settings.threads,
        face_cache_size=settings.face_cache_size,
        release=runtime.close,
    )


def open_analyzer(settings: Settings | None = None, *, once: bool = False) -> tuple[Analyzer, OpenVinoRuntime]:
    """Open the stages without an engine, because some tools run them one by one.

    Arguments and errors are those of `open_engine`.

    Returns:
        The analyzer, and the runtime of its networks, which the caller closes.

    Example:
        >>> from pathlib import Path
        >>> from visavis.image import decode
        >>> analyzer, runtime = open_analyzer()
        >>> len(analyzer.detector(decode(Path("examples/photos/obama.jpg").read_bytes())))
        1
        >>> runtime.close()
    """
    settings = settings_or_env(settings)
    runtime = _open_runtime(settings, concurrency=1 if once else settings.threads)
    store = open_store(settings)
    embedder = chosen_embedder(settings)
    store.fetch(("detector", "mesh", "iris", embedder.name))
    session = partial(_session, runtime, store)
    embedding, mesh = session(embedder.name, precision=settings.precision), session("mesh")
    if once:
        # Before the other imports, because they then run while these networks compile.
        embedding.prepare_in_background(_EMBEDDER_INPUT)
        mesh.prepare_in_background(_MESH_INPUT)

    with forks_wait():
        # Python's import locks do not survive a fork. A child that was forked while another thread imported a module
        # blocks for ever when it imports that module. So everything that a comparison imports is imported here.
        _import_opencv()
        for name in () if once else _IMPORTED_BY_COMPARISONS:
            import_module(name)

        from visavis.analysis import Analyzer
        from visavis.vision.detect import PIXELS, SHAPES, Detector
        from visavis.vision.embed import Embedder
        from visavis.vision.expression import NETWORK, ExpressionReader, load_expression_calibration
        from visavis.vision.iris import PupilFinder
        from visavis.vision.mesh import FaceMeshModel

    expression_calibration = load_expression_calibration()
    iris, expression = session("iris"), runtime.session(NETWORK, sha256=expression_calibration.network_sha256)
    detection = session("detector", shapes=SHAPES, pixels=PIXELS, precision=settings.precision)
    if not once:
        # Loaded now, because the detector is compiled for further shapes later, when its file may have been deleted.
        detection.load()
        inputs = {embedding: _EMBEDDER_INPUT, mesh: _MESH_INPUT, iris: _IRIS_INPUT, expression: _EXPRESSION_INPUT}
        _prepare(inputs, settings.threads)
    norm_is_calibrated, mirrored = not embedder.user_provided, settings.accuracy == "high"
    analyzer = Analyzer(
        detector=Detector(detection),
        mesh_model=FaceMeshModel(mesh),
        pupils=PupilFinder(iris),
        expressions=ExpressionReader(expression, expression_calibration),
        embedder=Embedder(embedding, norm_is_calibrated=norm_is_calibrated, mirrored=mirrored),
    )
    return analyzer, runtime


def _session(
    runtime: OpenVinoRuntime,
    store: ModelStore,
    name: str,
    *,
    shapes: int = 1,
    pixels: int | None = None,
    precision: str = "f32",
) -> OpenVinoSession:
    """Open a network of the store, which is built again if it is damaged."""
    restore = partial(store.restore, name)
    return runtime.session(store.ready(name), shapes=shapes, pixels=pixels, precision=precision, restore=restore)


def _open_runtime(settings: Settings, concurrency: int) -> OpenVinoRuntime:
    from visavis.models.session import OpenVinoRuntime

    runtime = OpenVinoRuntime(concurrency=concurrency, cache=settings.home / "compiled", device=settings.device)
    runtime.check_device()
    runtime.check_precision(settings.precision)
    return runtime


def _prepare(inputs: Mapping[OpenVinoSession, tuple[int, ...]], threads: int) -> None:
    """Compile each network for every thread."""
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(session.prepare, shape) for session, shape in [*inputs.items()] * threads]:
            done.result()


def _import_opencv() -> None:
    """Import OpenCV, and limit it to one thread unless the program has imported it already.

    The engine's threads use every core, so OpenCV's thread pool only adds load: 3 to 20 % of the processor's time, more
    with more cores. The number of OpenCV's threads applies to the whole process, so a program that imports OpenCV
    itself keeps its number. Results do not depend on it.
    """
    was_imported = "cv2" in sys.modules
    import cv2

    if not was_imported:
        cv2.setNumThreads(1)


def open_store(settings: Settings) -> ModelStore:
    """Open the cache of the models that ship and of the user's embedders.

    Args:
        settings: the settings that name the cache folder and the folder of the user's embedders.

    Raises:
        ManifestError: the description of a user's embedder is wrong.
        ModelStoreError: the description of a user's embedder cannot be read.
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
