"""`evaluate_folder` and `evaluate_pairs` count the errors on a labelled data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visavis import __version__
from visavis.calibration import Calibration
from visavis.errors import CalibrationMismatch, InvalidRequest
from visavis.evaluate.data.embeddings import embed_images
from visavis.evaluate.data.errata import errata_or_none
from visavis.evaluate.data.pairs import read_pairs
from visavis.evaluate.data.protocol import ComparisonProtocol, read_folder
from visavis.evaluate.reporting.progress import comparison_progress, image_progress
from visavis.evaluate.statistics.counting import evaluate
from visavis.evaluate.statistics.evaluation import Evaluation
from visavis.models.shipped import SHIPPED_EMBEDDERS
from visavis.runtime import chosen_embedder, open_calibration
from visavis.settings import Settings, settings_or_env

__all__ = ["evaluate_folder", "evaluate_pairs"]


def evaluate_folder(
    folder: str | Path,
    *,
    groups: Sequence[str] = (),
    folds_from: str | Path | None = None,
    errata: str | Path | None = None,
    calibration: str | Path | Calibration | None = None,
    settings: Settings | None = None,
    replicates: int = 1000,
    resume: str | Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Compare every image of a labelled folder with every other, and count the errors.

    The score of a pair is the score that a comparison computes from the largest face of each image.

    Args:
        folder: either contains `images.csv` (columns image, identity, and any group columns) and the images, beside it
            or in `images/`; or contains one folder for each person.
        groups: columns of `images.csv`. Each value of each column gets error rates too.
        folds_from: a CSV file of pairs with folds. Its images are images of the folder, and it gives k-fold accuracy.
        errata: a CSV file of label errors to leave out; see `read_errata`.
        calibration: the scale to evaluate, or its file; default: the scale of the embedder that `settings` choose.
        settings: embedder, accuracy, device and threads; default: from the environment.
        replicates: bootstrap replicates behind the intervals; 0: no bootstrap intervals.
        resume: a file of the embeddings computed so far, from which an interrupted run continues. It contains personal
            data. Default: no file is written.
        progress: whether to report progress on standard error.

    Returns:
        Error rates with intervals at each promised similarity, TAR at fixed FMR, EER, the DET curve and more. Write
        them with `as_json`, `as_markdown` and `write_plots`.

    Raises:
        InvalidRequest: the folder, a CSV file or an image is wrong; the text names the file and the line.
        CalibrationMismatch: the calibration was fitted on another embedder or at another accuracy.
        ModelError: a network is missing and cannot be fetched.
        SettingsError: an environment variable has a value that it cannot have.

    Example:
        >>> from visavis.evaluate import evaluate_folder
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> at_80 = evaluation.points[0]
        >>> at_80.similarity, at_80.fmr.rate, at_80.fnmr.rate
        (80, Rate(errors=0, trials=13), Rate(errors=0, trials=2))
    """
    _check(groups, replicates)
    known = errata_or_none(errata)
    protocol = read_folder(Path(folder), groups=groups, errata=known)
    folds = read_pairs(Path(folds_from), images=protocol.folder, errata=known) if folds_from else None
    return _evaluate(
        protocol,
        folds=folds,
        calibration=calibration,
        settings=settings,
        replicates=replicates,
        resume=resume,
        progress=progress,
    )


def evaluate_pairs(
    file: str | Path,
    *,
    images: str | Path | None = None,
    groups: Sequence[str] = (),
    errata: str | Path | None = None,
    calibration: str | Path | Calibration | None = None,
    settings: Settings | None = None,
    replicates: int = 1000,
    resume: str | Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Compare the pairs that a CSV file lists, and count the errors.

    Args:
        file: a CSV file with the columns source, target, same (1 or 0) and, for k-fold accuracy, fold; see
            `read_pairs`.
        images: the folder of the images; default: `images` beside the file, or else the folder of the file.
        groups: columns of an `images.csv` beside the file. Each value of each column gets error rates too.
        errata: a CSV file of label errors to leave out; see `read_errata`.
        calibration: the scale to evaluate, or its file; default: the scale of the embedder that `settings` choose.
        settings: embedder, accuracy, device and threads; default: from the environment.
        replicates: bootstrap replicates behind the intervals; 0: no bootstrap intervals.
        resume: a file of the embeddings computed so far, from which an interrupted run continues. It contains personal
            data. Default: no file is written.
        progress: whether to report progress on standard error.

    Returns:
        The same values as `evaluate_folder`, counted over the listed pairs.

    Raises:
        VisavisError: the errors of `evaluate_folder`.

    Example:
        >>> from visavis.evaluate import evaluate_pairs
        >>> evaluation = evaluate_pairs("examples/photos/pairs.csv", progress=False)
        >>> evaluation.k_fold.tolist()
        [1.0, 1.0]
    """
    _check(groups, replicates)
    known = errata_or_none(errata)
    protocol = read_pairs(Path(file), images=Path(images) if images else None, groups=groups, errata=known)
    return _evaluate(
        protocol,
        folds=None,
        calibration=calibration,
        settings=settings,
        replicates=replicates,
        resume=resume,
        progress=progress,
    )


def _check(groups: Sequence[str], replicates: int) -> None:
    if isinstance(groups, str):
        raise InvalidRequest(f"groups must be a list of column names such as [{groups!r}], not the string {groups!r}")
    if replicates < 0:
        raise InvalidRequest(f"replicates must be at least 0, not {replicates}")


def _evaluate(
    protocol: ComparisonProtocol,
    *,
    folds: ComparisonProtocol | None,
    calibration: str | Path | Calibration | None,
    settings: Settings | None,
    replicates: int,
    resume: str | Path | None,
    progress: bool,
) -> Evaluation:
    settings = settings_or_env(settings)
    scale = _calibration(calibration, settings)
    origin = calibration if isinstance(calibration, str | Path) else _origin(calibration, settings)
    acquired = embed_images(protocol, settings, resume=resume, progress=image_progress(shown=progress))
    return evaluate(
        protocol,
        acquired,
        scale,
        folds=folds,
        replicates=replicates,
        progress=comparison_progress(shown=progress),
        provenance={
            "visavis": __version__,
            "embedder": scale.model_sha256,
            "scale": f"{origin}, fitted on {scale.provenance.get('data_set', '?')}",
        },
    )


def _calibration(given: str | Path | Calibration | None, settings: Settings) -> Calibration:
    """The scale to evaluate, which must belong to the embedder and the accuracy of `settings`."""
    if given is None:
        return open_calibration(settings)
    if not isinstance(given, Calibration):
        try:
            given = Calibration.read(Path(given))
        except OSError as error:
            raise InvalidRequest(f"{given} cannot be read: {error.strerror}") from error
        except CalibrationMismatch as error:
            raise InvalidRequest(str(error)) from error
    given.check(chosen_embedder(settings).network_sha256, settings.accuracy)
    return given


def _origin(calibration: Calibration | None, settings: Settings) -> str:
    if calibration is not None:
        return "given"
    return "shipped" if settings.embedder in SHIPPED_EMBEDDERS else f"of {settings.embedder}"
