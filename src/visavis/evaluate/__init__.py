"""Error rates of visavis on labelled images, and the similarity scale that is fitted to them.

    from visavis.evaluate import calibrate_folder, evaluate_folder

    evaluation = evaluate_folder("staff", groups=["sex"])       # `visavis evaluate`
    calibration = calibrate_folder("staff")                     # `visavis calibrate`

    protocol -> acquire -> scores -> evaluation -> report, plots        `evaluate_folder`, `evaluate_pairs`
                             └────-> calibrate                          `calibrate_folder`
                             └────-> folds                              `cross_validate_folder`

What is counted is the score of `pair_scores`, which is the one that a comparison computes. `metrics`, `bootstrap`,
`discard` and `tail` are the arithmetic in between: arrays in, numbers out.
"""

from visavis.evaluate.calibrating import (
    FolderFit,
    calibrate_folder,
    check_folder,
    cross_validate_folder,
    fit_folder,
)
from visavis.evaluate.evaluating import evaluate_folder, evaluate_pairs
from visavis.evaluate.evaluation import Evaluation
from visavis.evaluate.plots import draw
from visavis.evaluate.report import as_json, as_markdown

__all__ = [
    "Evaluation",
    "FolderFit",
    "as_json",
    "as_markdown",
    "calibrate_folder",
    "check_folder",
    "cross_validate_folder",
    "draw",
    "evaluate_folder",
    "evaluate_pairs",
    "fit_folder",
]
