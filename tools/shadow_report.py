"""Report where Amazon Rekognition and visavis disagree on the same CompareFaces requests, as Markdown.

    python -m tools.shadow_report AMAZON.jsonl VISAVIS.jsonl [--threshold 80] [--request-threshold 80] [-o report.md]

A line of either file is a JSON object with `id`, and with `response` (of CompareFaces, as boto3 returns it) or `error`
(`code`, `message`). It may have `threshold`, the SimilarityThreshold of its request, and `similarity`, the best
similarity whether it matched or not. `visavis batch --full` writes such lines.

A response gives an unmatched face no similarity: it is only known to be below the request's threshold. Such a pair is
no match at that threshold and above, and unknown below.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from bench.answers import iou
from tools.shadow_log import NAMED, Answer, Log, Pair, read_log, shown

from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.errors import InvalidRequest
from visavis.evaluate.statistics.error_rates import wilson
from visavis.files import writing_atomically
from visavis.inputs import percent_of

LARGEST = 20
"""How many disagreements are named."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def kappa(table: Counter[tuple[bool, bool]]) -> float:
    """Cohen's kappa of two verdicts: 1 for full agreement, 0 for that of chance; NaN if chance agrees on everything."""
    rates = [sum(count for cell, count in table.items() if cell[i]) / table.total() for i in (0, 1)]
    chance = rates[0] * rates[1] + (1 - rates[0]) * (1 - rates[1])
    agreed = (table[True, True] + table[False, False]) / table.total()
    return (agreed - chance) / (1 - chance) if chance < 1 else math.nan


def equal_rate_thresholds(answers: Sequence[Answer], matches: int) -> tuple[float, float, int] | None:
    """Above what and up to what threshold the number of matches is nearest to `matches`, and that number.

    Only thresholds at which every answer has a verdict are tried. None if it is below them; up to infinity if it is
    above every similarity.

    Args:
        answers: of visavis.
        matches: how many of the same pairs match for Amazon.
    """
    floor = max((a.high for a in answers if a.low < a.high), default=0.0)
    known = sorted((a.low for a in answers if a.faces and a.low == a.high and a.low >= floor), reverse=True)
    if matches > len(known) and floor > 0:
        return None
    # Of equal similarities, the last tells how many match at that threshold.
    counts = {math.inf: 0} | {similarity: i for i, similarity in enumerate(known, 1)}
    up_to = min(counts, key=lambda threshold: abs(counts[threshold] - matches))
    return max((similarity for similarity in known if similarity < up_to), default=floor), up_to, counts[up_to]


def as_markdown(amazon: Log, visavis: Log, threshold: float) -> str:
    """The report.

    Args:
        amazon: the lines of Amazon's answers.
        visavis: the lines of visavis's answers.
        threshold: 0..100, the similarity from which a face is a match, for both services.

    Raises:
        InvalidRequest: no id is in both.
    """
    pairs = [Pair(name, a, visavis.answers[name]) for name, a in amazon.answers.items() if name in visavis.answers]
    if not pairs:
        first = " and ".join(shown(next(iter(log.answers))) for log in (amazon, visavis))
        raise InvalidRequest(f"no id is in both files; their first ids are {first}")
    answered = [pair for pair in pairs if pair.amazon.error is pair.visavis.error is None]
    errors: dict[tuple[str, str], list[str]] = {}
    for pair in pairs:
        errors.setdefault((pair.amazon.error or "none", pair.visavis.error or "none"), []).append(pair.id)
    by_count = sorted(errors.items(), key=lambda cell: -len(cell[1]))
    more = [(p.visavis.faces > p.amazon.faces) - (p.visavis.faces < p.amazon.faces) for p in answered]
    return "\n\n".join([
        "# CompareFaces of Amazon Rekognition and of visavis",
        *_about_lines(amazon, visavis, len(pairs)),
        "## Errors",
        _table(["Amazon", "visavis", "ids", "first"], [[*cell, len(ids), shown(ids[0])] for cell, ids in by_count]),
        f"## Faces\n\nThe other sections are about the {len(answered):,} ids that both services answered.",
        _table(["faces in the target", "ids"],
               [["as many", more.count(0)], ["more by visavis", more.count(1)], ["fewer by visavis", more.count(-1)]]),
        *(_about_matches(answered, threshold) if answered else []),
    ]) + "\n"  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), ["---"] * len(head), *lines])


def _rate(count: int, n: int) -> str:
    found = wilson(count, n)
    return f"{count / n:.1%} ({found.low:.1%} to {found.high:.1%})"


def _about_lines(amazon: Log, visavis: Log, both: int) -> Iterator[str]:
    only = [[name for name in a.answers if name not in b.answers] for a, b in ((amazon, visavis), (visavis, amazon))]
    kinds = {
        "ids only in this file": only,
        "further lines of an id, not used": [amazon.doubled, visavis.doubled],
        "broken lines, not used": [amazon.broken, visavis.broken],
        "matches below the threshold of their request": [amazon.contradicted, visavis.contradicted],
    }
    yield "## Lines"
    rows = [["ids in both files", both, both], *([kind, *map(len, found)] for kind, found in kinds.items())]
    yield _table(["", "Amazon", "visavis"], rows)
    for kind, found in kinds.items():
        for service, names in zip(("Amazon", "visavis"), found, strict=True):
            if names:
                more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
                yield f"{service}, {kind}: {'; '.join(shown(name) for name in names[:NAMED])}{more}."
    if amazon.contradicted or visavis.contradicted:
        yield "Requests with matches below their threshold had a lower one: state it with `--request-threshold`."


def _about_matches(pairs: Sequence[Pair], threshold: float) -> Iterator[str]:
    told = [(p, p.amazon.matches(threshold), p.visavis.matches(threshold)) for p in pairs]
    known = [(p, a, v) for p, a, v in told if a is not None and v is not None]
    yield f"## Matches at {threshold:g}"
    yield (
        "A response gives an unmatched face no similarity, so a request tells nothing of thresholds below its own. "
        f"{len(pairs) - len(known):,} ids have no verdict at {threshold:g} and are left out here."
    )
    if len(known) < len(pairs):
        lowest = max(x.high for p in pairs for x in p[1:] if x.low < x.high)
        yield f"{lowest:g} is the lowest `--threshold` at which every id has one."
    if known:
        yield from _about_verdicts(Counter((a, v) for _, a, v in known), [p.visavis for p, _, _ in known], threshold)
    yield from _about_both([p for p, a, v in known if a and v])
    yield "## Largest disagreements"
    yield f"Ids with two verdicts come first, then those whose similarities differ most; at most {LARGEST}."
    split = {p.id for p, a, v in known if a is not v}
    worst = sorted((p for p in pairs if p.id in split or p.gap > 0), key=lambda p: (p.id not in split, -p.gap))
    rows = [[shown(p.id), p.amazon, p.visavis, "yes" if p.id in split else "no"] for p in worst[:LARGEST]]
    yield _table(["id", "Amazon", "visavis", "verdicts differ"], rows)


def _about_verdicts(table: Counter[tuple[bool, bool]], answers: Sequence[Answer], threshold: float) -> Iterator[str]:
    n, by_amazon = table.total(), table[True, True] + table[True, False]
    names = {True: "match", False: "no match"}
    yield _table(
        ["Amazon", "visavis: match", "visavis: no match"],
        [[names[amazon], table[amazon, True], table[amazon, False]] for amazon in (True, False)],
    )
    rates = {
        "agreement": table[True, True] + table[False, False],
        "matches of Amazon": by_amazon,
        "matches of visavis": table[True, True] + table[False, True],
    }
    yield _table(["", "share, with Wilson's 95 % interval"], [[name, _rate(k, n)] for name, k in rates.items()])
    found = kappa(table)
    told = "not defined, because each service gives one verdict only" if math.isnan(found) else f"{found:.3f}"
    yield f"Cohen's kappa: {told}. The intervals treat ids as independent; with many of one person they are too narrow."
    suggested = equal_rate_thresholds(answers, by_amazon)
    if suggested is None:
        where = "below that of its requests; ask it with a SimilarityThreshold of 0 to learn it"
    else:
        above, up_to, count = suggested
        # Rounded down, so that the similarity itself still matches.
        most = "" if math.isinf(up_to) else f" and up to {math.floor(up_to * 1e4) / 1e4:.4f}"
        where = f"above {above:.4f}{most}, where it has {count:,}"
    yield (
        f"Amazon has {by_amazon:,} matches at {threshold:g}. The visavis threshold with about as many is "
        f"{where}. Agreement is not accuracy: either service may be wrong, and only labelled pairs tell which "
        "(`visavis evaluate`)."
    )


def _about_both(pairs: Sequence[Pair]) -> Iterator[str]:
    yield f"## Similarities and boxes of the {len(pairs):,} ids that both matched"
    if not pairs:
        return
    similarities = np.array([[p.amazon.low, p.visavis.low] for p in pairs])
    columns = {"Amazon": similarities[:, 0], "visavis": similarities[:, 1], "visavis - Amazon": np.diff(similarities)}
    rows = [[name, *(f"{q:.2f}" for q in np.quantile(values, QUANTILES))] for name, values in columns.items()]
    yield _table(["similarity", *(f"{q:.0%}" for q in QUANTILES)], rows)
    # Fractions of one image have the same IoU as its pixels.
    overlaps = [iou(np.array(p.amazon.box), np.array(p.visavis.box)) for p in pairs]
    over = sum(overlap > 0.5 for overlap in overlaps)
    yield f"IoU of the matched boxes: median {np.median(overlaps):.2f}, above 0.5 {_rate(over, len(overlaps))}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status: 0, or 2 for an error.

    Args:
        arguments: of the command line; None for those of this process.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.shadow_report", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("amazon", type=Path, metavar="AMAZON.jsonl")
    parser.add_argument("visavis", type=Path, metavar="VISAVIS.jsonl")
    parser.add_argument("--threshold", default=DEFAULT_SIMILARITY_THRESHOLD, help="of a match, 0 to 100; default: 80")
    parser.add_argument("--request-threshold", default=DEFAULT_SIMILARITY_THRESHOLD, metavar="THRESHOLD",
                        help="SimilarityThreshold of requests whose lines do not state it; default: 80")  # fmt: skip
    parser.add_argument("-o", type=Path, metavar="FILE", dest="output", help="write the report to this file")
    given = parser.parse_args(arguments)
    try:
        threshold = percent_of("--threshold", given.threshold)
        asked = percent_of("--request-threshold", given.request_threshold)
        report = as_markdown(read_log(given.amazon, asked), read_log(given.visavis, asked), threshold)
        if given.output is None:
            print(report, end="")
            return 0
        with writing_atomically(given.output) as temporary:
            temporary.write_text(report, "utf-8")
    except (InvalidRequest, OSError) as error:
        print(f"shadow_report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
