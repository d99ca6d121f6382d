"""K-fold accuracy, as face verification benchmarks report it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.data.embeddings import Acquired
from visavis.evaluate.data.protocol import Codes, ComparisonProtocol, Pairs
from visavis.evaluate.statistics.pair_scores import pair_scores

__all__ = ["accuracy_of_folds", "best_threshold", "k_fold_accuracy"]


def accuracy_of_folds(
    listed: ComparisonProtocol, protocol: ComparisonProtocol, acquired: Acquired
) -> NDArray[np.float64] | None:
    """The accuracy on each fold of listed pairs; None where they have no folds.

    Args:
        listed: the pairs.
        protocol: the data set that contains their images.
        acquired: the embeddings of the images of `protocol`.

    Returns:
        (folds,) float64, 0..1.

    Raises:
        InvalidRequest: the pairs name an image that `protocol` does not contain.
    """
    if listed.pairs is None or listed.pairs.fold is None:
        return None
    place = {image: i for i, image in enumerate(protocol.images)}
    if lost := next((image for image in listed.images if image not in place), None):
        raise InvalidRequest(f"the pairs {listed.name} name {lost}, which is not in the data set {protocol.name}")
    to: Codes = np.array([place[image] for image in listed.images], np.int32)
    pairs = Pairs(to[listed.pairs.source], to[listed.pairs.target], listed.pairs.same, listed.pairs.fold)
    pairs = pairs.among(acquired.usable)
    assert pairs.fold is not None
    scores = pair_scores(acquired.embeddings, acquired.quality, pairs.source, pairs.target)
    return k_fold_accuracy(scores, pairs.same, pairs.fold)


def k_fold_accuracy(
    scores: NDArray[np.floating], same: NDArray[np.bool_], fold: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The accuracy on each fold at the threshold that is best on the other folds.

    Args:
        scores: (m,) the score of each pair.
        same: (m,) bool, the pair shows one person.
        fold: (m,) the fold of each pair.

    Returns:
        (folds,) float64, 0..1.

    Example:
        >>> scores, same = np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False, True, False])
        >>> k_fold_accuracy(scores, same, fold=np.array([0, 0, 1, 1])).tolist()
        [1.0, 1.0]
    """
    accuracies = []
    for k in np.unique(fold):
        here = fold == k
        threshold = best_threshold(scores[~here], same[~here])
        accuracies.append(((scores[here] >= threshold) == same[here]).mean())
    return np.array(accuracies)


def best_threshold(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """The threshold with the most correct answers. Of several ranges with as many, it is the middle of the widest."""
    order = np.argsort(scores, kind="stable")
    c, s = scores[order].astype(np.float64), same[order]
    right = np.concatenate([[s.sum()], s.sum() - np.cumsum(s) + np.cumsum(~s)])  # if the first i are below
    bounds = np.concatenate([[-1.0], c, [1.0]])
    width = np.diff(bounds)
    best = np.flatnonzero((right == right[width > 0].max()) & (width > 0))
    i = best[np.argmax(width[best])]
    return float(bounds[i] + bounds[i + 1]) / 2
