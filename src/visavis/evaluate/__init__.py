"""How well visavis does on labelled pictures, and the scale that follows from it.

    protocol -> acquire -> scores -> evaluation -> report, plots        `visavis evaluate`
                             └────-> calibrate, folds                   `visavis calibrate`

What is counted is the score of `pair_scores`, which is the one that a comparison computes. `metrics`, `bootstrap`,
`discard` and `tail` are the arithmetic in between: arrays in, numbers out.
"""
