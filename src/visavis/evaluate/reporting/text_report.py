"""A fit and a cross-validation as text, for a terminal."""

from __future__ import annotations

from visavis.evaluate.fitting.cross_validation import TOLERATED_FACTOR, FoldCheck
from visavis.evaluate.fitting.fit import Fit
from visavis.evaluate.statistics.error_rates import RULE_OF_30, Rate, Support, support_for
from visavis.evaluate.statistics.pair_scores import SCORE
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR

__all__ = ["cross_validation_as_text", "fit_as_text"]


def fit_as_text(fit: Fit) -> str:
    """A table of the promised similarities with their scores, and a line about the tails.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            print(fit_as_text(fit_folder("staff").fit))
    """
    lines = ["similarity  promised FMR  score   95 %              false matches there"]
    for level in fit.levels:
        bounds = f"{level.interval.low:.3f} to {level.interval.high:.3f}"
        counted = ", ".join(f"{r.errors:,} of {r.trials:,} {name}".rstrip() for name, r in level.counted.items())
        lines.append(
            f"{level.similarity:10}  {level.fmr:12.0e}  {level.score:.4f}  {bounds:16}  {counted}"
            + ("  (extrapolated)" if level.extrapolated else "")
        )
    tails = "; ".join(f"{name} above {t.threshold:.3f}, scale {t.scale:.4f}".strip() for name, t in fit.tails.items())
    shape = next(iter(fit.tails.values())).shape
    lines.append(f"tail: shape {shape:.3f} ({fit.shape.low:.3f} to {fit.shape.high:.3f}); {tails}")
    lines.append(f"score: {SCORE}")
    return "\n".join(lines)


def cross_validation_as_text(check: FoldCheck) -> str:
    """A table of the false match rates of people that the scale was not fitted on, and the verdict.

    Example:
        A folder to fit on has images of several hundred people; see `check_folder`:

            print(cross_validation_as_text(cross_validate_folder("staff")))
    """
    lines = [
        f"fitted on {check.folds - 1} folds, counted on the other, {check.folds} times",
        "similarity  group  FMR of unseen pairs         over promised  FMR within the fold         over promised",
    ]
    for one in check.checked:
        promised = PROMISED_FMR[one.similarity]
        unseen, within = (_counted(rate, promised) for rate in (one.unseen, one.within_fold))
        lines.append(f"{one.similarity:10}  {one.group or 'all':5}  {unseen}{within}".rstrip())
    lines.append(f"* thin: fewer than {RULE_OF_30} false matches are expected there, so chance alone can move the rate")
    ranges = "; ".join(f"{s} at {min(by_fold):.3f} to {max(by_fold):.3f}" for s, by_fold in check.scores.items())
    lines.append(f"scores over the folds ({SCORE}): {ranges}")
    lines.append(
        f"FNMR at {LOWEST_PROMISED}: {100 * check.fnmr.value:.2f} % "
        f"({check.fnmr.errors:,} of {check.fnmr.trials:,} genuine pairs)"
    )
    verdict = "kept: everywhere" if check.kept else "not kept: not everywhere"
    lines.append(f"for unseen pairs the promise is {verdict} within a factor of {TOLERATED_FACTOR:g}")
    return "\n".join(lines)


def _counted(rate: Rate, promised: float) -> str:
    mark = " " if support_for(promised, rate.trials) is Support.SUFFICIENT else "*"
    return f"{rate.value:.2e} ({rate.errors:,} of {rate.trials:,})".ljust(34) + f"{rate.value / promised:5.2f}{mark} "
