"""`calibrate_folder` fits a similarity scale to a labelled folder, and `cross_validate_folder` checks such a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visavis.calibration import Calibration
from visavis.errors import InvalidRequest
from visavis.evaluate.data.csv_rows import read_rows
from visavis.evaluate.data.embeddings import Acquired, embed_images
from visavis.evaluate.data.errata import errata_or_none
from visavis.evaluate.data.protocol import ComparisonProtocol, Groups, read_folder
from visavis.evaluate.fitting.cross_validation import (
    FoldCheck,
    check_folds,
    folds_from_pairs,
    folds_of,
    grouped_folds,
)
from visavis.evaluate.fitting.fit import Fit, fit_scale, refuse_too_few
from visavis.evaluate.fitting.impostors import impostors_of, named_groups, possible_impostors
from visavis.evaluate.fitting.template_offset import fit_template_offset, genuine_scores
from visavis.evaluate.reporting.progress import comparison_progress, image_progress
from visavis.evaluate.statistics.scores import Scores, score_all
from visavis.models.user_provided import input_of
from visavis.runtime import chosen_embedder
from visavis.settings import Settings, settings_or_env

__all__ = ["FolderFit", "calibrate_folder", "check_folder", "cross_validate_folder", "fit_folder"]

_SEX = "sex"


@dataclass(frozen=True, slots=True, eq=False)
class FolderFit:
    """A calibration and the fit that it was made from.

    Attributes:
        calibration: maps a score to a similarity.
        fit: the levels of the scale with their intervals and counts, and the tails of the groups.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            fitted = fit_folder("staff")
            fitted.calibration.lowest_score(80)
            [(level.similarity, level.interval) for level in fitted.fit.levels]
    """

    calibration: Calibration
    fit: Fit


def calibrate_folder(
    folder: str | Path,
    *,
    group: str | None = None,
    name: str | None = None,
    errata: str | Path | None = None,
    settings: Settings | None = None,
    resume: str | Path | None = None,
    progress: bool = True,
) -> Calibration:
    """Fit a similarity scale to a labelled folder, for the embedder and accuracy that `settings` choose.

    Every image is compared with every other. The impostors are the pairs of two people who share a value of `group`.

    Args:
        folder: either contains `images.csv` (columns image and identity) and the images, beside it or in `images/`; or
            contains one folder for each person.
        group: a column of `images.csv`. Two people who share a value of it are impostors of each other; default: sex,
            where there is such a column.
        name: the name of the data set in the calibration; default: the folder's name.
        errata: a CSV file of label errors to leave out; see `read_errata`.
        settings: embedder, accuracy, device and threads; default: from the environment.
        resume: a file of the embeddings computed so far, from which an interrupted run continues. It contains personal
            data. Default: no file is written.
        progress: whether to report progress on standard error.

    Returns:
        The calibration. Its `similarity` maps a score to 0..100 and its `write` stores it; `evaluate_folder` takes it.

    Raises:
        InvalidRequest: the folder, a CSV file or an image is wrong, or there are too few impostor pairs to fit on.
        ModelError: a network is missing and cannot be fetched.
        SettingsError: an environment variable has a value that it cannot have.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            calibration = calibrate_folder("staff")
            calibration.lowest_score(80)
            calibration.write(Path("calibration.json"))
            evaluation = evaluate_folder("visitors", calibration=calibration)
    """
    return fit_folder(
        folder, group=group, name=name, errata=errata, settings=settings, resume=resume, progress=progress
    ).calibration


def fit_folder(
    folder: str | Path,
    *,
    group: str | None = None,
    name: str | None = None,
    errata: str | Path | None = None,
    settings: Settings | None = None,
    resume: str | Path | None = None,
    progress: bool = True,
) -> FolderFit:
    """Fit a scale as `calibrate_folder` does, and return the fit beside the calibration.

    The arguments and errors are those of `calibrate_folder`.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            fitted = fit_folder("staff")
            [(level.similarity, level.interval) for level in fitted.fit.levels]
    """
    settings = settings_or_env(settings)
    data = _read(folder, group=group, errata=errata)
    acquired = embed_images(data.protocol, settings, resume=resume, progress=image_progress(shown=progress))
    people = len(data.protocol.identities)
    column = data.column or _EVERYONE
    scores = _scores(data, acquired, {column: data.group}, progress=progress)
    impostors = impostors_of(scores, scores.groups[column], data.protocol.identity, data.group)
    fit = fit_scale(impostors, identities=people)
    provenance: dict[str, object] = {
        "data_set": name or data.protocol.name,
        "images": int(acquired.usable.sum()),
        "identities": people,
        "group": data.column,
        "impostor_pairs": dict(zip(impostors.names, impostors.pairs.tolist(), strict=True)),
    }
    embedder = chosen_embedder(settings)
    if embedder.user_provided:
        provenance |= {"embedder": embedder.name, "input": input_of(embedder.build)}
    usable = acquired.usable
    embeddings, quality = acquired.embeddings[usable], acquired.quality[usable]
    identity = data.protocol.identity[usable]
    calibration = fit.calibration(
        model_sha256=embedder.network_sha256,
        accuracy=settings.accuracy,
        provenance=provenance,
        template_offset=fit_template_offset(embeddings, quality, identity, data.group.codes[usable]),
        genuine=genuine_scores(embeddings, quality, identity),
    )
    return FolderFit(calibration, fit)


def cross_validate_folder(
    folder: str | Path,
    *,
    folds: int = 5,
    folds_from: str | Path | None = None,
    group: str | None = None,
    errata: str | Path | None = None,
    settings: Settings | None = None,
    resume: str | Path | None = None,
    progress: bool = True,
) -> FoldCheck:
    """Fit a scale on all folds of people but one and count false matches on that fold, for each fold in turn.

    Args:
        folder: either contains `images.csv` (columns image and identity) and the images, beside it or in `images/`; or
            contains one folder for each person.
        folds: the number of folds, 2 or more. A hash of each person's name decides the fold.
        folds_from: a CSV file of pairs with folds, which are used instead of `folds`.
        group: a column of `images.csv`. Two people who share a value of it are impostors of each other; default: sex,
            where there is such a column.
        errata: a CSV file of label errors to leave out; see `read_errata`.
        settings: embedder, accuracy, device and threads; default: from the environment.
        resume: a file of the embeddings computed so far, from which an interrupted run continues. It contains personal
            data. Default: no file is written.
        progress: whether to report progress on standard error.

    Returns:
        The false match rates of people that the scale was not fitted on, and whether the rates keep the promise.

    Raises:
        InvalidRequest: as for `calibrate_folder`; or there are fewer than two folds, or too few people outside a fold.
        ModelError: a network is missing and cannot be fetched.
        SettingsError: an environment variable has a value that it cannot have.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            check = cross_validate_folder("staff")
            check.kept
            [(rate.similarity, rate.ratio()) for rate in check.checked]
    """
    if folds < 2:
        raise InvalidRequest(f"folds must be at least 2, not {folds}, because the scale is fitted on all folds but one")
    settings = settings_or_env(settings)
    data = _read(folder, group=group, errata=errata)
    protocol = data.protocol
    of_identity = folds_from_pairs(protocol, Path(folds_from)) if folds_from else folds_of(protocol.identities, folds)
    fold = of_identity[protocol.identity]
    acquired = embed_images(protocol, settings, resume=resume, progress=image_progress(shown=progress))
    column = "group x fold"
    scores = _scores(data, acquired, {column: grouped_folds(data.group, fold)}, progress=progress)
    people = len(protocol.identities)
    return check_folds(scores, scores.groups[column], protocol.identity, data.group, fold, identities=people)


def check_folder(folder: str | Path, *, group: str | None = None, errata: str | Path | None = None) -> None:
    """Check that a folder has enough people to fit on, without analysing an image.

    Args:
        folder: either contains `images.csv` (columns image and identity) and the images, beside it or in `images/`; or
            contains one folder for each person.
        group: a column of `images.csv`. Two people who share a value of it are impostors of each other; default: sex,
            where there is such a column.
        errata: a CSV file of label errors to leave out; see `read_errata`.

    Raises:
        InvalidRequest: the folder is not a labelled folder, or it has too few people.

    Example:
        >>> from visavis.evaluate import check_folder
        >>> check_folder("examples/photos")
        Traceback (most recent call last):
        visavis.errors.InvalidRequest: too few impostor pairs to fit a scale: 13. A false match rate of 1e-04 needs ...
    """
    _read(folder, group=group, errata=errata)


_EVERYONE = ""  # the group column where the data set has none


@dataclass(frozen=True, slots=True, eq=False)
class _Labelled:
    """A labelled folder that is large enough to fit on.

    Attributes:
        column: impostors share a value of this column; None: all people are impostors of each other.
        group: the value of each image in that column.
    """

    protocol: ComparisonProtocol
    column: str | None
    group: Groups


def _read(folder: str | Path, *, group: str | None, errata: str | Path | None) -> _Labelled:
    folder = Path(folder)
    column = group or _default_group(folder)
    known = errata_or_none(errata)
    protocol = read_folder(folder, groups=[column] if column else [], errata=known)
    everyone = Groups(("",), np.zeros(len(protocol.images), np.int32))
    values = protocol.groups[column] if column else everyone
    names = tuple(values.values[v] for v in named_groups(values))
    refuse_too_few(names, possible_impostors(protocol.identity, values))
    return _Labelled(protocol, column, values)


def _default_group(folder: Path) -> str | None:
    labels = folder / "images.csv"
    if not labels.is_file():
        return None
    first = next(read_rows(labels, ("image", "identity")), None)
    return _SEX if first is not None and first.has(_SEX) else None


def _scores(data: _Labelled, acquired: Acquired, groups: dict[str, Groups], *, progress: bool) -> Scores:
    return score_all(
        acquired.embeddings,
        acquired.quality,
        data.protocol.identity,
        groups=groups,
        left_out=data.protocol.left_out,
        usable=acquired.usable,
        progress=comparison_progress(shown=progress),
    )
