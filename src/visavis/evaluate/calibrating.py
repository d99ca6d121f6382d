"""`calibrate_folder` and `cross_validate_folder`: a labelled folder in, a similarity scale or a check of one out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visavis.calibration import Calibration
from visavis.errors import InvalidRequest
from visavis.evaluate.data.csv_rows import read_rows
from visavis.evaluate.data.embeddings import Acquired, embed_images
from visavis.evaluate.data.errata import NO_ERRATA, read_errata
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
from visavis.settings import Settings

__all__ = ["FolderFit", "calibrate_folder", "check_folder", "cross_validate_folder", "fit_folder"]

_SEX = "sex"


@dataclass(frozen=True, slots=True, eq=False)
class FolderFit:
    """A calibration, and the fit that it was made of: levels with their intervals and counts, and the tails."""

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
        folder: has `images.csv` (columns image and identity) beside `images/`, or one folder for each person.
        group: column of `images.csv` whose values impostors share; default: sex, where there is such a column.
        name: what the calibration calls the data set; default: the folder's name.
        errata: a CSV file of label errors to leave out; see `read_errata`.
        settings: embedder, accuracy, device and threads; default: from the environment.
        resume: a file that holds the embeddings computed so far; a run that was interrupted goes on from it. It is
            personal data. Default: none is written.
        progress: report progress on standard error.

    Returns:
        The calibration: `similarity` maps a cosine to 0..100, `write` stores it, and `evaluate_folder` takes it.

    Raises:
        InvalidRequest: the folder, a CSV file or an image is wrong, or there are too few impostor pairs to fit on.
        ModelError: a network is missing and cannot be fetched.
        SettingsError: an environment variable holds something it cannot.

    Example:
        >>> from pathlib import Path
        >>> from visavis.evaluate import calibrate_folder, evaluate_folder
        >>> calibration = calibrate_folder("staff")  # doctest: +SKIP
        >>> calibration.lowest_score(80)  # doctest: +SKIP
        >>> calibration.write(Path("calibration.json"))  # doctest: +SKIP
        >>> evaluation = evaluate_folder("visitors", calibration=calibration)  # doctest: +SKIP
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

    Arguments and errors are those of `calibrate_folder`.

    Example:
        >>> from visavis.evaluate import fit_folder
        >>> fitted = fit_folder("staff")  # doctest: +SKIP
        >>> [(level.similarity, level.interval) for level in fitted.fit.levels]  # doctest: +SKIP
    """
    settings = settings or Settings.from_env()
    data = _read(folder, group=group, errata=errata)
    acquired = embed_images(
        data.protocol, settings, resume=Path(resume) if resume else None, progress=image_progress(shown=progress)
    )
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
        model_sha256=embedder.sha256,
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
    """Fit a scale on all folds of people but one and count on that one, for each fold in turn.

    Args:
        folder: as for `calibrate_folder`.
        folds: how many folds are made from the people's names, 2 or more.
        folds_from: a CSV file of pairs whose folds to take instead.
        group, errata, settings, resume, progress: as for `calibrate_folder`.

    Returns:
        The false match rates of people that the scale was not fitted on, and whether they keep the promise.

    Raises:
        InvalidRequest: as for `calibrate_folder`; also for fewer than two folds, or too few people without one fold.
        ModelError, SettingsError: as for `calibrate_folder`.

    Example:
        >>> from visavis.evaluate import cross_validate_folder
        >>> check = cross_validate_folder("staff")  # doctest: +SKIP
        >>> check.kept  # doctest: +SKIP
    """
    if folds < 2:
        raise InvalidRequest(f"folds must be at least 2, not {folds}: one is left out, the others are fitted on")
    settings = settings or Settings.from_env()
    data = _read(folder, group=group, errata=errata)
    protocol = data.protocol
    of_identity = (
        folds_from_pairs(protocol, Path(folds_from)) if folds_from else folds_of(protocol.identities, folds)
    )  # fmt: skip
    fold = of_identity[protocol.identity]
    acquired = embed_images(
        protocol, settings, resume=Path(resume) if resume else None, progress=image_progress(shown=progress)
    )
    column = "group x fold"
    scores = _scores(data, acquired, {column: grouped_folds(data.group, fold)}, progress=progress)
    people = len(protocol.identities)
    return check_folds(scores, scores.groups[column], protocol.identity, data.group, fold, identities=people)


def check_folder(folder: str | Path, *, group: str | None = None, errata: str | Path | None = None) -> None:
    """Refuse a folder that cannot be fitted on, before any image is analysed. Arguments are as for `calibrate_folder`.

    Raises:
        InvalidRequest: it is not a labelled folder, or has too few people.
    """
    _read(folder, group=group, errata=errata)


_EVERYONE = ""  # the column of a set without groups


@dataclass(frozen=True, slots=True, eq=False)
class _Labelled:
    """A labelled folder that is large enough to fit on.

    column: whose values impostors share; None: all are impostors of each other
    group:  the images' values of it
    """

    protocol: ComparisonProtocol
    column: str | None
    group: Groups


def _read(folder: str | Path, *, group: str | None, errata: str | Path | None) -> _Labelled:
    folder = Path(folder)
    column = group or _default_group(folder)
    known = read_errata(Path(errata)) if errata else NO_ERRATA
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
        acquired.embeddings, acquired.quality, data.protocol.identity, groups=groups,
        left_out=data.protocol.left_out, usable=acquired.usable, progress=comparison_progress(shown=progress),
    )  # fmt: skip
