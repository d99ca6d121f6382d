"""Error rates of visavis on labelled images, and the similarity scale that is fitted to them.

    from visavis.evaluate import calibrate_folder, evaluate_folder, plot_det

    evaluation = evaluate_folder("staff", groups=["sex"])       # `visavis evaluate`
    plot_det(evaluation)
    calibration = calibrate_folder("staff")                     # `visavis calibrate`

The package consists of four packages. Each imports only those above it in this list:

    data        which images are compared, their labels, and their embeddings
    statistics  scores of pairs; error rates, intervals and curves counted from the scores
    fitting     the scale, fitted to the scores of impostors, and its cross-validation
    reporting   JSON, Markdown, HTML, plots and progress

`evaluating` and `calibrating` call them in this order. They need the extra: pip install "visavis[evaluate]".
"""

from visavis.errors import InvalidRequest

try:
    from visavis.evaluate.calibrating import (
        FolderFit,
        calibrate_folder,
        check_folder,
        cross_validate_folder,
        fit_folder,
    )
    from visavis.evaluate.evaluating import evaluate_folder, evaluate_pairs
    from visavis.evaluate.reporting.html_report import as_html
    from visavis.evaluate.reporting.json_report import as_json
    from visavis.evaluate.reporting.markdown_report import as_markdown
    from visavis.evaluate.reporting.plots import (
        plot_calibration,
        plot_det,
        plot_error_discard,
        plot_scores,
        write_plots,
    )
    from visavis.evaluate.reporting.text_report import cross_validation_as_text, fit_as_text
    from visavis.evaluate.statistics.evaluation import Evaluation
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "scipy":
        raise
    raise InvalidRequest('evaluating and calibrating need SciPy: pip install "visavis[evaluate]"') from error

__all__ = [
    "Evaluation",
    "FolderFit",
    "as_html",
    "as_json",
    "as_markdown",
    "calibrate_folder",
    "check_folder",
    "cross_validate_folder",
    "cross_validation_as_text",
    "evaluate_folder",
    "evaluate_pairs",
    "fit_as_text",
    "fit_folder",
    "plot_calibration",
    "plot_det",
    "plot_error_discard",
    "plot_scores",
    "write_plots",
]
